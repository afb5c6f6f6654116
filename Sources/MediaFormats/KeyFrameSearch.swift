/// Finds in a segment the key frame at which a cut begins. Takes the segment from its first octet on; its times are those
/// of a fresh ``TransportStreamDemultiplexer``.
package struct KeyFrameSearch: Sendable {
    package struct Place: Sendable, Equatable {
        /// Presentation time of the segment's first picture.
        package var first: Int64
        /// Of the key frame at which decoding begins.
        package var key: Int64
        /// Where the cut begins, or the key frame where that is later.
        package var target: Int64
    }

    fileprivate struct Decision: Sendable {
        let lead: Int64
        let mayLead: Bool
        var first: Int64?
        var key: Int64?
        var leading = (octets: 0, pictures: 0)
        var isOver = false
    }

    /// What has to be decoded before the first picture that is shown waits in memory while an export begins.
    static let longestLead = 16 << 20
    static let mostLeadingPictures = 2048

    private var reader = SegmentDemultiplexer()
    private var decision: Decision

    /// `lead`: where the cut begins, in ticks of 90 kHz from the segment's first picture on. Without `mayLead` the key
    /// frame is the first one at or behind it, else the last one at or before it, where there is one.
    package init(lead: Int64, mayLead: Bool) {
        decision = Decision(lead: lead, mayLead: mayLead)
    }

    /// What follows would change nothing.
    package var isOver: Bool { decision.isOver }

    /// Nil: nothing there can be decoded from its beginning on.
    package var place: Place? {
        guard let first = decision.first, let key = decision.key else { return nil }
        return Place(first: first, key: key, target: max(first + decision.lead, key))
    }

    package mutating func take(_ octets: UnsafeRawBufferPointer) {
        reader.take(octets, for: &decision)
    }

    package mutating func finish() {
        reader.endSegment(for: &decision)
    }
}

extension KeyFrameSearch.Decision: SegmentWatcher {
    mutating func note(_ event: TransportStreamDemultiplexer.Event) {
        if case .unit(let unit) = event, unit.track == .video { note(unit) }
    }

    private mutating func note(_ unit: AccessUnit) {
        guard !isOver else { return }
        let begin = first ?? unit.presentation
        first = begin
        let target = begin + lead
        if unit.isKeyFrame, unit.presentation == target || mayLead && unit.presentation < target {
            key = unit.presentation
            leading = (0, 0)
        } else if unit.isKeyFrame, key == nil, unit.presentation > target {
            key = unit.presentation
            isOver = true
        } else if unit.decoding > target {
            isOver = key != nil
        }
        guard let key, key < target, !isOver else { return }
        leading = (leading.octets + unit.sample.count, leading.pictures + 1)
        // So far from the next key frame nothing can be hidden: the cut begins there.
        if leading.octets > KeyFrameSearch.longestLead
            || leading.pictures > KeyFrameSearch.mostLeadingPictures
        {
            self.key = nil
        }
    }
}
