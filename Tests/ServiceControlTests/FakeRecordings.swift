import Bus
import HSSModel
import HostClock
import ServiceControl
import Store
import Synchronization
import Testing

/// Storage, store and event log as far as the SCU's orders of recordings need them. They outlive a bench: a second one is
/// the platform after a restart.
final class FakeRecordings: RecordSessionPoint {
    struct Session: Equatable {
        var channel: ChannelAddress
        var begunAt: WallTime
        var endedAt: WallTime?
        var owner: UserName?
    }

    private struct State {
        var sessions: [RecordSessionID: Session] = [:]
        var wishes: [ChannelAddress: RecordingWishes] = [:]
        var disabled: Set<UnitID> = []
        var owner: UserName? = SignallingBench.anna
        var failure: RecordingError?
        var loadFailures = 0
        var storeFailure: StoreError?
        var hasPlainPort = true
        var events: [NewEvent] = []
        var alarms: [AlarmRecord] = []
        var dropped: (count: Int, time: Duration) = (0, .zero)
        var holdsAddresses = false
        var held: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var parts: RecordParts {
        var order = RecordSettings()
        order.patience = .seconds(5)
        return RecordParts(
            storage: self,
            settings: self,
            sessions: self,
            alarms: self,
            events: self,
            order: order
        )
    }

    // MARK: As the test wants it

    func failAll(with failure: RecordingError?) { state.withLock { $0.failure = failure } }
    func failStore(with failure: StoreError?) { state.withLock { $0.storeFailure = failure } }
    func failLoads(_ count: Int) { state.withLock { $0.loadFailures = count } }
    func setPlainPort(_ isOpen: Bool) { state.withLock { $0.hasPlainPort = isOpen } }
    func setOwner(_ owner: UserName?) { state.withLock { $0.owner = owner } }
    func disable(_ unit: UnitID) { state.withLock { _ = $0.disabled.insert(unit) } }
    func want(_ wishes: RecordingWishes, of channel: ChannelAddress) {
        state.withLock { $0.wishes[channel] = wishes }
    }
    func lose(_ count: Int, _ time: Duration) { state.withLock { $0.dropped = (count, time) } }
    func add(_ alarm: AlarmRecord) { state.withLock { $0.alarms.append(alarm) } }

    func run(
        _ id: String,
        of channel: ChannelAddress,
        since begunAt: WallTime = .now
    ) -> RecordSessionID {
        let session = RecordSessionID(unchecked: id)
        state.withLock { $0.sessions[session] = Session(channel: channel, begunAt: begunAt) }
        return session
    }

    /// Addresses are not told before ``release()``.
    func holdAddresses() { state.withLock { $0.holdsAddresses = true } }
    /// Somebody waits for one.
    var isHeld: Bool { state.withLock { !$0.held.isEmpty } }

    func release() {
        let held = state.withLock { state in
            defer { state.held = [] }
            state.holdsAddresses = false
            return state.held
        }
        for waiter in held { waiter.resume() }
    }

    private func waitForRelease() async {
        await withCheckedContinuation { waiter in
            let isFree = state.withLock { state in
                if state.holdsAddresses { state.held.append(waiter) }
                return !state.holdsAddresses
            }
            if isFree { waiter.resume() }
        }
    }

    // MARK: What has come of it

    var running: [RecordSessionID] {
        state.withLock { $0.sessions.filter { $0.value.endedAt == nil }.map(\.key).sorted() }
    }
    func session(_ id: RecordSessionID) -> Session? { state.withLock { $0.sessions[id] } }
    var sessionCount: Int { state.withLock { $0.sessions.count } }
    func wishes(of channel: ChannelAddress) -> RecordingWishes? { state.withLock { $0.wishes[channel] } }
    var events: [NewEvent] { state.withLock { $0.events } }

    // MARK: The storage

    func runningSessions() async throws(RecordingError) -> [RunningRecordSession] {
        let sessions: [RunningRecordSession]? = state.withLock { state in
            if state.loadFailures > 0 {
                state.loadFailures -= 1
                return nil
            }
            return state.sessions.filter { $0.value.endedAt == nil }.map {
                RunningRecordSession(id: $0.key, channel: $0.value.channel, begunAt: $0.value.begunAt)
            }
        }
        guard let sessions else { throw .unavailable("not yet") }
        return sessions
    }

    func begin(
        _ session: RecordSessionID,
        of channel: ChannelAddress
    ) async throws(RecordingError) -> RunningRecordSession {
        let outcome: Result<RunningRecordSession, RecordingError> = state.withLock { state in
            if let failure = state.failure { return .failure(failure) }
            let now = WallTime.now
            for (id, other) in state.sessions
            where other.channel == channel && other.endedAt == nil && id != session {
                state.sessions[id]?.endedAt = now
            }
            let known = state.sessions[session] ?? Session(channel: channel, begunAt: now, owner: state.owner)
            state.sessions[session] = known
            return .success(RunningRecordSession(id: session, channel: channel, begunAt: known.begunAt))
        }
        return try outcome.get()
    }

