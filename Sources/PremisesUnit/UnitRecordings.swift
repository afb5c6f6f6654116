package import HSSModel
package import MediaFormats
package import Vd
import Vr

/// How a unit records.
package struct RecordSettings: Sendable, Equatable {
    /// Kept of each channel before anybody wants it recorded; 0: nothing is.
    package var prerecord: Duration = .zero
    /// Segments of one recording that wait, in bytes.
    package var mostCachedBytes = 64 << 20
    /// Of all recordings together, in bytes; but for one segment of each, which is never given up for another's.
    package var mostCachedOfAll = 256 << 20
    /// A segment is cut at this, though the platform would take larger ones.
    package var largestSegment = 16 << 20

    package init() {}
}

/// What the one that cuts segments tells of one recording.
package enum RecordNews: Sendable, Equatable {
    /// The first news; the host's time.
    case begun(at: WallTime)
    /// Its `arrival` is the host's time in milliseconds.
    case segment(MediaSegment)
    /// The last news; nil: it was stopped.
    case ended(String?)
}

/// The recordings of one unit (Tables I.2-14, I.2-15): of each channel one that runs, and those before it whose last
/// segments are on their way. They go on without a connection to the signalling server.
package struct UnitRecordings: Sendable {
    package enum Action: Equatable, Sendable {
        case start(RecordingOrder)
        case stop(RecordingID)
        case vr(VrOrder)
        /// The storage tells the time: to be answered with ``clockMoved(by:)`` where the unit's was set by it.
        case clock(platform: WallTime, host: WallTime)
        case report(UnitEvent)
        /// The platform should hear of it before the next heartbeat is due.
        case tellPlatform
    }

    private struct Recording: Sendable {
        let channel: Int
        let session: String
        var url: Secret
        var isRunning = true
        var clock: RecordClock
        var uploader: RecordUploader
        let settings: RecordSettings
    }

    /// Sessions that have ended and still upload; the oldest is given up for another one.
    private static let mostDraining = 4

    private var channels: [Int: UnitProfile.Channel]
    private let faults: RecordFaultPlan
    private var recordings: [RecordingID: Recording] = [:]
    private var lastID: UInt64 = 0

    package init(
        channels: [Int: UnitProfile.Channel],
        faults: RecordFaultPlan = RecordFaultPlan()
    ) {
        self.channels = channels
        self.faults = faults
    }

    /// What Keepalive reports: the record session that runs.
    package func session(on channel: Int) -> String? {
        running(on: channel).flatMap { recordings[$0]?.session }
    }

    /// Nothing runs and nothing is on its way.
    package var isIdle: Bool { recordings.isEmpty }

    /// What waits of all recordings, in bytes.
    package var heldBytes: Int { recordings.values.reduce(0) { $0 + $1.uploader.heldBytes } }

    /// When ``wake(at:)`` is next needed.
    package var nextWake: Instant? { recordings.values.lazy.compactMap(\.uploader.nextWake).min() }

    // MARK: What the platform asks

    package mutating func startRecord(
        _ parameters: JSONObject,
        settings: RecordSettings = RecordSettings(),
        at now: Instant
    ) -> (RPCAnswer, [Action]) {
        let order: StartRecord
        do { order = try StartRecord(parameters) } catch { return (.failure(.parameter(error)), []) }
        if let failure = objection(to: order) {
            return (
                .failure(failure), [.report(.recordingRefused(channel: order.channel, code: failure.code))]
            )
        }
        var actions: [Action] = []
        if let id = running(on: order.channel) {
            if recordings[id]?.session == order.session {
                guard recordings[id]?.url != order.callbackURL else { return (.success(.empty), []) }
                recordings[id]?.url = order.callbackURL
                return (.success(.empty), give(.address(order.callbackURL), to: id, at: now))
            }
            actions += stop(id)
        }
        return (.success(.empty), actions + begin(order, settings, at: now))
    }

    /// "Stop recording is completed, or the record session does not exist": a success either way; another session of
    /// the channel goes on.
    package mutating func stopRecord(_ parameters: JSONObject) -> (RPCAnswer, [Action]) {
        let order: StopRecord
        do { order = try StopRecord(parameters) } catch { return (.failure(.parameter(error)), []) }
        guard let id = running(on: order.channel), recordings[id]?.session == order.session else {
            return (.success(.empty), [])
        }
        return (.success(.empty), stop(id))
    }

    private func objection(to order: StartRecord) -> RPCFailure? {
        guard let channel = channels[order.channel] else { return .noSuchChannel(order.channel) }
        guard channel.state == .online else { return .channelNotOnline(order.channel) }
        guard order.maxBitrate == 0 || channel.bitrate <= order.maxBitrate else { return .streamTooLarge }
        let fewest = SegmentCutter.Limits.fewestBytes
        guard order.segmentMaxBytes >= fewest else {
            return .parameter(FieldError("seg_max_size", "expected \(fewest) or more"))
        }
        guard VrAddress(order.callbackURL) != nil else {
            return .parameter(FieldError("cbk_url", "expected an address of http or https"))
        }
        return nil
    }

    private mutating func begin(
        _ order: StartRecord,
        _ settings: RecordSettings,
        at now: Instant
    ) -> [Action] {
        var actions: [Action] = []
        let draining = recordings.filter { !$0.value.isRunning && $0.value.channel == order.channel }.keys
        if draining.count >= Self.mostDraining, let oldest = draining.min(by: { $0.rawValue < $1.rawValue }) {
            actions += give(.abandon, to: oldest, at: now)
        }
        lastID += 1
        let id = RecordingID(lastID)
        var limits = RecordUploader.Limits(mostSegments: order.segmentMaxCount)
        limits.mostBytes = settings.mostCachedBytes
        let prerecord = min(.seconds(order.prerecordSeconds ?? 0), settings.prerecord)
        recordings[id] = Recording(
            channel: order.channel,
            session: order.session,
            url: order.callbackURL,
            clock: RecordClock(orderedAt: Self.time(of: order)),
            uploader: RecordUploader(
                limits,
                url: order.callbackURL,
                faults: faults,
                seed: Self.seed(order.session) &+ lastID
            ),
            settings: settings
        )
        let recording = RecordingOrder(
            id: id,
            channel: order.channel,
            segmentDuration: .seconds(order.segmentSeconds),
            largestSegment: min(order.segmentMaxBytes, settings.largestSegment),
            prerecord: prerecord
        )
        return actions + [
            .start(recording), .report(.recordingStarted(channel: order.channel, session: order.session)),
        ]
    }

    /// By the platform's clock; nil: it does not tell.
    private static func time(of order: StartRecord) -> WallTime? {
        guard order.startTimestamp > 0 else { return nil }
        let start = WallTime(milliseconds: Int64((order.startTimestamp * 1000).rounded()))
        return start + .seconds(order.prerecordSeconds ?? 0)
    }

    /// So that units that record alike do not wait alike (FNV-1a).
    private static func seed(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    // MARK: What the unit's own parts tell

    /// A channel that is not online has nothing to record.
    package mutating func setState(_ state: ChannelState, of channel: Int) -> [Action] {
        channels[channel]?.state = state
        guard state != .online, let id = running(on: channel) else { return [] }
        return stop(id)
    }

    /// The device starts anew: what it holds in memory is gone.
    package mutating func stopAll() -> [Action] {
        defer { recordings = [:] }
        return recordings.keys.sorted { $0.rawValue < $1.rawValue }.flatMap { stop($0) }
    }

    /// `time` makes the unit's time of the host's.
    package mutating func receive(
        _ id: RecordingID,
        _ news: RecordNews,
        time: (WallTime) -> WallTime,
        at now: Instant
    ) -> [Action] {
        guard var recording = recordings[id] else { return [] }
        switch news {
        case .begun(let host):
            recording.clock.begin(at: time(host))
            recordings[id] = recording
            return []
        case .segment(let segment):
            let arrival = time(WallTime(milliseconds: segment.arrival))
            let placed = recording.clock.place(segment, arrival: arrival)
            let others = recordings.filter { $0.key != id }.values.reduce(0) { $0 + $1.uploader.heldBytes }
            let free = max(0, recording.settings.mostCachedOfAll - others)
            recording.uploader.bound(to: min(recording.settings.mostCachedBytes, free))
            recordings[id] = recording
            return give(.segment(placed), to: id, at: now)
        case .ended(let reason):
            var actions: [Action] = []
            if recording.isRunning {
                recording.isRunning = false
                recordings[id] = recording
                actions = [
                    .report(
                        .recordingFailed(
                            channel: recording.channel,
                            session: recording.session,
                            reason ?? "it ended by itself"
                        )
                    ), .tellPlatform,
                ]
            }
            return actions + give(.stop, to: id, at: now)
        }
    }

    package mutating func receive(
        _ id: RecordingID,
        number: UInt64,
        _ reply: VrReply,
        at now: Instant
    ) -> [Action] {
        give(.reply(number: number, reply), to: id, at: now)
    }

    package mutating func wake(at now: Instant) -> [Action] {
        recordings.filter { $0.value.uploader.nextWake.map { $0 <= now } ?? false }.keys
            .sorted { $0.rawValue < $1.rawValue }.flatMap { give(.wake, to: $0, at: now) }
    }

    /// The unit's clock was set.
    package mutating func clockMoved(by correction: Duration) {
        for id in recordings.keys {
            guard recordings[id]?.clock.clockMoved(by: correction) == true else { continue }
            recordings[id]?.uploader.clockMoved(by: correction)
        }
    }

    // MARK: Helpers

    private func running(on channel: Int) -> RecordingID? {
        recordings.first { $0.value.channel == channel && $0.value.isRunning }?.key
    }

    /// Its last segment comes before ``RecordNews/ended(_:)``.
    private mutating func stop(_ id: RecordingID) -> [Action] {
        guard let recording = recordings[id], recording.isRunning else { return [] }
        recordings[id]?.isRunning = false
        return [
            .stop(id), .report(.recordingStopped(channel: recording.channel, session: recording.session)),
        ]
    }

    private mutating func give(
        _ input: RecordUploader.Input,
        to id: RecordingID,
        at now: Instant
    ) -> [Action] {
        guard let channel = recordings[id]?.channel,
            let outputs = recordings[id]?.uploader.receive(input, at: now)
        else { return [] }
        return outputs.compactMap { output in
            switch output {
            case .ask(let number, let request):
                guard let recording = recordings[id] else { return nil }
                return .vr(
                    VrOrder(
                        recording: id,
                        number: number,
                        work: .ask(request, url: recording.url),
                        limit: recording.uploader.limits.requestLimit
                    )
                )
            case .put(let number, let upload):
                guard let limit = recordings[id]?.uploader.limits.uploadLimit else { return nil }
                return .vr(VrOrder(recording: id, number: number, work: .put(upload), limit: limit))
            case .clock(let platform, let host): return .clock(platform: platform, host: host)
            case .saved(let span): return .report(.segmentSaved(channel: channel, span))
            case .unwanted(let span): return .report(.segmentUnwanted(channel: channel, span))
            case .dropped(let span, let reason):
                return .report(.segmentDropped(channel: channel, span, reason))
            case .interrupted(let reason):
                return .report(.recordingInterrupted(channel: channel, reason))
            case .ended:
                recordings[id] = nil
                return nil
            }
        }
    }
}
