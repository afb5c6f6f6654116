import Bus
import HSSModel
import PremisesUnit
import TestSupport
import Vd
import Vm

@testable import ServiceControl

/// What must hold whatever happens.
enum Rule: Equatable {
    case everyCallEndsOnce, newestConnectionOwnsTheUnit, configurationIsReached, headsAreStopped,
        alarmsAreHeard
    case pictureIsWhatIsWanted
}

struct Violation: Sendable, CustomStringConvertible {
    var rule: Rule
    var seed: UInt64
    var text: String

    var description: String { "seed \(seed): \(text)" }
}

/// One platform, one unit with two channels, and a network that delays, cuts, half-closes and doubles connections,
/// on virtual time. The machines are those of the product, on both sides; the world only carries what they say.
///
/// Here: what happens. What the unit does is in UnitEnd.swift, what the platform does in PlatformEnd.swift.
final class World {
    enum Event {
        case unitWake, deviceWake, sweep
        case scheduled(life: Int, AttemptID)
        case login(ConnectionID)
        case loggedIn(ConnectionID)
        case notLoggedIn(life: Int, AttemptID)
        case toUnit(ConnectionID, RPCMessage)
        case toPlatform(ConnectionID, RPCMessage)
        case unitHearsTheEnd(ConnectionID)
        case platformHearsTheEnd(ConnectionID)
        case sessionWake(ConnectionID)
        case device(life: Int, JobID, DeviceAnswer)
        case transfer(life: Int, JobID)
        case alarmKept(run: Int, ConnectionID, ServeID, AlarmNotify)
        case publishes(life: Int, PushOrder)
        case pushEnded(life: Int, PushID)
        case media(run: Int, LiveChannel.Input)
        case news(run: Int)
    }

    static let unit = LinkMaker.registration.unit
    static let offlineAfter = Duration.seconds(60)

    let seed: UInt64
    var random: SeededGenerator
    var timeline = Timeline<Event>()
    var violations: [Violation] = []
    /// Faults happen.
    var isHostile = true

    var connections: [ConnectionID: Connection] = [:]
    var lastConnection = 0

    // The unit.
    var life = 0
    var machine: UnitMachine
    var device: VirtualDevice
    var unitWakeAt: Instant?
    var deviceWakeAt: Instant?
    /// What each head was told last.
    var heads: [Int: PTZCommand] = [:]
    var lastAlarm: Int64 = 0
    /// Raised and not told yet, as far as the unit knows.
    var alarmsOnTheWay: [WallTime] = []

    // The platform.
    let links: LinkMaker
    var run = 0
    var registry: UnitRegistry
    var knownEpoch: Epoch?
    var newest: ConnectionID?
    var lastDetach: (lastSeen: Instant, at: Instant)?
    var lastCall: UInt64 = 0
    var calls: [CallID: (CallOutcome) -> Void] = [:]
    var shadow = ConfigurationShadow()
    var lease = PTZLease()
    /// Heads that may turn, as the store knows them over a kill.
    var moves: Set<Int> = []
    var live: LiveChannel
    var alarmsHeard: [WallTime] = []

    // The media server and who watches.
    var publisher: (stream: StreamID, epoch: Epoch, push: PushID)?
    var tickets: [String: Epoch] = [:]
    var pushes: Set<PushID> = []
    var closedStreams: Set<StreamID> = []
    var viewers: [LeaseID: StreamID] = [:]
    var isWatching = false
    var lastRequest: UInt64 = 0
    var lastAsked = Instant(nanoseconds: 0)

    var now: Instant { timeline.now }
    var wall: WallTime { WallTime(milliseconds: 1_700_000_000_000) + (now - Instant(nanoseconds: 0)) }

    init(seed: UInt64, links: LinkMaker) {
        self.seed = seed
        self.links = links
        random = SeededGenerator(seed: seed)
        machine = Self.machine()
        device = VirtualDevice(Self.settings, at: Instant(nanoseconds: 0))
        registry = Self.registry()
        live = LiveChannel(link: .offline, after: Epoch(100))
    }

    static func registry() -> UnitRegistry {
        UnitRegistry(node: NodeName(unchecked: "n"), offlineAfter: offlineAfter)
    }

    func violate(_ rule: Rule, _ text: String) {
        violations.append(
            Violation(
                rule: rule,
                seed: seed,
                text: "at \((now - Instant(nanoseconds: 0)).inSeconds) s: \(text)"
            )
        )
    }

    func chance(_ percent: Int) -> Bool { isHostile && Int.random(in: 0..<100, using: &random) < percent }

    func delay(_ milliseconds: ClosedRange<Int64>) -> Duration {
        .milliseconds(Int64.random(in: milliseconds, using: &random))
    }

    // MARK: The course of things

    /// Two minutes of faults and people, then peace; afterwards everything has to be as it is wanted.
    func play() -> [Violation] {
        timeline.add(.sweep, in: .zero)
        tell(.start)
        for _ in 0..<40 {
            something()
            pass(delay(0...6000))
        }
        isHostile = false
        desire()
        watch(true)
        pass(.seconds(420))
        checkTheEnd()
        watch(false)
        pass(.seconds(150))
        if publisher != nil || machine.heartbeat.channels.contains(where: { $0.stream != nil }) {
            violate(.pictureIsWhatIsWanted, "nobody watches and channel 0 is pushed")
        }
        return violations
    }

