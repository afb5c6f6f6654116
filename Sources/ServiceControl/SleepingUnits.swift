import Bus
import HSSModel
import HostClock
import NIOCore
import Synchronization
import Vd

/// The connection of one sleeping unit, safe from any thread.
final class HibernationConnection: Sendable {
    let registration: UnitRegistration
    let address: String
    private let channel: any Channel
    private let lastHeard: Mutex<Instant>

    init(_ registration: UnitRegistration, address: String, channel: any Channel, at now: Instant) {
        self.registration = registration
        self.address = address
        self.channel = channel
        lastHeard = Mutex(now)
    }

    var heardAt: Instant {
        get { lastHeard.withLock { $0 } }
        set { lastHeard.withLock { $0 = newValue } }
    }

    /// Best effort: a connection that takes nothing is of no use, and the unit makes a new one.
    func wakeUnit() {
        guard channel.isWritable else { return close() }
        channel.writeAndFlush(ByteBuffer(bytes: WakeUp.bytes), promise: nil)
    }

    func close() { channel.close(promise: nil) }
}

/// Which units sleep, and the connection of each. "A broken TCP connection is not an offline; 135 s without a
/// heartbeat is" (device documents).
///
/// A unit that has logged in is awake, whatever its network chip goes on saying; ``UnitRegistry`` looks here only
/// where there is no login.
final class SleepingUnits: Sendable {
    struct Sleeper {
        var registration: UnitRegistration
        var address: String
        var since: WallTime
        var heardAt: Instant
        var seenAt: WallTime
    }

    private struct State {
        var sleepers: [UnitID: Sleeper] = [:]
        /// One for each unit, also while it is awake and does not say anything.
        var connections: [UnitID: HibernationConnection] = [:]
    }

    private let state = Mutex(State())
    private let silence: Duration
    private let capacity: Int

    init(silence: Duration, capacity: Int) {
        self.silence = silence
        self.capacity = capacity
    }

    enum Reception {
        /// `fellAsleep`: by this heartbeat. `displaced`: an older connection of the unit, to be closed.
        case taken(fellAsleep: Bool, displaced: HibernationConnection?)
        /// As many units sleep as may.
        case full
    }

    /// A heartbeat came.
    func heard(_ connection: HibernationConnection, at now: Instant) -> Reception {
        connection.heardAt = now
        let unit = connection.registration.unit
        return state.withLock { state in
            guard state.connections[unit] != nil || state.connections.count < capacity else { return .full }
            let old = state.connections.updateValue(connection, forKey: unit)
            let known = state.sleepers[unit]
            state.sleepers[unit] = Sleeper(
                registration: connection.registration,
                address: connection.address,
                since: known?.since ?? .now,
                heardAt: now,
                seenAt: .now
            )
            return .taken(fellAsleep: known == nil, displaced: old === connection ? nil : old)
        }
    }

    /// The socket is gone; the unit sleeps on.
    func lost(_ connection: HibernationConnection) {
        let unit = connection.registration.unit
        state.withLock { if $0.connections[unit] === connection { $0.connections[unit] = nil } }
    }

    /// It has logged in.
    func woke(_ unit: UnitID) {
        state.withLock { _ = $0.sleepers.removeValue(forKey: unit) }
    }

    /// It was disabled, removed or given up.
    func forget(_ unit: UnitID) {
        let connection = state.withLock { state in
            state.sleepers[unit] = nil
            return state.connections.removeValue(forKey: unit)
        }
        connection?.close()
    }

    /// Forgets units without a heartbeat for too long, and returns them. Closes silent connections.
    func sweep(at now: Instant) -> [UnitID] {
        let (gone, silent) = state.withLock { state in
            let gone = state.sleepers.filter { $0.value.heardAt + silence <= now }.map(\.key)
            for unit in gone { state.sleepers[unit] = nil }
            let silent = state.connections.filter { $0.value.heardAt + silence <= now }
            for unit in silent.keys { state.connections[unit] = nil }
            return (gone, silent.values)
        }
        for connection in silent { connection.close() }
        return gone
    }

    func connection(of unit: UnitID) -> HibernationConnection? { state.withLock { $0.connections[unit] } }
    func sleeper(_ unit: UnitID) -> Sleeper? { state.withLock { $0.sleepers[unit] } }
    var all: [UnitID: Sleeper] { state.withLock { $0.sleepers } }
    var count: Int { state.withLock { $0.sleepers.count } }
}

extension SleepingUnits.Sleeper {
    /// What is known where the unit has not logged in since the platform started.
    func presence(node: NodeName) -> UnitPresence {
        UnitPresence(
            node: node,
            epoch: Epoch(0),
            state: .online,
            hardwareModel: "",
            firmwareModel: "",
            remoteAddress: address,
            connectedAt: since,
            lastSeen: seenAt,
            connected: false,
            channels: [],
            asleep: true
        )
    }

    /// `awake` is what the unit said of itself before it fell asleep: what it did then has ended.
    func presence(after awake: UnitPresence) -> UnitPresence {
        var presence = awake
        presence.asleep = true
        presence.connected = false
        presence.lastSeen = max(awake.lastSeen, seenAt)
        presence.remoteAddress = address
        for index in presence.channels.indices {
            presence.channels[index].streaming = false
            presence.channels[index].recording = false
        }
        return presence
    }
}
