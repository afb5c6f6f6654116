package import Bus
package import HSSModel
import HostClock
package import Logging
package import ServerKit
import ServiceLifecycle
package import Store
import Synchronization
package import Vd

/// Alarms that units report (`AlarmNotify`, Table I.2-16) and that show in their heartbeats (Table I.2-1).
///
/// An alarm is durable before it is answered. A report that is repeated, because its answer was lost, gets the
/// same answer again.
package final class AlarmDesk: Service {
    package struct Settings: Sendable {
        /// Reports of one unit per second, in the long run and at once (`limits.alarm_rate`, `alarm_burst`).
        package var reportsPerSecond: Double
        package var burst: Int
        /// Alarms of one unit that are kept (`limits.alarms_per_unit`).
        package var alarmsPerUnit: Int

        package init(reportsPerSecond: Double = 1, burst: Int = 60, alarmsPerUnit: Int = 10_000) {
            self.reportsPerSecond = reportsPerSecond
            self.burst = burst
            self.alarmsPerUnit = alarmsPerUnit
        }
    }

    private struct State {
        var rates: RateLimiter<UnitID>
        /// Channels with something to remember only.
        var bits: [ChannelAddress: AlarmBits] = [:]
    }

    /// In a structure: a lock around a bare closure wraps it once more each time it is read, for good.
    private struct Follower {
        var change: (@Sendable (AlarmRecord, AlarmChange) -> Void)?
    }

    /// Something that nobody reported.
    private struct Inference: Sendable {
        var channel: ChannelAddress
        var begun: [AlarmType]
        var ended: [AlarmType]
        var at: WallTime
    }

    private static let unitsRemembered = 100_000
    private static let mostActive = 1_000_000

    private let store: any AlarmStore
    private let uploads: UploadDesk
    private let feed: EventFeed
    private let settings: Settings
    /// Whether the unit can send a picture by https, as far as is known.
    private let sendsByHTTPS: @Sendable (UnitID) async -> Bool
    private let metrics: AlarmMetrics
    private let logger: Logger
    private let state: Mutex<State>
    private let follower = Mutex(Follower())
    private let inferences: AsyncStream<Inference>
    private let infer: AsyncStream<Inference>.Continuation

    package init(
        store: any AlarmStore,
        uploads: UploadDesk,
        feed: EventFeed,
        settings: Settings = Settings(),
        metrics: MetricRegistry,
        logger: Logger,
        sendsByHTTPS: @escaping @Sendable (UnitID) async -> Bool = { _ in true }
    ) {
        self.store = store
        self.uploads = uploads
        self.feed = feed
        self.settings = settings
        self.sendsByHTTPS = sendsByHTTPS
        self.metrics = AlarmMetrics(metrics)
        self.logger = logger
        let rates = RateLimiter<UnitID>(
            perSecond: settings.reportsPerSecond,
            burst: settings.burst,
            capacity: Self.unitsRemembered
        )
        state = Mutex(State(rates: rates))
        // What does not fit is seen again at the next heartbeats.
        (inferences, infer) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(10_000))
    }

    /// Sets what is told of alarms that begin, happen or end, once each and after it is durable. One action, and it must
    /// not wait.
    package func onChange(_ action: @escaping @Sendable (AlarmRecord, AlarmChange) -> Void) {
        follower.withLock { $0.change = action }
    }

    private func tell(_ alarm: AlarmRecord, _ change: AlarmChange) {
        let action = follower.withLock { $0.change }
        action?(alarm, change)
    }

    /// Learns what lasts from before the start, then follows the heartbeats until the graceful shutdown.
    package func run() async throws {
        do throws(StoreError) {
            for alarm in try await store.activeAlarms(limit: Self.mostActive) {
                guard let type = AlarmType(rawValue: alarm.type) else { continue }
                note(alarm.channel) { $0.began(type) }
            }
        } catch {
            logger.error("alarms that last cannot be read", metadata: ["reason": "\(error)"])
        }
        for await inference in inferences.cancelOnGracefulShutdown() { await settle(inference) }
    }

    // MARK: Reports

    package func alarm(
        _ notify: AlarmNotify,
        from unit: UnitRegistration
    ) async throws(RPCFailure) -> AlarmAnswer {
        guard unit.channels[notify.channel] != nil else { throw .noSuchChannel(notify.channel) }
        try check(notify)
        guard state.withLock({ $0.rates.admit(unit.unit, at: .now) }) else {
            metrics.limited.add()
            throw RPCFailure(429, "too many alarms; report fewer than \(settings.reportsPerSecond) a second")
        }
        var record = record(
            notify.type,
            ChannelAddress(unit: unit.unit, number: notify.channel),
            startedAt: notify.timestamp,
            description: notify.description,
            at: .now
        )
        do throws(StoreError) {
            if notify.phase == .end {
                record.endedAt = notify.timestamp
                try await end(record, notify.type)
                return AlarmAnswer()
            }
            if notify.phase == .pulse { record.endedAt = notify.timestamp }
            let upload = try await begin(record, notify.type)
            guard let upload else { return AlarmAnswer() }
            return AlarmAnswer(
                pictureURL: uploads.url(of: upload, https: await takesHTTPS(unit.unit))
            )
        } catch {
            logger.error("an alarm cannot be kept", metadata: ["unit": "\(unit.unit)", "reason": "\(error)"])
            throw RPCFailure(503, "the alarm cannot be kept now; report it again")
        }
    }

    /// "state alarms: start, end; single-trigger alarms: pulse" (Table I.2-16).
    private func check(_ notify: AlarmNotify) throws(RPCFailure) {
        guard notify.type.isSingle == (notify.phase == .pulse) else {
            let allowed = notify.type.isSingle ? "pulse" : "start or end"
            throw .parameter(
                FieldError("state", "expected \(allowed) for alarm type \(notify.type.rawValue)")
            )
        }
    }

    private func record(
        _ type: AlarmType,
        _ channel: ChannelAddress,
        startedAt: WallTime,
        description: String = "",
        at now: WallTime
    ) -> AlarmRecord {
        AlarmRecord(
            id: AlarmID(unchecked: UploadKey.freshName()),
            channel: channel,
            type: type.rawValue,
            description: description,
            startedAt: startedAt,
            receivedAt: now
        )
    }

    private func takesHTTPS(_ unit: UnitID) async -> Bool {
        guard uploads.settings.plainAddress != nil else { return true }
        return await sendsByHTTPS(unit)
    }

    /// Returns where the picture may go.
    private func begin(_ record: AlarmRecord, _ type: AlarmType) async throws(StoreError) -> UploadID? {
        let offer =
            record.startInferred
            ? nil
            : uploads.draft(
                .alarm,
                of: record.channel.unit,
                channel: record.channel.number,
                reference: record.id.rawValue,
                at: record.receivedAt
            )
        let now = record.receivedAt
        let begun = try await store.begin(
            record,
            picture: offer,
            openUploads: uploads.settings.openPerUnit,
            limit: settings.alarmsPerUnit,
            describe: { $1.event($0, at: now) }
        )
        if begun.alarm.endedAt == nil { note(begun.alarm.channel) { $0.began(type) } }
        if begun.isRepeat {
            metrics.repeated.add()
        } else {
            metrics.began(type)
            feed.ring()
            tell(begun.alarm, begun.alarm.endedAt == nil ? .start : .pulse)
        }
        return begun.upload
    }

    private func end(_ record: AlarmRecord, _ type: AlarmType) async throws(StoreError) {
        let now = record.receivedAt
        let changed = try await store.end(
            record,
            limit: settings.alarmsPerUnit,
            describe: { $1.event($0, at: now) }
        )
        note(record.channel) { $0.ended(type) }
        guard let changed else { return metrics.repeated.add() }
        feed.ring()
        tell(changed, .end)
    }

    // MARK: Heartbeats

    /// The alarms of a heartbeat. From any thread; costs a look-up where nothing has changed.
    package func heard(_ keepalive: Keepalive, from unit: UnitRegistration) {
        let known = state.withLock { state in
            keepalive.channels.compactMap { channel -> Inference? in
                guard unit.channels[channel.number] != nil else { return nil }
                let address = ChannelAddress(unit: unit.unit, number: channel.number)
                var bits = state.bits[address] ?? AlarmBits()
                guard channel.alarms != 0 || !bits.isEmpty else { return nil }
                let (begun, ended) = bits.heard(channel.alarms)
                state.bits[address] = bits.isEmpty ? nil : bits
                guard !begun.isEmpty || !ended.isEmpty else { return nil }
                return Inference(channel: address, begun: begun, ended: ended, at: .now)
            }
        }
        for inference in known { infer.yield(inference) }
    }

    private func settle(_ inference: Inference) async {
        do throws(StoreError) {
            for type in inference.begun {
                var record = record(type, inference.channel, startedAt: inference.at, at: inference.at)
                record.startInferred = true
                _ = try await begin(record, type)
                metrics.inferred.add()
            }
            for type in inference.ended {
                var record = record(type, inference.channel, startedAt: inference.at, at: inference.at)
                record.endedAt = inference.at
                record.endInferred = true
                try await end(record, type)
                metrics.inferred.add()
            }
        } catch {
            logger.error(
                "an alarm of a heartbeat cannot be kept",
                metadata: ["unit": "\(inference.channel.unit)", "reason": "\(error)"]
            )
        }
    }

    private func note(_ channel: ChannelAddress, _ change: (inout AlarmBits) -> Void) {
        state.withLock {
            var bits = $0.bits[channel] ?? AlarmBits()
            change(&bits)
            $0.bits[channel] = bits.isEmpty ? nil : bits
        }
    }
}

