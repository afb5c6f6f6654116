import HSSModel
package import Vd
import Vs

/// Where a unit that sleeps keeps in touch (`hibernation`, `hb_interval` and `hb_token` of `GetServerInfo`).
package struct HibernationOrder: Equatable, Sendable {
    package var host: String
    package var port: Int
    package var interval: Duration
    package var heartbeat: HibernationHeartbeat

    /// Nil where the platform has no hibernation server for this unit.
    init?(_ info: ServerInfo, macIdentity: MACIdentity) {
        guard let address = info.hibernation, let colon = address.lastIndex(of: ":"),
            let port = Int(address[address.index(after: colon)...]), (1...65_535).contains(port),
            let identity = HibernationIdentity(macIdentity), let token = info.heartbeatToken,
            let heartbeat = HibernationHeartbeat(identity: identity, token: token)
        else { return nil }
        host = String(address[..<colon])
        self.port = port
        self.heartbeat = heartbeat
        interval = .seconds(info.heartbeatSeconds ?? 60)
    }
}

/// When a battery unit powers its main chip down: nothing was to be done for a while, and the platform knows how to
/// wake it.
struct SleepRule: Sendable {
    private let after: Duration?
    private var awakeUntil: Instant?
    /// As the platform wants it.
    private var keptAwakeUntil: Instant?
    private var order: HibernationOrder?

    /// Nil: it never sleeps.
    init(after: Duration?) {
        self.after = after
    }

    mutating func connected(at now: Instant) {
        order = nil
        keptAwakeUntil = nil
        awakeUntil = after.map { now + $0 }
    }

    mutating func adopt(_ info: ServerInfo, macIdentity: MACIdentity) {
        order = HibernationOrder(info, macIdentity: macIdentity)
    }

    /// `KeepAwaken`: "prevent a PU … from hibernating within a specified time" (Table 9-4).
    mutating func stayAwake(for duration: Duration, at now: Instant) {
        awakeUntil = awakeUntil.map { max($0, now + duration) }
        keptAwakeUntil = max(keptAwakeUntil ?? now, now + duration)
    }

    /// Sleeps as soon as nothing is under way and the platform has not asked it to stay.
    mutating func hurry(at now: Instant) {
        awakeUntil = awakeUntil.map { min($0, max(now, keptAwakeUntil ?? now)) }
    }

    /// Nil where it will not sleep as things are.
    var nextWake: Instant? { order == nil ? nil : awakeUntil }

    /// Nil: not yet. One that is busy looks again later.
    mutating func due(at now: Instant, isBusy: Bool) -> HibernationOrder? {
        guard let after, let order, let until = awakeUntil, until <= now else { return nil }
        guard !isBusy else {
            awakeUntil = now + after
            return nil
        }
        return order
    }
}

/// What the network chip of a sleeping unit does: one connection, a heartbeat in each interval, and an ear for
/// `TOWAKEUP` (device documents). Knows no socket, clock or chance.
struct HibernationMachine: Sendable {
    enum Input: Sendable {
        case start, connected, wake
        case received([UInt8])
        /// Also where there was no connection.
        case closed
    }

    enum Action: Equatable, Sendable {
        case connect
        case send([UInt8])
        case close
        /// The unit is wanted. Nothing happens here any more.
        case rouse
        /// Replaces the wake before.
        case wake(at: Instant)
    }

    private let order: HibernationOrder
    private var reader = WakeUpReader()
    private var failures = 0
    private var isConnected = false
    private var isOver = false

    init(_ order: HibernationOrder) {
        self.order = order
    }

    mutating func receive(
        _ input: Input,
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard !isOver else { return [] }
        switch input {
        case .start: return [.connect]
        case .connected:
            isConnected = true
            reader = WakeUpReader()
            return heartbeat(at: now)
        case .wake: return isConnected ? heartbeat(at: now) : [.connect]
        case .received(let bytes):
            do {
                guard try reader.receive(bytes) else { return [] }
                isOver = true
                return [.close, .rouse]
            } catch {
                return [.close]
            }
        case .closed:
            isConnected = false
            // The same waits as for Vd: thousands of units lose the same server at once (§9.3.1.3).
            failures += 1
            return [.wake(at: now + ReconnectDelay.before(attempt: failures, using: &random))]
        }
    }

    private mutating func heartbeat(at now: Instant) -> [Action] {
        failures = 0
        return [.send(order.heartbeat.encoded()), .wake(at: now + order.interval)]
    }
}