    private func something() {
        switch Int.random(in: 0...15, using: &random) {
        case 0, 1, 2: ask()
        case 3: desire()
        case 4, 5, 6: turn()
        case 7, 8: raiseAlarm()
        case 9: watch(Bool.random(using: &random))
        case 10: cut()
        case 11: halfClose()
        case 12: if chance(30) { cutPower() }
        case 13: if chance(30) { killPlatform() }
        case 14: breakPush()
        default: tellUnit(chance(50) ? RebootDevice().event : Reschedule().event)
        }
    }

    func pass(_ duration: Duration) {
        let end = now + duration
        // A machine that does not come to rest is a failure, not an endless test.
        for _ in 0..<100_000 {
            guard let event = timeline.next(until: end) else { return }
            happen(event)
            checkOwner()
        }
        violate(.everyCallEndsOnce, "the machines do not come to rest")
    }

    private func happen(_ event: Event) {
        switch event {
        case .unitWake:
            guard unitWakeAt == now else { return }
            unitWakeAt = nil
            tell(.wake)
        case .deviceWake:
            guard deviceWakeAt == now else { return }
            deviceWakeAt = nil
            take(device.receive(.wake, at: now, time: wall))
        case .sweep: sweep()
        case .scheduled(life, let attempt): tell(.scheduled(attempt, servers, hostTime: wall))
        case .notLoggedIn(life, let attempt): tell(.disconnected(attempt, "refused"))
        case .login(let id): login(id)
        case .loggedIn(let id):
            guard let attempt = attemptAtUnit(id) else { return }
            tell(.connected(attempt))
        case .toUnit(let id, let message):
            guard let attempt = attemptAtUnit(id) else { return }
            tell(.message(attempt, message))
        case .toPlatform(let id, let message): receive(message, on: id)
        case .unitHearsTheEnd(let id):
            guard let attempt = attemptAtUnit(id) else { return }
            connections[id]?.isOpenAtUnit = false
            tell(.disconnected(attempt, "closed"))
        case .platformHearsTheEnd(let id): step(.close(.peerGone), on: id)
        case .sessionWake(let id):
            guard connections[id]?.wakeAt == now else { return }
            step(.wake, on: id)
        case .device(life, let job, let answer): tell(.device(job, answer))
        case .transfer(life, let job): tell(.transfer(job, .sent))
        case .alarmKept(run, let id, let serve, let alarm): kept(alarm, serve, on: id)
        case .publishes(life, let order): publish(order)
        case .pushEnded(life, let push): tell(.pushEnded(push, .broken("the network")))
        case .media(run, let input): receive(input)
        case .news(run): hearNews()
        case .scheduled, .notLoggedIn, .device, .transfer, .alarmKept, .publishes, .pushEnded, .media, .news:
            // Of a life or run that is over.
            break
        }
    }

    // MARK: The network

    /// A connection ends; each side hears of it in its own time, or never where the direction is dead.
    private func cut() {
        guard let id = openConnections.randomElement(using: &random) else { return }
        endOnTheWire(id)
    }

    func endOnTheWire(_ id: ConnectionID) {
        guard let connection = connections[id] else { return }
        if !connection.losesToUnit {
            timeline.add(.unitHearsTheEnd(id), at: max(connection.lastToUnit, now + delay(1...900)))
        }
        if !connection.losesToPlatform {
            timeline.add(.platformHearsTheEnd(id), at: max(connection.lastToPlatform, now + delay(1...900)))
        }
        connections[id]?.losesToUnit = true
        connections[id]?.losesToPlatform = true
    }

    /// One direction or both go dead, and nobody is told.
    private func halfClose() {
        guard let id = openConnections.randomElement(using: &random) else { return }
        let way = Int.random(in: 0...2, using: &random)
        if way != 0 { connections[id]?.losesToUnit = true }
        if way != 1 { connections[id]?.losesToPlatform = true }
    }

    private var openConnections: [ConnectionID] {
        connections.filter { $0.value.isOpenAtUnit || $0.value.isOpenAtPlatform }.keys.sorted {
            $0.number < $1.number
        }
    }

    func sendToUnit(_ message: RPCMessage, on id: ConnectionID) {
        guard var connection = connections[id], !connection.losesToUnit else { return }
        connection.lastToUnit = max(connection.lastToUnit, now + delay(1...300))
        timeline.add(.toUnit(id, message), at: connection.lastToUnit)
        connections[id] = connection
    }

    func sendToPlatform(_ message: RPCMessage, on id: ConnectionID) {
        guard var connection = connections[id], !connection.losesToPlatform else { return }
        connection.lastToPlatform = max(connection.lastToPlatform, now + delay(1...300))
        timeline.add(.toPlatform(id, message), at: connection.lastToPlatform)
        connections[id] = connection
    }

    /// The attempt of the living unit behind the connection, if the unit has not closed it.
    private func attemptAtUnit(_ id: ConnectionID) -> AttemptID? {
        guard let connection = connections[id], connection.isOpenAtUnit, let attempt = connection.attempt,
            attempt.life == life
        else { return nil }
        return attempt.id
    }
}