extension AlarmDesk: UnitRequestServer {
    package func register(in table: inout UnitRequestTable) {
        table.answer(AlarmNotify.self) { [self] notify, unit throws(RPCFailure) in
            try await alarm(notify, from: unit)
        }
        table.follow { [self] keepalive, unit in heard(keepalive, from: unit) }
    }
}

extension AlarmDesk: AlarmPoint {
    package func alarms(_ query: AlarmQuery) async throws(ActivityError) -> [AlarmRecord] {
        do throws(StoreError) { return try await store.alarms(query) } catch { throw ActivityError(error) }
    }

    package func alarm(_ id: AlarmID) async throws(ActivityError) -> AlarmRecord {
        let alarm: AlarmRecord?
        do throws(StoreError) { alarm = try await store.alarm(id) } catch { throw ActivityError(error) }
        guard let alarm else { throw .notFound("alarm \(id)") }
        return alarm
    }
}

/// Figures of alarms, for operators.
private struct AlarmMetrics {
    private let begun: [AlarmType: Counter]
    let repeated: Counter
    let inferred: Counter
    let limited: Counter

    init(_ registry: MetricRegistry) {
        begun = Dictionary(
            uniqueKeysWithValues: AlarmType.allCases.map { type in
                let labels = [("type", type.word)]
                return (type, registry.counter("vedette_alarms_total", "Alarms that began.", labels: labels))
            }
        )
        repeated = registry.counter("vedette_alarm_repeats_total", "Reports that were known already.")
        inferred = registry.counter(
            "vedette_alarms_inferred_total",
            "Begins and ends of alarms that showed in heartbeats only."
        )
        limited = registry.counter("vedette_alarms_refused_total", "Reports beyond the rate of a unit.")
    }

    func began(_ type: AlarmType) { begun[type]?.add() }
}
