/// One picture to be made into a JPEG, as the platform asks `vedette-codec pictures` for it.
package struct PictureRequest: Sendable, Equatable {
    package enum Coding: UInt8, Sendable, CaseIterable { case h264 = 1, h265, jpeg }

    /// Octets of a coded picture. A key frame of 4K takes less than 2 MiB.
    package static let longestPicture = 8 << 20
    static let headerLength = 10
    package static let longest = headerLength + longestPicture
    /// The scale of JPEG encoders: 2 is best, 31 worst.
    package static let qualities = 2...31
    package static let widths = 16...8192

    /// Comes back in the answer.
    package var number: UInt32
    package var coding: Coding
    /// Pixels; `nil` for those of the picture, which are not exceeded.
    package var width: Int?
    package var quality: Int
    /// H.264 and H.265 with start codes, parameter sets first (annex B).
    package var picture: [UInt8]

    package init(number: UInt32, coding: Coding, width: Int?, quality: Int = 4, picture: [UInt8]) {
        self.number = number
        self.coding = coding
        self.width = width.map { min(max($0, Self.widths.lowerBound), Self.widths.upperBound) }
        self.quality = min(max(quality, Self.qualities.lowerBound), Self.qualities.upperBound)
        self.picture = picture
    }

    /// Takes what a ``CodecFrameReader`` hands on.
    package init(decoding frame: [UInt8]) throws(CodecProtocolError) {
        guard frame.count > Self.headerLength, frame.count <= Self.longest else {
            throw .length(frame.count)
        }
        guard frame[0] == CodecFrame.version else { throw .field("version") }
        guard let coding = Coding(rawValue: frame[1]) else { throw .field("coding") }
        let width = Int(frame[2]) << 8 | Int(frame[3])
        guard width == 0 || Self.widths.contains(width) else { throw .field("width") }
        guard Self.qualities.contains(Int(frame[4])) else { throw .field("quality") }
        guard frame[5] == 0 else { throw .field("reserved") }
        self.init(
            number: CodecFrame.number(frame[6..<10]),
            coding: coding,
            width: width == 0 ? nil : width,
            quality: Int(frame[4]),
            picture: Array(frame[Self.headerLength...])
        )
    }

    /// With its length in front. `nil`: the picture is empty or longer than may be sent.
    package func encoded() -> [UInt8]? {
        guard (1...Self.longestPicture).contains(picture.count) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(CodecFrame.lengthSize + Self.headerLength + picture.count)
        CodecFrame.append(UInt32(Self.headerLength + picture.count), to: &bytes)
        let width = UInt16(self.width ?? 0)
        bytes += [CodecFrame.version, coding.rawValue, UInt8(width >> 8), UInt8(width & 0xFF)]
        bytes += [UInt8(quality), 0]
        CodecFrame.append(number, to: &bytes)
        bytes += picture
        return bytes
    }
}
