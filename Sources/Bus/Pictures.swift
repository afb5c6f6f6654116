package import HSSModel

/// One picture as JPEG.
package struct Picture: Sendable, Equatable {
    package var jpeg: [UInt8]
    /// In pixels; `nil` where nobody has looked into it.
    package var width: Int?
    /// When the key frame came, or what a unit sent.
    package var takenAt: WallTime

    package init(jpeg: [UInt8], width: Int?, takenAt: WallTime) {
        self.jpeg = jpeg
        self.width = width
        self.takenAt = takenAt
    }
}

package enum PictureError: Error, Equatable, CustomStringConvertible {
    /// Nothing has come yet of which one could be made.
    case none
    /// This platform cannot make pictures; why, for the operator.
    case notSupported(String)
    /// At a limit; in a second it may be different.
    case busy
    /// There is something, but no picture can be made of it.
    case unusable(String)
    case unavailable(String)

    package var description: String {
        switch self {
        case .none: "no picture yet"
        case .notSupported(let reason): "this platform makes no pictures of streams: \(reason)"
        case .busy: "too many pictures are being made"
        case .unusable(let reason): "no picture can be made of what came: \(reason)"
        case .unavailable(let reason): "pictures are not available: \(reason)"
        }
    }
}

/// Reference point Sm, what the SCU asks the MDU for besides streams: pictures of those that run, or ran a moment ago.
package protocol StreamPictures: Sendable {
    /// Of the last key frame. `width` in pixels, `nil` for the whole size, which is never exceeded.
    func picture(of stream: StreamID, width: Int?) async throws(PictureError) -> Picture

    /// A JPEG made smaller.
    func resized(_ picture: Picture, width: Int) async throws(PictureError) -> Picture
}

/// Reference point Cs: the last picture of a channel, whoever sent it. It never wakes a unit and never has it push; for a
/// picture of now there is ``UnitUploadPoint/snapshot(of:)``. Whoever calls has checked the right to see it.
package protocol ChannelPictures: Sendable {
    func picture(of channel: ChannelAddress, width: Int?) async throws(PictureError) -> Picture
}
