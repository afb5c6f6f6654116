package import HSSModel

/// What a unit says of a segment when it asks for an address (`create`, Table I.3-1).
package struct SegmentAnnouncement: Sendable, Hashable {
    /// As `seg_max_size` (Table I.2-14) allows.
    package static let largestSize = Int64(Int32.max)
    package static let longestDuration: Duration = .seconds(86_400)

    /// Bytes.
    package var size: Int64
    package var start: WallTime
    /// More than 0, whole milliseconds.
    package var duration: Duration
    /// True: timestamps do not go on from the previous segment. Nil: the unit did not say. The table requires the
    /// field; units in the field leave it out.
    package var discontinue: Bool?

    package init(size: Int64, start: WallTime, duration: Duration, discontinue: Bool? = nil) {
        self.size = size
        self.start = start
        self.duration = duration
        self.discontinue = discontinue
    }

    package var end: WallTime { start + duration }
}

/// What a unit could not upload since its last report (`stat`, Table I.3-5).
package struct DroppedSegments: Sendable, Hashable {
    package static let mostTime: Duration = .seconds(366 * 86_400)

    /// Segments.
    package var count: Int
    package var time: Duration

    package init(count: Int = 0, time: Duration = .zero) {
        self.count = count
        self.time = time
    }
}

/// What a unit asks over Vr: `POST https://<host>/live/cseg/<channel ID>` (§9.3.4.2, Table 9-5, Appendix I.3).
///
/// Both ends use it: the platform reads ``init(parsing:)``, the unit writes ``body``.
package enum SegmentRequest: Sendable, Hashable {
    package static let contentType = "application/x-www-form-urlencoded"
    package static let mediaType = "video/mp2t"
    /// Names are the platform's; ours have 18 characters, those of others may be paths.
    package static let longestName = 256

    /// Table I.3-1. `secure`: the unit can upload over https. `confirming`: the segment before it, which counts from now
    /// on, as `save` would have it ("it is recommended to confirm the two-stage requests at the same time",
    /// §9.3.4.1.3; the Recommendation names no field, here it is `name`).
    case create(SegmentAnnouncement, secure: Bool, confirming: String?)
    /// Table I.3-2.
    case save(name: String)
    /// Table I.3-3.
    case fail(name: String)
    /// Table I.3-4.
    case currentTime
    /// Table I.3-5.
    case statistics(DroppedSegments)

    package init(parsing body: some Collection<UInt8>) throws(RecordFailure) {
        let form = try FormBody(parsing: body)
        switch try form.required(.operation).lowercased() {
        case "create":
            let announcement = try form.announcement()
            // A unit that does not say so was made before https=1 was possible for none but it.
            self = .create(
                announcement,
                secure: try form.flag(.https) ?? true,
                confirming: try form.name()
            )
        case "save":
            guard let name = try form.name() else { throw .missing(.name) }
            self = .save(name: name)
        case "fail":
            guard let name = try form.name() else { throw .missing(.name) }
            self = .fail(name: name)
        case "getcurrenttime": self = .currentTime
        case "stat": self = .statistics(try form.dropped())
        default: throw .unknownOperation
        }
    }

    /// As a unit sends it, with the fields in the order of the tables' examples.
    package var body: String {
        var form = FormBody()
        func append(_ field: SegmentField, _ value: String) { form.append(field.rawValue, value) }
        switch self {
        case .create(let segment, let secure, let previous):
            append(.operation, "create")
            append(.contentType, Self.mediaType)
            append(.size, "\(segment.size)")
            append(.start, DecimalSeconds.text(milliseconds: segment.start.milliseconds))
            append(.duration, DecimalSeconds.text(milliseconds: segment.duration.wholeMilliseconds))
            if let discontinue = segment.discontinue { append(.discontinue, discontinue ? "1" : "0") }
            append(.https, secure ? "1" : "0")
            if let previous { append(.name, previous) }
        case .save(let name):
            append(.operation, "save")
            append(.name, name)
        case .fail(let name):
            append(.operation, "fail")
            append(.name, name)
        case .currentTime: append(.operation, "getcurrenttime")
        case .statistics(let dropped):
            append(.operation, "stat")
            append(.droppedCount, "\(dropped.count)")
            append(.droppedTime, DecimalSeconds.text(milliseconds: dropped.time.wholeMilliseconds))
        }
        return form.text
    }
}

extension FormBody {
    /// What is there and empty counts as absent: units write every field, also those that they have no value for.
    private func optional(_ field: SegmentField) -> String? {
        self[field.rawValue].flatMap { $0.isEmpty ? nil : $0 }
    }

    fileprivate func required(_ field: SegmentField) throws(RecordFailure) -> String {
        guard let value = optional(field) else { throw .missing(field) }
        return value
    }

    fileprivate func name() throws(RecordFailure) -> String? {
        guard let name = optional(.name) else { return nil }
        guard name.utf8.count <= SegmentRequest.longestName else { throw .malformed(.name) }
        return name
    }

    fileprivate func flag(_ field: SegmentField) throws(RecordFailure) -> Bool? {
        guard let text = optional(field) else { return nil }
        switch DecimalSeconds.integer(parsing: text) {
        case 0: return false
        case 1: return true
        default: throw .malformed(field)
        }
    }

    private func milliseconds(
        _ field: SegmentField,
        in range: ClosedRange<Int64>
    ) throws(RecordFailure)
        -> Int64
    {
        let value = DecimalSeconds.milliseconds(parsing: try required(field))
        guard let value, range.contains(value) else { throw .malformed(field) }
        return value
    }

    fileprivate func announcement() throws(RecordFailure) -> SegmentAnnouncement {
        // What follows a `;` are parameters of the type (RFC 9110 §8.3.1).
        let type = try required(.contentType).lowercased().split(separator: ";").first ?? ""
        guard type.filter({ $0 != " " }) == SegmentRequest.mediaType else { throw .unsupportedType }
        guard let size = DecimalSeconds.integer(parsing: try required(.size)),
            (1...SegmentAnnouncement.largestSize).contains(size)
        else { throw .malformed(.size) }
        let start = try milliseconds(.start, in: 0...SegmentName.latestStart.milliseconds)
        let duration = try milliseconds(
            .duration,
            in: 1...SegmentAnnouncement.longestDuration.wholeMilliseconds
        )
        return SegmentAnnouncement(
            size: size,
            start: WallTime(milliseconds: start),
            duration: .milliseconds(duration),
            discontinue: try flag(.discontinue)
        )
    }

    /// Both fields are optional (Table I.3-5).
    fileprivate func dropped() throws(RecordFailure) -> DroppedSegments {
        var dropped = DroppedSegments()
        if let text = optional(.droppedCount) {
            guard let count = DecimalSeconds.integer(parsing: text), count <= Int64(Int32.max) else {
                throw .malformed(.droppedCount)
            }
            dropped.count = Int(count)
        }
        if optional(.droppedTime) != nil {
            let most = DroppedSegments.mostTime.wholeMilliseconds
            dropped.time = .milliseconds(try milliseconds(.droppedTime, in: 0...most))
        }
        return dropped
    }
}
