/// Finds in a segment the last key frame at or before a time. Takes the segment from its first octet on.
package struct KeyPictureSearch: Sendable {
    fileprivate struct Found: Sendable {
        /// In ticks of 90 kHz from the segment's first picture on.
        let time: Int64
        var first: Int64?
        var format: VideoFormat?
        var picture: KeyPicture?
        var place: Int64 = 0
        var isOver = false
    }

    private var reader = SegmentDemultiplexer()
    private var found: Found

    /// `time` in ticks of 90 kHz from the segment's first picture on.
    package init(time: Int64) {
        found = Found(time: time)
    }

    package var isOver: Bool { found.isOver }
    /// The first one, where all come later.
    package var picture: KeyPicture? { found.picture }
    /// Of the picture, in ticks from the segment's first one on.
    package var place: Int64 { found.place }

    package mutating func take(_ octets: UnsafeRawBufferPointer) {
        reader.take(octets, for: &found)
    }

    package mutating func finish() {
        reader.endSegment(for: &found)
    }
}

extension KeyPictureSearch.Found: SegmentWatcher {
    mutating func note(_ event: TransportStreamDemultiplexer.Event) {
        switch event {
        case .video(let format): self.format = format
        case .unit(let unit) where unit.track == .video && !isOver:
            let first = first ?? unit.presentation
            self.first = first
            let place = unit.presentation - first
            if unit.isKeyFrame, picture == nil || place <= time, let format,
                let found = KeyPicture(unit, format)
            {
                (picture, self.place) = (found, place)
            }
            isOver = picture != nil && unit.decoding - first > time
        case .unit, .content, .audio, .discontinuity, .refused: break
        }
    }
}
