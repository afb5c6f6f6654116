import Bus
import HSSModel
import HostClock
import NIOCore
import Synchronization
import Vd

/// One Vd connection as the rest of the platform sees it; safe from any thread.
final class UnitLink: Sendable {
    /// What the unit last said of itself.
    private struct Report {
        var lastSeen: Instant
        var seenAt: WallTime
        var state = UnitState.online
        var channels: [Keepalive.Channel] = []
        /// A heartbeat came.
        var isHeard = false
    }

    /// What is new in a heartbeat.
    struct Heartbeat {
        /// Registered channels whose stream it reports or no longer reports.
        var streams: [Keepalive.Channel]
        /// It is the first, or tells another state of the unit or of a channel.
        var isRestated: Bool
    }

    let registration: UnitRegistration
    let epoch: Epoch
    /// How long the unit may say nothing.
    let silence: Duration
    private let login: UnitLogin
    private let connectedAt: WallTime
    private let handler: NIOLoopBound<VdHandler>
    private let report: Mutex<Report>

    /// On the event loop of `handler`.
    init(
        registration: UnitRegistration,
        login: UnitLogin,
        epoch: Epoch,
        silence: Duration,
        handler: VdHandler,
        loop: any EventLoop
    ) {
        self.registration = registration
        self.login = login
        self.epoch = epoch
        self.silence = silence
        self.handler = NIOLoopBound(handler, eventLoop: loop)
        connectedAt = .now
        report = Mutex(Report(lastSeen: .now, seenAt: .now))
    }

    var unit: UnitID { registration.unit }
    var firmwareModel: String { login.firmwareModel }

    var lastSeen: Instant { report.withLock { $0.lastSeen } }

    var pushesLive: Bool { report.withLock { $0.channels.contains { $0.stream != nil } } }

    func call(_ request: RPCRequest) async -> CallOutcome {
        await withCheckedContinuation { continuation in
            handler.eventLoop.execute {
                self.handler.value.call(request) { continuation.resume(returning: $0) }
            }
        }
    }

    /// False where the connection has ended: nothing was sent.
    func notify(_ event: RPCEvent) async -> Bool {
        await withCheckedContinuation { continuation in
            handler.eventLoop.execute { continuation.resume(returning: self.handler.value.notify(event)) }
        }
    }

    /// For events of which it does not matter whether they still leave.
    func post(_ event: RPCEvent) {
        handler.eventLoop.execute { _ = self.handler.value.notify(event) }
    }

    func close(_ reason: CloseReason) {
        handler.eventLoop.execute { self.handler.value.close(reason) }
    }

    /// Something arrived.
    func seen(at now: Instant) {
        report.withLock {
            $0.lastSeen = now
            $0.seenAt = .now
        }
    }

    /// Notes a heartbeat.
    func took(_ keepalive: Keepalive) -> Heartbeat {
        let known = keepalive.channels.filter { registration.channels[$0.number] != nil }
        return report.withLock { report in
            let before = report.channels
            let isSame =
                report.isHeard && report.state == keepalive.state
                && before.elementsEqual(known) { $0.number == $1.number && $0.state == $1.state }
            report.isHeard = true
            report.state = keepalive.state
            report.channels = known
            let streams = known.filter { channel in
                channel.stream != nil || before.contains { $0.number == channel.number && $0.stream != nil }
            }
            return Heartbeat(streams: streams, isRestated: !isSame)
        }
    }

    var sight: PresenceLedger.Sight {
        let report = report.withLock { $0 }
        let states = report.channels.map { ($0.number, $0.state) }
        return PresenceLedger.Sight(
            condition: UnitCondition(report.state),
            channels: report.isHeard ? Dictionary(states) { first, _ in first } : nil
        )
    }

    func presence(node: NodeName, connected: Bool) -> UnitPresence {
        let report = report.withLock { $0 }
        return UnitPresence(
            node: node,
            epoch: epoch,
            state: report.state,
            hardwareModel: login.hardwareModel,
            firmwareModel: login.firmwareModel,
            remoteAddress: login.remoteAddress,
            connectedAt: connectedAt,
            lastSeen: report.seenAt,
            connected: connected,
            channels: report.channels.map {
                UnitPresence.Channel(
                    number: $0.number,
                    state: $0.state,
                    streaming: $0.stream != nil,
                    recording: $0.recordSession != nil,
                    alarms: $0.alarms
                )
            }
        )
    }
}
