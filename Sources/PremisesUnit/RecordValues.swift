package import HSSModel
package import Vr

/// Names one recording of one channel, from its order to its last word; never travels.
package struct RecordingID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// What is to be recorded of a channel, until ``UnitMachine/Action/stopRecording(_:)``.
package struct RecordingOrder: Equatable, Sendable {
    package var id: RecordingID
    package var channel: Int
    /// A segment ends with the first key frame at or after it.
    package var segmentDuration: Duration
    package var largestSegment: Int
    /// So much of what is kept from before the order belongs to it.
    package var prerecord: Duration

    package init(
        id: RecordingID,
        channel: Int,
        segmentDuration: Duration,
        largestSegment: Int,
        prerecord: Duration
    ) {
        self.id = id
        self.channel = channel
        self.segmentDuration = segmentDuration
        self.largestSegment = largestSegment
        self.prerecord = prerecord
    }
}

/// A segment as the platform will have it.
package struct RecordedSegment: Equatable, Sendable {
    package var bytes: [UInt8]
    package var start: WallTime
    /// Whole milliseconds, 1 at least.
    package var duration: Duration
    package var isDiscontinuous: Bool

    package init(bytes: [UInt8], start: WallTime, duration: Duration, isDiscontinuous: Bool) {
        self.bytes = bytes
        self.start = start
        self.duration = max(duration, .milliseconds(1))
        self.isDiscontinuous = isDiscontinuous
    }

    package var span: RecordedSpan { RecordedSpan(start: start, duration: duration, bytes: bytes.count) }
}

/// Which segment is spoken of.
package struct RecordedSpan: Equatable, Sendable, CustomStringConvertible {
    package var start: WallTime
    package var duration: Duration
    package var bytes: Int

    package init(start: WallTime, duration: Duration, bytes: Int) {
        self.start = start
        self.duration = duration
        self.bytes = bytes
    }

    package var description: String {
        let seconds = (duration.inSeconds * 100).rounded() / 100
        return "\(start.milliseconds).ts (\(seconds) s, \(bytes) bytes)"
    }
}

/// One exchange with the storage, carried out by the edge and answered with ``UnitMachine/Input/vr(_:_:_:)``.
package struct VrOrder: Equatable, Sendable {
    package enum Work: Equatable, Sendable {
        /// `POST` to the Vr address of the channel (§9.3.4.2).
        case ask(SegmentRequest, url: Secret)
        case put(SegmentUpload)
    }

    package var recording: RecordingID
    /// Grows with each order of a recording: late answers are known by it.
    package var number: UInt64
    package var work: Work
    /// After it the exchange counts as lost.
    package var limit: Duration

    package init(recording: RecordingID, number: UInt64, work: Work, limit: Duration) {
        self.recording = recording
        self.number = number
        self.work = work
        self.limit = limit
    }
}

/// One `PUT` of a segment, or of what is missing of it.
package struct SegmentUpload: Equatable, Sendable {
    package var url: Secret
    /// The whole segment.
    package var content: [UInt8]
    package var range: UploadRange
    /// The connection breaks after so many bytes, on purpose (``RecordFaultPlan``).
    package var breaksAfter: Int?

    package init(url: Secret, content: [UInt8], range: UploadRange, breaksAfter: Int? = nil) {
        self.url = url
        self.content = content
        self.range = range
        self.breaksAfter = breaksAfter
    }
}

/// What came of a ``VrOrder``.
package enum VrReply: Equatable, Sendable {
    /// To `create`; nil: this segment is not wanted.
    case place(UploadPlace?)
    case done
    /// `host`: this host's clock when the answer came.
    case time(WallTime, host: WallTime)
    case refused(VrRefusal)
    /// No answer, or one that cannot be read: the platform may have done it.
    case lost(String)
}

package struct VrRefusal: Equatable, Sendable {
    /// 400 to 599.
    package var status: Int
    /// For people.
    package var info: String
    package var retryAfter: Duration?
    /// Where an upload is to go on.
    package var offset: Int64?

    package init(status: Int, info: String, retryAfter: Duration? = nil, offset: Int64? = nil) {
        self.status = status
        self.info = info
        self.retryAfter = retryAfter
        self.offset = offset
    }

    /// The platform has no room or no time now: the request is right.
    var mayPass: Bool { status == 408 || status == 429 || status >= 500 }
}
