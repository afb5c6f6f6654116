/// A segment, or one of its parts, by number: `_HLS_msn` and `_HLS_part` of a request (RFC 8216bis, 6.2.5.2), and the
/// names of parts.
package struct HLSPlace: Sendable, Equatable, Comparable {
    package var segment: Int
    /// `nil`: the whole segment.
    package var part: Int?

    package init(segment: Int, part: Int?) {
        self.segment = segment
        self.part = part
    }

    /// A whole segment is there after all of its parts.
    package static func < (one: HLSPlace, other: HLSPlace) -> Bool {
        (one.segment, one.part ?? .max) < (other.segment, other.part ?? .max)
    }
}

/// What a player asks of a playlist.
package struct HLSRequest: Sendable, Equatable {
    /// The answer is to have this, and may wait for it.
    package var place: HLSPlace?
    /// `_HLS_skip`: without the oldest segments, where there are many.
    package var skips = false

    package init() {}

    /// `nil`: the numbers are none, or a part is asked for without its segment (6.2.5.2), which the answer 400 is for.
    package init?(segment: String?, part: String?, skip: String?) {
        // YES, or v2 for those who skip date ranges too, of which there are none.
        skips = skip == "YES" || skip == "v2"
        guard segment != nil || part == nil else { return nil }
        guard let segment else { return }
        guard let number = Self.number(segment) else { return nil }
        var place = HLSPlace(segment: number, part: nil)
        if let part {
            guard let number = Self.number(part) else { return nil }
            place.part = number
        }
        self.place = place
    }

    private static func number(_ text: String) -> Int? {
        guard text.utf8.count <= 15, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }
}

/// What becomes of a request now.
package enum HLSDecision: Sendable, Equatable {
    case answer
    /// Until something more has come.
    case wait
    /// The player is too far ahead to be waited for: 400.
    case refuse
}

extension HLSWindow {
    /// 6.2.5.2: two segments ahead is as far as a player of ours can be.
    private static var furthestAhead: Int { 2 }

    package func decide(_ request: HLSRequest) -> HLSDecision {
        guard let place = request.place, !isOver else { return isPlayable ? .answer : .wait }
        let newest = kept.last?.number ?? -1
        guard place.segment <= newest + Self.furthestAhead else { return .refuse }
        return normalized(place) < next && isPlayable ? .answer : .wait
    }

    /// A part behind the last one of a segment that is complete is the first one of the next.
    private func normalized(_ place: HLSPlace) -> HLSPlace {
        guard let part = place.part, let segment = kept.first(where: { $0.number == place.segment }),
            segment.isComplete, part >= segment.parts.count
        else { return place }
        return HLSPlace(segment: place.segment + 1, part: 0)
    }

    /// For the part that a hint has told, and for those that are there.
    package func decide(part place: HLSPlace) -> HLSDecision {
        if part(place) != nil { return .answer }
        return place == next && !isOver ? .wait : .refuse
    }
}
