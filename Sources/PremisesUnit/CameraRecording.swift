import HSSModel

/// How a camera records to the platform's storage (§9.3.4.1). The SDK cuts what the ``CameraSource`` gives, uploads it, and
/// keeps it in memory until the platform has said that it counts.
public struct CameraRecording: Sendable, Equatable {
    /// So much of each channel is kept all the time, at most a minute and 32 MB, so that a recording can begin before it was
    /// asked for: the source is open then from the start of the camera on. 0: it begins with the next key frame.
    public var prerecord: Duration
    /// Bytes of segments that wait for the storage, of all channels together; what does not fit is lost, the oldest of its
    /// recording first. One segment of each recording is there in any case.
    public var memory: Int

    public init(prerecord: Duration = .zero, memory: Int = 64 << 20) {
        self.prerecord = prerecord
        self.memory = memory
    }

    static let longestPrerecord: Duration = .seconds(60)
    static let memoryRange = 1 << 20...1 << 30

    func settings() throws(UnitSetupError) -> RecordSettings {
        guard (.zero...Self.longestPrerecord).contains(prerecord) else {
            throw .option("recording.prerecord", "expected 0 s to 60 s, found \(prerecord)")
        }
        guard Self.memoryRange.contains(memory) else {
            throw .option("recording.memory", "expected 1 MiB to 1 GiB, found \(memory)")
        }
        var settings = RecordSettings()
        settings.prerecord = prerecord
        settings.mostCachedBytes = memory
        settings.mostCachedOfAll = memory
        settings.largestSegment = min(settings.largestSegment, memory / 2)
        return settings
    }
}

/// A piece of a recording, and what became of it.
public struct CameraSegment: Sendable, Equatable {
    public enum Outcome: Sendable, Equatable {
        /// It counts at the platform.
        case saved
        /// The platform did not want it.
        case unwanted
        /// The storage could not be reached in time, or did not take it.
        case lost(String)
    }

    public var channel: Int
    /// Seconds since 1970, and its length.
    public var start: Double
    public var seconds: Double
    public var bytes: Int
    public var outcome: Outcome

    init(_ span: RecordedSpan, channel: Int, _ outcome: Outcome) {
        self.channel = channel
        start = Double(span.start.milliseconds) / 1000
        seconds = span.duration.inSeconds
        bytes = span.bytes
        self.outcome = outcome
    }
}

extension CameraDelegate {
    /// What of a unit's events is about its recordings.
    func heard(_ event: UnitEvent) {
        switch event {
        case .recordingStarted(let channel, _): recordingStarted(channel: channel)
        case .recordingStopped(let channel, _), .recordingFailed(let channel, _, _):
            recordingEnded(channel: channel)
        case .segmentSaved(let channel, let span): segmentEnded(CameraSegment(span, channel: channel, .saved))
        case .segmentUnwanted(let channel, let span):
            segmentEnded(CameraSegment(span, channel: channel, .unwanted))
        case .segmentDropped(let channel, let span, let reason):
            segmentEnded(CameraSegment(span, channel: channel, .lost(reason)))
        default: break
        }
    }
}
