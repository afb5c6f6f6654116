import Bus
import HSSModel
import HostClock
import NIOCore
import ServiceControl
import Synchronization
import TestSupport
import Testing
import Vd

/// A unit on a real connection that records as it is told, or as its mood is.
private final class RecordingUnit: Sendable {
    enum Mood: CaseIterable {
        case willing
        /// Answers with an error.
        case refusing
        /// The connection ends before it has done anything, or after it has done it.
        case lost, lostAnswer
    }

    private struct State {
        var session: String?
        var mood = Mood.willing
        var channel: (any Channel)?
        var connections = 0
        var seq = 0
    }

    private let state = Mutex(State())

    var session: String? { state.withLock { $0.session } }
    func feel(_ mood: Mood) { state.withLock { $0.mood = mood } }
    /// Power comes back: it records nothing.
    func restart() { state.withLock { $0.session = nil } }

    /// Returns once the connection is there; the task ends with it.
    func connect(_ bench: SignallingBench) async -> Task<Void, any Error> {
        let before = state.withLock { $0.connections }
        let task = Task { try await serve(bench) }
        #expect(await eventually { self.state.withLock { $0.connections } > before })
        return task
    }

    private func serve(_ bench: SignallingBench) async throws {
        let client = try await bench.client()
        state.withLock {
            $0.channel = client.channel
            $0.connections += 1
        }
        try await client.send(SignallingBench.request(SignallingBench.target()))
        _ = await client.answer()
        while let text = await client.text() {
            guard case .request(let request, let seq)? = try? RPCMessage(parsing: Array(text.utf8)) else {
                continue
            }
            guard let answer = try answer(request) else {
                await client.close()
                return
            }
            try await client.send(#"{"seq":\#(seq),\#(answer)}"#)
        }
    }

    /// Nil: the connection ends instead.
    private func answer(_ request: RPCRequest) throws -> String? {
        try state.withLock { state in
            let mood = state.mood
            guard mood != .refusing else { return #""err":{"code":1,"msg":"not now"}"# }
            guard mood != .lost else { return nil }
            switch request.method {
            case StartRecord.name: state.session = try StartRecord(request.parameters).session
            case StopRecord.name:
                if state.session == (try StopRecord(request.parameters).session) { state.session = nil }
            default: break
            }
            return mood == .lostAnswer ? nil : #""resp":{}"#
        }
    }

    func heartbeat() async {
        let (channel, text) = state.withLock { state in
            state.seq += 1
            return (state.channel, SignallingBench.keepalive(state.seq, record: state.session ?? ""))
        }
        let frame = RawClient.frame(RawClient.Frame.text, Array(text.utf8))
        try? await channel?.writeAndFlush(ByteBuffer(bytes: frame))
    }

    func leave() async { try? await state.withLock { $0.channel }?.close() }
}

/// Invariant R11: "Whatever is lost, late or killed: a unit records the session that is wanted, and no other."
@Suite("What runs becomes what is wanted") struct RecordSimulationTests {
    private static let channel = SignallingBench.channel
    private static let always = RecordingWishes.Plan(
        zone: "UTC",
        windows: (0..<7).map { .init(weekday: $0, from: 0, to: 1440) }
    )

    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func whateverHappens(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let house = FakeRecordings()
        let unit = RecordingUnit()
        var lives = Int.random(in: 2...3, using: &random)
        while lives > 0 {
            lives -= 1
            try await SignallingBench.run(recording: house.parts) { bench in
                try await live(bench, house, unit, &random, isLast: lives == 0)
            }
            if Bool.random(using: &random) { unit.restart() }
        }
    }

    private func live(
        _ bench: SignallingBench,
        _ house: FakeRecordings,
        _ unit: RecordingUnit,
        _ random: inout SeededGenerator,
        isLast: Bool
    ) async throws {
        let service = bench.service
        var connection = await unit.connect(bench)
        for _ in 0..<25 {
            switch Int.random(in: 0..<9, using: &random) {
            case 0:
                Task {
                    _ = try? await service.startRecording(Self.channel, .init(), by: SignallingBench.anna)
                }
            case 1: Task { _ = try? await service.stopRecording(Self.channel) }
            case 2: _ = try? await service.setPlan(Self.always, segment: nil, of: Self.channel)
            case 3: _ = try? await service.setPlan(nil, segment: nil, of: Self.channel)
            case 4: house.failAll(with: Bool.random(using: &random) ? .unavailable("disk full") : nil)
            case 5: unit.feel(RecordingUnit.Mood.allCases.randomElement(using: &random) ?? .willing)
            case 6: unit.restart()
            default:
                await unit.leave()
                _ = await connection.result
                connection = await unit.connect(bench)
            }
            await unit.heartbeat()
        }
        if isLast {
            // Calm again: the unit connects anew, so that nothing waits for a retry.
            house.failAll(with: nil)
            unit.feel(.willing)
            await unit.leave()
            _ = await connection.result
            connection = await unit.connect(bench)
            if Bool.random(using: &random) {
                _ = try await service.setPlan(Self.always, segment: nil, of: Self.channel)
            }
            let isRight = await eventually {
                await unit.heartbeat()
                guard let status = try? await service.recordingStatus(of: Self.channel) else { return false }
                let wanted = house.wishes(of: Self.channel) != nil
                return (status.session != nil) == wanted && unit.session == status.session?.rawValue
                    && house.running.map(\.rawValue) == [unit.session].compactMap(\.self)
                    && status.state == (wanted ? .recording : .idle)
            }
            let status = try await service.recordingStatus(of: Self.channel)
            #expect(
                isRight,
                "\(status), the unit records \(unit.session ?? "nothing"), running: \(house.running)"
            )
        }
        await unit.leave()
        _ = await connection.result
    }
}
