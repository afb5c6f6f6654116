import HSSModel
import TestSupport
import Testing
import Vd

@Suite("Reported and desired configuration, Tables I.2-19 and I.2-20") struct ConfigurationShadowTests {
    private static func document(_ text: String) throws -> ConfigurationDocument {
        try ConfigurationDocument(JSONObject(parsing: Array(text.utf8)))
    }

    private static func path(_ text: String) throws -> ConfigurationPath {
        try #require(ConfigurationPath(parsing: text))
    }

    private let now = Instant(nanoseconds: 0)

    @Test func onlyTheDifferenceIsWritten() throws {
        var shadow = ConfigurationShadow()
        let wanted = try Self.document(#"{"led":true,"tz":8}"#)
        #expect(shadow.receive(.desire(wanted, dropping: []), at: now).isEmpty, "the unit is away")
        guard case .read(let read) = shadow.receive(.connected(otherFirmware: false), at: now).first else {
            Issue.record("GetConfig is awaited")
            return
        }
        let reported = try Self.document(#"{"led":true,"tz":1}"#)
        guard
            case .write(let write, let change) = shadow.receive(.answered(read, .document(reported)), at: now)
                .first
        else {
            Issue.record("SetConfig is awaited")
            return
        }
        #expect(change == (try Self.document(#"{"tz":8}"#)))
        #expect(shadow.receive(.answered(write, .document(change)), at: now).isEmpty)
        #expect(shadow.isSettled && shadow.difference == nil)
        #expect(shadow.reported == wanted)
    }

    /// A unit that says yes and does not is found out, and not asked without end.
    @Test func aValueThatIsNotKeptIsARefusal() throws {
        var shadow = ConfigurationShadow(reported: ConfigurationDocument())
        _ = shadow.receive(.desire(try Self.document(#"{"tz":8}"#), dropping: []), at: now)
        guard case .read(let read) = shadow.receive(.connected(otherFirmware: false), at: now).first,
            case .write(let write, _) = shadow.receive(
                .answered(read, .document(try Self.document(#"{"tz":1}"#))),
                at: now
            ).first
        else {
            Issue.record("a read and a write are awaited")
            return
        }
        let answer = ConfigurationShadow.Outcome.document(try Self.document(#"{"tz":1}"#))
        #expect(shadow.receive(.answered(write, answer), at: now).isEmpty)
        #expect(shadow.isSettled)
        #expect(shadow.refusals[try Self.path("tz")]?.code == nil && shadow.refusals.count == 1)
        // Other firmware may know better; so may another value.
        #expect(shadow.receive(.connected(otherFirmware: true), at: now).count == 1)
        #expect(shadow.refusals.isEmpty)
    }

    /// Late news of a request on an older connection changes nothing.
    @Test func lateNewsChangesNothing() throws {
        var shadow = ConfigurationShadow()
        guard case .read(let old) = shadow.receive(.connected(otherFirmware: false), at: now).first else {
            Issue.record("GetConfig is awaited")
            return
        }
        _ = shadow.receive(.disconnected, at: now)
        #expect(shadow.receive(.connected(otherFirmware: false), at: now).count == 1)
        #expect(
            shadow.receive(.answered(old, .document(try Self.document(#"{"led":true}"#))), at: now).isEmpty
        )
        #expect(shadow.reported == nil)
    }

    /// A unit that fails again and again is left alone until it connects anew or somebody asks.
    @Test func failuresAreBounded() throws {
        var shadow = ConfigurationShadow()
        var now = now
        _ = shadow.receive(.desire(try Self.document(#"{"led":true}"#), dropping: []), at: now)
        var actions = shadow.receive(.connected(otherFirmware: false), at: now)
        var requests = 0
        while let action = actions.first {
            switch action {
            case .read(let id):
                actions = shadow.receive(.answered(id, .document(ConfigurationDocument())), at: now)
            case .write(let id, _):
                requests += 1
                actions = shadow.receive(.answered(id, .malformed), at: now)
            case .wake(let instant):
                now = instant
                actions = shadow.receive(.wake, at: now)
            }
        }
        #expect(requests == ConfigurationShadow.Timing().attempts)
        #expect(shadow.isSettled)
        #expect(shadow.receive(.refresh, at: now).count == 1)
    }

    // MARK: Simulation

    /// A unit behind a link that loses requests, answers and connections, that refuses some fields and lies about
    /// others: in the end it has what it can have of what is wanted, and each refusal is known.
    @Test func theUnitHasWhatIsWantedInTheEnd() throws {
        for seed in 0..<1000 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var simulation = Simulation(&random)
            try simulation.run(&random, seed)
        }
    }
}

/// Both ends and the link between them, in virtual time.
private struct Simulation {
    private static let changes = [
        #"{"led":true}"#, #"{"led":false,"tz":3}"#, #"{"tz":-5,"log_level":2}"#,
        #"{"channels":{"0":{"on":true,"image":{"horflip":true,"verflip":true}}}}"#,
        #"{"channels":{"1":{"audio_out_volume":30,"trace":true},"0":{"osd":{"text":"door"}}}}"#,
        #"{"auto_reboot":{"on":true,"cycle":3600},"channels":{"0":{"image":{"horflip":false}}}}"#,
    ]
    private static let refusable = ["tz", "channels.0.image.verflip", "channels.1.trace", "auto_reboot.on"]

    private var shadow = ConfigurationShadow(timing: .init(retry: .seconds(1), attempts: 4))
    private var now = Instant(nanoseconds: 0)
    private var wake: Instant?
    /// On their way to the unit or back, by when they arrive.
    private var flying: [(at: Instant, ConfigurationShadow.RequestID, ConfigurationShadow.Outcome)] = []
    private var unit = ConfigurationDocument()
    private var refused: Set<String> = []
    /// Percent.
    private var loss: Int
    private var isConnected = false

    init(_ random: inout SeededGenerator) {
        loss = Int.random(in: 0...60, using: &random)
        refused = Set(Self.refusable.filter { _ in Bool.random(using: &random) })
    }

    mutating func run(_ random: inout SeededGenerator, _ seed: UInt64) throws {
        for _ in 0..<60 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...1: try desire(&random)
            case 2: connect(&random)
            case 3 where isConnected:
                isConnected = false
                give(.disconnected, &random)
            default: pass(&random)
            }
        }
        // The link heals.
        loss = 0
        connect(&random)
        for _ in 0..<500 where !shadow.isSettled || !flying.isEmpty { pass(&random) }
        #expect(shadow.isSettled, "seed \(seed)")
        for (path, value) in shadow.desired.fields {
            if refused.contains(path.description) {
                #expect(
                    unit[path] == value || shadow.refusals[path] != nil,
                    "seed \(seed): \(path) is refused and nobody knows"
                )
            } else {
                #expect(unit[path] == value, "seed \(seed): \(path)")
                #expect(shadow.refusals[path] == nil, "seed \(seed): \(path) was never refused")
            }
        }
    }

    private mutating func desire(_ random: inout SeededGenerator) throws {
        let text = Self.changes.randomElement(using: &random) ?? "{}"
        let change = try ConfigurationDocument(JSONObject(parsing: Array(text.utf8)))
        give(.desire(change, dropping: []), &random)
    }

    private mutating func connect(_ random: inout SeededGenerator) {
        isConnected = true
        give(.connected(otherFirmware: false), &random)
    }

    /// The next thing that is due happens.
    private mutating func pass(_ random: inout SeededGenerator) {
        let next = flying.indices.min { flying[$0].at < flying[$1].at }
        if let next, wake.map({ flying[next].at <= $0 }) ?? true {
            let (at, id, outcome) = flying.remove(at: next)
            now = max(now, at)
            give(.answered(id, outcome), &random)
        } else if let wake {
            now = max(now, wake)
            self.wake = nil
            give(.wake, &random)
        }
    }

    private mutating func give(_ input: ConfigurationShadow.Input, _ random: inout SeededGenerator) {
        for action in shadow.receive(input, at: now) {
            let at = now + .milliseconds(Int.random(in: 1...3000, using: &random))
            switch action {
            case .read(let id):
                let outcome: ConfigurationShadow.Outcome = lost(&random) ? .lost : .document(unit)
                flying.append((at, id, outcome))
            case .write(let id, let change):
                // Lost on its way there, on its way back, or neither.
                if lost(&random) {
                    flying.append((at, id, .lost))
                    continue
                }
                let outcome = obey(change)
                flying.append((at, id, lost(&random) ? .lost : outcome))
            case .wake(let instant):
                wake = instant
            }
        }
    }

    private func lost(_ random: inout SeededGenerator) -> Bool {
        !isConnected || Int.random(in: 0..<100, using: &random) < loss
    }

    private mutating func obey(_ change: ConfigurationDocument) -> ConfigurationShadow.Outcome {
        guard !change.fields.contains(where: { refused.contains($0.path.description) }) else {
            return .refused(code: 13, message: "cannot")
        }
        unit = unit.merging(change)
        return .document(unit)
    }
}
