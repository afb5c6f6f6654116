/// Why a request over Vr, or an upload, was not done. Reaches the unit as a status and `{"info": …}` (Appendix I.3).
///
/// "400~499: user input error, 500~599: server error". Each `info` is constant text but for numbers of the platform's
/// own: nothing a peer sent comes back to it.
package enum RecordFailure: Error, Equatable, Hashable, Sendable, CustomStringConvertible {
    // The request.
    case requestTooLong
    case malformedForm
    case repeatedField
    case unknownOperation
    case missing(SegmentField)
    case malformed(SegmentField)
    case unsupportedType
    /// `https=0`, and this platform takes nothing without TLS.
    case plainUploadsAreOff
    /// Not the key of this channel, or no key, or of a session that is forgotten: alike for whoever tries keys out.
    case wrongKey
    case unknownSegment
    /// The segment ends later than now: the unit's clock is ahead.
    case clockAhead
    case segmentTooLarge(limit: Int64)
    /// The same start was announced with another size, length or continuity.
    case announcedDifferently
    /// `save` before all bytes are there.
    case incomplete(received: Int64, size: Int64)
    /// `fail` after `save`.
    case savedAlready
    case malformedRange
    /// An upload went on at another place than where the last one broke off.
    case wrongOffset(expected: Int64)
    /// Another upload of the same segment has begun.
    case displaced
    case tooManyOpen
    // The platform.
    /// The segment is being cleaned up.
    case beingRemoved
    case busy
    case overQuota
    case noSpace
    case storageFailed

    package var status: Int {
        switch self {
        case .requestTooLong, .segmentTooLarge: 413
        case .malformedForm, .repeatedField, .unknownOperation, .missing, .malformed, .plainUploadsAreOff,
            .clockAhead, .malformedRange:
            400
        case .unsupportedType: 415
        case .wrongKey: 403
        case .unknownSegment: 404
        case .announcedDifferently, .incomplete, .savedAlready, .wrongOffset, .displaced:
            409
        case .tooManyOpen: 429
        case .beingRemoved, .busy, .storageFailed: 503
        case .overQuota, .noSpace: 507
        }
    }

    package var info: String {
        switch self {
        case .requestTooLong: "the request is too long"
        case .malformedForm: "expected a form: name=value&…, percent-encoded UTF-8"
        case .repeatedField: "a field may be given once"
        case .unknownOperation: "op: expected create, save, fail, getcurrenttime or stat"
        case .missing(let field): "\(field.rawValue) is required"
        case .malformed(let field): "\(field.rawValue): expected \(field.expectation)"
        case .unsupportedType: "content_type: expected video/mp2t"
        case .plainUploadsAreOff: "https=0: this platform takes uploads over https only"
        case .wrongKey: "this address is not valid"
        case .unknownSegment: "name: there is no such segment"
        case .clockAhead: "start: the segment ends in the future; set the clock by getcurrenttime"
        case .segmentTooLarge(let limit): "size: at most \(limit) bytes"
        case .announcedDifferently: "start: announced before with another size, duration or discontinue"
        case .incomplete(let received, let size): "name: \(received) of \(size) bytes are there"
        case .savedAlready: "name: the segment is saved already"
        case .malformedRange: "Content-Range: expected bytes FIRST-LAST/SIZE to the end of the segment"
        case .wrongOffset(let expected): "Content-Range: go on at byte \(expected)"
        case .displaced: "another upload of this segment has begun"
        case .tooManyOpen: "too many segments are open; save or fail some first"
        case .beingRemoved: "the segment is being removed, try again later"
        case .busy: "too many requests at once, try again later"
        case .overQuota: "the space for recordings of this channel is used up"
        case .noSpace: "no space is left for recordings, try again later"
        case .storageFailed: "the storage is not available, try again later"
        }
    }

    package var description: String { info }
}

/// The fields of Vr requests, with the names that they have on the wire.
package enum SegmentField: String, Sendable, CaseIterable {
    case operation = "op"
    case contentType = "content_type"
    case size, start, duration, discontinue, https, name
    case droppedCount = "dropped_nb"
    case droppedTime = "dropped_time"

    var expectation: String {
        switch self {
        case .operation: "create, save, fail, getcurrenttime or stat"
        case .contentType: "video/mp2t"
        case .size: "bytes, 1 to \(SegmentAnnouncement.largestSize)"
        case .start: "seconds since the epoch, up to the year 9999"
        case .duration: "seconds, more than 0 and at most 86400"
        case .discontinue, .https: "0 or 1"
        case .name: "the name that create answered"
        case .droppedCount: "a number of segments"
        case .droppedTime: "seconds"
        }
    }
}
