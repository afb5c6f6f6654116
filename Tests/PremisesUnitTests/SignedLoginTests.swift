import Foundation
import HSSModel
import PremisesUnit
import Testing
import Vd
import Vs

/// The unit's side of the signature beside Table 9-3.
@Suite("Signed login of a unit") struct UnitSignedLoginTests {
    private static let offer = {
        var answer = MachineBench.answer
        answer.takesSignedLogin = true
        return answer
    }()
    private static let key = LoginKey(password: Secret("p&ss w=rd/ü"))

    private static func proof(_ address: SignallingAddress?) throws -> LoginProof? {
        let target = try #require(address).target.reveal()
        #expect(target.hasPrefix("/Vd?"))
        return try UnitLoginURL(parsing: target.dropFirst("/Vd?".count)).proof
    }

    private static func signature(_ address: SignallingAddress?) throws -> LoginSignature {
        guard case .signature(let signature) = try proof(address) else {
            throw TestFailure(text: "no signature")
        }
        #expect(key.verifies(signature))
        return signature
    }

    private struct TestFailure: Error { var text: String }

    private static func start(
        _ answer: SchedulingAnswer,
        login: UnitLoginForm = .offered,
        seed: UInt64 = 1
    ) -> (MachineBench, [UnitMachine.Action]) {
        var bench = MachineBench(login: login, seed: seed)
        bench.now = Instant(nanoseconds: 77_000_000_000)
        _ = bench.give(.start)
        let actions = bench.give(.scheduled(bench.attempt, answer, hostTime: MachineBench.hostTime))
        return (bench, actions)
    }

    @Test func signsWhereVsOffersIt() throws {
        let (_, actions) = Self.start(Self.offer)
        let signature = try Self.signature(actions.connects.first)
        #expect(signature.macIdentity.rawValue == "00:11:22:33:44:55")
        #expect(signature.time == Self.offer.syncTime)
        #expect(actions.events.contains(.signsLogins))
    }

    @Test(arguments: [UnitLoginForm.offered, .password]) func sendsThePasswordWhereItIsNotOffered(
        login: UnitLoginForm
    ) throws {
        let (_, actions) = Self.start(MachineBench.answer, login: login)
        #expect(try Self.proof(actions.connects.first) == .password(Secret("p&ss w=rd/ü")))
    }

    @Test func neverSignsWhereItWasToldNotTo() throws {
        let (_, actions) = Self.start(Self.offer, login: .password)
        #expect(try Self.proof(actions.connects.first) == .password(Secret("p&ss w=rd/ü")))
        #expect(!actions.events.contains(.signsLogins))
    }

    /// Somebody in between takes the offer out of the answer to get the password.
    @Test func isNotTalkedOutOfIt() throws {
        var (bench, actions) = Self.start(Self.offer)
        _ = bench.give(.connected(bench.attempt))
        _ = bench.give(.message(bench.attempt, .event(Reschedule().event)))
        actions = bench.give(
            .scheduled(bench.attempt, MachineBench.answer, hostTime: MachineBench.hostTime)
        )
        _ = try Self.signature(actions.connects.first)
        #expect(actions.events.contains(.signatureNotOffered))
        // A device that was told to restart (Table I.2-5) runs on in the same process.
        _ = bench.give(.connected(bench.attempt))
        _ = bench.give(.message(bench.attempt, .event(RebootDevice().event)))
        actions = bench.run(.seconds(10))
        actions = bench.give(
            .scheduled(bench.attempt, MachineBench.answer, hostTime: MachineBench.hostTime)
        )
        _ = try Self.signature(actions.connects.first)
    }

    @Test func aUnitThatWasToldToSignNeverSendsThePassword() throws {
        let (_, actions) = Self.start(MachineBench.answer, login: .signed)
        _ = try Self.signature(actions.connects.first)
        #expect(actions.events.contains(.signatureNotOffered))
    }

    /// The platform's time as Vs told it goes on with the unit's own steady clock.
    @Test func eachLoginHasItsOwnTimeAndNonce() throws {
        var (bench, actions) = Self.start(Self.offer)
        var nonces: Set<LoginSignature.Nonce> = []
        let asked = bench.now
        for attempt in 1...10 {
            let signature = try Self.signature(actions.connects.first)
            #expect(signature.time == Self.offer.syncTime + (bench.now - asked), "\(attempt)")
            #expect(nonces.insert(signature.nonce).inserted)
            _ = bench.give(.disconnected(bench.attempt, "no route"))
            actions = bench.runToNextAttempt(within: .seconds(100))
        }
    }

    /// A poor source of chance: alike at each boot.
    @Test func aRepeatedRunRepeatsNoNonce() throws {
        let (_, first) = Self.start(Self.offer)
        var later = Self.offer
        later.syncTime = later.syncTime + .milliseconds(1)
        let (_, second) = Self.start(later)
        #expect(
            try Self.signature(first.connects.first).nonce != Self.signature(second.connects.first).nonce
        )
    }

    /// A clock that is wrong by more than the window: Vs tells the time.
    @Test func asksVsForTheTimeAfterARefusal() throws {
        var (bench, actions) = Self.start(Self.offer)
        _ = bench.give(.refused(bench.attempt, "401"))
        actions = bench.runToNextAttempt(within: .seconds(10))
        #expect(actions.schedulings == 1 && actions.connects.isEmpty)
        var later = Self.offer
        later.syncTime = later.syncTime + .seconds(500)
        actions = bench.give(.scheduled(bench.attempt, later, hostTime: MachineBench.hostTime))
        #expect(try Self.signature(actions.connects.first).time == later.syncTime)
        // One that sends its password learns nothing from Vs.
        (bench, _) = Self.start(MachineBench.answer)
        _ = bench.give(.refused(bench.attempt, "401"))
        actions = bench.runToNextAttempt(within: .seconds(10))
        #expect(actions.schedulings == 0 && actions.connects.count == 1)
    }

    @Test("over real connections: offered, signed, and the maker is told once", .timeLimit(.minutes(4)))
    func signsOverRealConnections() async throws {
        let platform = try await FakePlatform(offersSignatures: true)
        let (news, tell) = AsyncStream.makeStream(of: String.self)
        let camera = try Camera(
            CameraTests.configuration(platform.address),
            source: NoPicture(),
            delegate: Listener(tell: tell)
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await camera.run() }
            for await event in platform.events {
                guard case .login(let uri, _) = event else { continue }
                let proof = try UnitLoginURL(parsing: uri.dropFirst("/Vd?".count)).proof
                guard case .signature(let signature) = proof else { throw TestFailure(text: uri) }
                #expect(LoginKey(password: Secret("p w&d")).verifies(signature))
                #expect(!uri.contains("login_passwd"))
                break
            }
            for await text in news where text == "signs" { break }
            tasks.cancelAll()
        }
        await platform.shutdown()
    }

    private struct Listener: CameraDelegate {
        let tell: AsyncStream<String>.Continuation
        func signsLogins() { tell.yield("signs") }
    }

    private struct NoPicture: CameraSource {
        func open(channel: Int, into output: CameraOutput) throws { throw CameraError("no picture") }
        func close(channel: Int) {}
    }
}
