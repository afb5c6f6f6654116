import Foundation
import HSSModel
import PremisesUnit
import TestSupport
import Vd
import Vs

/// A unit on a virtual clock; the test plays Vs, Vd and the media server.
struct MachineBench {
    static let answer = SchedulingAnswer(
        signalling: .init(domain: "vd.example", port: 80),
        signallingSecurePort: 8444,
        peerToPeer: .none,
        relay: .none,
        hibernationDomain: "",
        syncTime: WallTime(milliseconds: 1_000_000)
    )
    static let hostTime = WallTime(milliseconds: 1_000_000)

    var machine: UnitMachine
    var now = Instant(nanoseconds: 0)
    var random: SeededGenerator
    /// The last wake that the machine asked for.
    var wake: Instant?
    var attempt = AttemptID(0)

    init(
        channels: [Int: UnitProfile.Channel] = [0: .init(bitrate: 1_000_000)],
        faults: FaultPlan = FaultPlan(),
        abilities: UnitAbilities = [],
        login: UnitLoginForm = .offered,
        seed: UInt64 = 1
    ) {
        var profile = Self.profile(channels: channels)
        profile.abilities = abilities
        profile.login = login
        machine = UnitMachine(profile, faults: faults)
        random = SeededGenerator(seed: seed)
    }

    static func profile(channels: [Int: UnitProfile.Channel]) -> UnitProfile {
        UnitProfile(
            credentials: UnitCredentials(
                device: UnitID(unchecked: "cam-1"),
                macIdentity: MACIdentity(unchecked: "00:11:22:33:44:55"),
                password: Secret("p&ss w=rd/ü")
            ),
            hardwareModel: "Model 1+",
            firmwareModel: "2.0 beta",
            sdk: nil,
            channels: channels
        )
    }

    mutating func give(_ input: UnitMachine.Input) -> [UnitMachine.Action] {
        let actions = machine.receive(input, at: now, using: &random)
        for action in actions {
            switch action {
            case .wake(let instant): wake = instant
            case .schedule(let id, _), .connect(let id, _): attempt = id
            default: break
            }
        }
        return actions
    }

    /// Lets time go to `instant`, waking the machine whenever it asked for it.
    mutating func run(until instant: Instant) -> [UnitMachine.Action] {
        var actions: [UnitMachine.Action] = []
        while let next = wake, next <= instant {
            now = max(now, next)
            wake = nil
            actions += give(.wake)
        }
        now = instant
        return actions
    }

    mutating func run(_ duration: Duration) -> [UnitMachine.Action] { run(until: now + duration) }

    /// Lets time go until the machine asks Vs or connects, at most for `limit`.
    mutating func runToNextAttempt(within limit: Duration) -> [UnitMachine.Action] {
        let end = now + limit
        var actions: [UnitMachine.Action] = []
        while let next = wake, next <= end, actions.schedulings + actions.connects.count == 0 {
            actions += run(until: max(now, next))
        }
        return actions
    }

    /// Start, scheduling and login.
    mutating func logIn() -> [UnitMachine.Action] {
        var actions = give(.start)
        actions += give(.scheduled(attempt, Self.answer, hostTime: Self.hostTime))
        return actions + give(.connected(attempt))
    }

    mutating func answer(_ seq: Int, _ result: RPCAnswer = .success(.empty)) -> [UnitMachine.Action] {
        give(.message(attempt, .answer(result, seq: seq)))
    }

    mutating func ask(_ request: RPCRequest, seq: Int = 1) -> [UnitMachine.Action] {
        give(.message(attempt, .request(request, seq: seq)))
    }

    static func push(
        channel: Int = 0,
        stream: String,
        url: String = "srt://m.example:8890?streamid=t",
        most: Int = 0
    )
        -> RPCRequest
    {
        PushLive(channel: channel, url: Secret(url), stream: StreamID(unchecked: stream), maxBitrate: most)
            .request
    }

    static func stop(channel: Int = 0, stream: String) -> RPCRequest {
        StopLive(stream: StreamID(unchecked: stream), channel: channel).request
    }
}

extension [UnitMachine.Action] {
    /// What was sent to the platform.
    var sent: [RPCMessage] { compactMap { if case .send(_, let message) = $0 { message } else { nil } } }
    var requests: [RPCRequest] {
        sent.compactMap { if case .request(let request, _) = $0 { request } else { nil } }
    }
    var answers: [RPCAnswer] {
        sent.compactMap { if case .answer(let answer, _) = $0 { answer } else { nil } }
    }
    var heartbeats: [Keepalive] {
        requests.filter { $0.method == Keepalive.name }.compactMap { try? Keepalive($0.parameters) }
    }
    var events: [UnitEvent] { compactMap { if case .report(let event) = $0 { event } else { nil } } }
    var starts: [PushOrder] { compactMap { if case .startPush(let order) = $0 { order } else { nil } } }
    var stops: [PushID] { compactMap { if case .stopPush(let id) = $0 { id } else { nil } } }
    var connects: [SignallingAddress] {
        compactMap { if case .connect(_, let address) = $0 { address } else { nil } }
    }
    var schedulings: Int { count { if case .schedule = $0 { true } else { false } } }
    var closes: Int { count { if case .close = $0 { true } else { false } } }
    var clock: [Duration] { compactMap { if case .setClock(let offset) = $0 { offset } else { nil } } }
}

extension SeededGenerator {
    /// `VEDETTE_SEED` repeats the run of one seed.
    static func environmentSeeds(count: UInt64) -> [UInt64] {
        if let text = ProcessInfo.processInfo.environment["VEDETTE_SEED"], let seed = UInt64(text) {
            return [seed]
        }
        return Array(1...count)
    }
}