    func address(of session: RecordSessionID, secure: Bool) async throws(RecordingError) -> Secret {
        await waitForRelease()
        let hasPlainPort = state.withLock { $0.hasPlainPort }
        guard secure || hasPlainPort else { throw .conflict("nothing is taken without TLS") }
        return Secret("\(secure ? "https" : "http")://localhost/live/cseg/c?k=\(session)~tag")
    }

    func end(_ session: RecordSessionID, at time: WallTime) async throws(RecordingError) {
        let failure = state.withLock { state -> RecordingError? in
            if let failure = state.failure { return failure }
            if state.sessions[session]?.endedAt == nil { state.sessions[session]?.endedAt = time }
            return nil
        }
        if let failure { throw failure }
    }
}

extension FakeRecordings: RecordingSettingsStore {
    func recordingWishes(
        after: ChannelAddress?,
        limit: Int
    ) async throws(StoreError) -> [StoredRecordingWishes] {
        state.withLock { state in
            state.wishes.map {
                StoredRecordingWishes(
                    channel: $0.key,
                    wishes: $0.value,
                    isDisabled: state.disabled.contains($0.key.unit)
                )
            }
        }
    }

    func recordingWishes(of channel: ChannelAddress) async throws(StoreError) -> RecordingWishes {
        wishes(of: channel) ?? RecordingWishes()
    }

    func keep(_ wishes: RecordingWishes, of channel: ChannelAddress) async throws(StoreError) {
        let failure = state.withLock { state -> StoreError? in
            if let failure = state.storeFailure { return failure }
            guard channel.number < 2 else { return .notFound("channel \(channel)") }
            state.wishes[channel] = wishes.isEmpty ? nil : wishes
            return nil
        }
        if let failure { throw failure }
    }

    func dropRecordingWishes(of unit: UnitID) async throws(StoreError) {
        state.withLock { state in state.wishes = state.wishes.filter { $0.key.unit != unit } }
    }
}

extension FakeRecordings: RecordSessionStore {
    func recordSession(_ id: RecordSessionID) async throws(StoreError) -> StoredRecordSession? {
        state.withLock { state in
            state.sessions[id].map {
                StoredRecordSession(
                    id: id,
                    recorded: RecordedChannel($0.channel, owner: $0.owner),
                    channelID: ChannelID(unchecked: "c"),
                    begunAt: $0.begunAt,
                    endedAt: $0.endedAt,
                    droppedCount: state.dropped.count,
                    droppedTime: state.dropped.time
                )
            }
        }
    }

    func beginRecordSession(
        _ id: RecordSessionID,
        of channel: ChannelAddress,
        at now: WallTime
    ) async throws(StoreError) -> StoredRecordSession { throw .unavailable("not in this test") }

    func endRecordSession(_ id: RecordSessionID, at time: WallTime) async throws(StoreError) {}

    func endForeignRecordSessions(at time: WallTime) async throws(StoreError) -> Int { 0 }

    func runningRecordSessions(
        after: RecordSessionID?,
        limit: Int
    ) async throws(StoreError) -> [StoredRecordSession] { [] }

    func recordSessions(
        of recorded: RecordedChannel,
        in range: Range<WallTime>,
        limit: Int
    ) async throws(StoreError) -> [StoredRecordSession] { [] }

    func addDropped(
        _ count: Int,
        _ time: Duration,
        to session: RecordSessionID
    ) async throws(StoreError) {}

    func dropRecordSessions(endedBefore time: WallTime, limit: Int) async throws(StoreError) -> Int { 0 }
}

extension FakeRecordings: AlarmStore {
    func activeAlarms(limit: Int) async throws(StoreError) -> [AlarmRecord] {
        state.withLock { $0.alarms.filter { $0.endedAt == nil } }
    }

    func alarms(_ query: AlarmQuery) async throws(StoreError) -> [AlarmRecord] {
        query.after == nil ? state.withLock { $0.alarms } : []
    }

    func begin(
        _ alarm: AlarmRecord,
        picture: StoredUpload?,
        openUploads: Int,
        limit: Int,
        describe: Describe
    ) async throws(StoreError) -> BegunAlarm { throw .unavailable("not in this test") }

    func end(
        _ end: AlarmRecord,
        limit: Int,
        describe: Describe
    ) async throws(StoreError) -> AlarmRecord? { nil }

    func alarm(_ id: AlarmID) async throws(StoreError) -> AlarmRecord? { nil }

    func dropAlarms(before time: WallTime, at now: WallTime, limit: Int) async throws(StoreError) -> Int { 0 }
}

extension FakeRecordings: EventSink {
    func record(_ event: NewEvent) async { state.withLock { $0.events.append(event) } }
}
