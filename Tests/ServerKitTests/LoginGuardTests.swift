import HSSModel
import ServerKit
import TestSupport
import Testing

@Suite("Lock-out after failed logins") struct LoginGuardTests {
    private typealias Guard = LoginGuard<UnitID>
    private let cam = UnitID(unchecked: "cam")
    private let home = NetworkPrefix("192.0.2.1")

    private func seconds(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

    /// One attempt from beginning to end. Nil: it was let through; otherwise how long to wait.
    private func attempt(
        _ account: UnitID?,
        from address: NetworkPrefix,
        succeeds: Bool,
        at now: Instant,
        _ login: inout Guard
    ) -> Duration? {
        switch login.begin(account, from: address, at: now) {
        case .wait(let delay): return delay
        case .attempt(let attempt):
            if succeeds { login.succeeded(attempt) } else { login.failed(attempt, at: now) }
            return nil
        }
    }

    @Test func anAddressThatGuessesHasToWaitLongerAndLonger() {
        var login = Guard()
        var now = seconds(0)
        for number in 0..<5 {
            let account = UnitID(unchecked: "u\(number)")
            #expect(attempt(account, from: home, succeeds: false, at: now, &login) == nil)
        }
        // The sixth failure is the first that costs something; each further one twice that, up to 60 s.
        for wait in [1.0, 2, 4, 8, 16, 32, 60, 60] {
            #expect(attempt(cam, from: home, succeeds: false, at: now, &login) == nil)
            let delay = attempt(cam, from: home, succeeds: true, at: now, &login)
            #expect(delay == .seconds(wait))
            now = now + .seconds(wait)
        }
        // An impossible name waits with its address, too.
        #expect(attempt(nil, from: home, succeeds: false, at: now, &login) == nil)
        #expect(attempt(nil, from: home, succeeds: false, at: now, &login) == .seconds(60))
    }

    @Test func failuresAreForgottenOverTime() {
        var login = Guard()
        for _ in 0..<5 { _ = attempt(cam, from: home, succeeds: false, at: seconds(0), &login) }
        for number in 0..<5 {
            let account = UnitID(unchecked: "u\(number)")
            #expect(attempt(account, from: home, succeeds: false, at: seconds(601), &login) == nil)
        }
        #expect(attempt(cam, from: home, succeeds: false, at: seconds(601), &login) == nil)
        #expect(attempt(cam, from: home, succeeds: false, at: seconds(601), &login) == .seconds(1))
    }

    @Test func aBurstAtOnceIsBoundedLikeGuessesInTurn() {
        var login = Guard()
        var begun = 0
        for number in 0..<1000 {
            let address = NetworkPrefix("198.51.100.\(number % 250)")
            if case .attempt = login.begin(cam, from: address, at: seconds(0)) { begun += 1 }
        }
        // 20 for nothing, and the one that brought the first wait.
        #expect(begun == 21)
    }

    @Test func manyRightLoginsOfOneAddressAreNoAttack() {
        var login = Guard()
        for number in 0..<5000 {
            let account = UnitID(unchecked: "u\(number)")
            #expect(attempt(account, from: home, succeeds: true, at: seconds(0), &login) == nil)
        }
    }

    @Test func anAbandonedAttemptIsNotCounted() {
        for atHome in [false, true] {
            var login = Guard()
            if atHome { _ = attempt(cam, from: home, succeeds: true, at: seconds(0), &login) }
            for _ in 0..<1000 {
                guard case .attempt(let attempt) = login.begin(cam, from: home, at: seconds(0)) else {
                    Issue.record("locked out by a store that was away")
                    return
                }
                login.abandoned(attempt)
            }
        }
    }

    @Test func guessingAtHomeHasItsOwnLimit() {
        var login = Guard()
        _ = attempt(cam, from: home, succeeds: true, at: seconds(0), &login)
        var guesses = 0
        for _ in 0..<100 where attempt(cam, from: home, succeeds: false, at: seconds(0), &login) == nil {
            guesses += 1
        }
        #expect(guesses == 11)
        // It says nothing against the rest of the household.
        let other = UnitID(unchecked: "other")
        #expect(attempt(other, from: home, succeeds: true, at: seconds(0), &login) == nil)
    }

    @Test func aForgottenHomeIsAnAddressLikeAnyOther() {
        var login = Guard()
        _ = attempt(cam, from: home, succeeds: true, at: seconds(0), &login)
        for number in 0..<30 {
            let address = NetworkPrefix("203.0.113.\(number)")
            _ = attempt(cam, from: address, succeeds: false, at: seconds(0), &login)
        }
        #expect(attempt(cam, from: home, succeeds: true, at: seconds(0), &login) == nil)
        login.forgetHome(of: cam)
        #expect(attempt(cam, from: home, succeeds: true, at: seconds(0), &login) != nil)
    }

    /// The point of all this: whoever hammers from one place, a healthy unit comes in from anywhere else.
    @Test func oneAttackerCannotKeepAnAccountClosed() {
        var login = Guard()
        let attacker = NetworkPrefix("203.0.113.66")
        for tenth in 0..<36_000 {
            let now = seconds(Double(tenth) / 10)
            _ = attempt(cam, from: attacker, succeeds: false, at: now, &login)
            guard tenth.isMultiple(of: 37) else { continue }
            // Always another address: the unit has no home here.
            let address = NetworkPrefix("198.51.\(tenth / 250 % 250).\(tenth % 250)")
            #expect(attempt(cam, from: address, succeeds: true, at: now, &login) == nil)
        }
    }

    /// Whatever others do: nobody waits for more than 60 s, a unit at home never waits for others, and the
    /// tables stay within their bound.
    @Test(arguments: 1...20) func underAnyAttack(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var rules = Guard.Rules()
        rules.capacity = 64
        var login = Guard(rules: rules)
        var now = seconds(0)
        _ = attempt(cam, from: home, succeeds: true, at: now, &login)
        for step in 0..<20_000 {
            now = now + .milliseconds(Int.random(in: 0...400, using: &random))
            let address = NetworkPrefix("203.0.113.\(Int.random(in: 0...99, using: &random))")
            let account: UnitID? =
                switch Int.random(in: 0...9, using: &random) {
                case 0: nil
                case 1...3: UnitID(unchecked: "u\(Int.random(in: 0...200, using: &random))")
                default: cam
                }
            // Accounts of others may log in; the healthy unit's password is not known to anybody.
            let succeeds = account != cam && Int.random(in: 0...9, using: &random) == 0
            if let wait = attempt(account, from: address, succeeds: succeeds, at: now, &login) {
                #expect(wait > .zero && wait <= .seconds(60), "seed \(seed), step \(step)")
            }
            #expect(login.recordCount <= 3 * rules.capacity, "seed \(seed), step \(step)")
            // Logs in now and then, as a healthy unit does; sometimes often enough to keep its record young.
            guard step.isMultiple(of: 20) else { continue }
            let wait = attempt(cam, from: home, succeeds: true, at: now, &login)
            #expect(wait == nil, "seed \(seed), step \(step)")
        }
    }
}

@Suite("Network prefixes") struct NetworkPrefixTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
        ("::ffff:192.0.2.1", "192.0.2.1", true),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
        ("fe80::1%eth0", "fe80::2%eth1", true),
        ("nonsense", "nonsense", true), ("nonsense", "other", false), ("", "192.0.2.1", false),
        ("0.0.0.0", "::", false),
    ]) func tellsSubscribersApart(left: String, right: String, same: Bool) {
        #expect((NetworkPrefix(left) == NetworkPrefix(right)) == same)
    }

    @Test func isPrintedForOperators() {
        #expect(NetworkPrefix("192.0.2.1").description == "192.0.2.1")
        #expect(NetworkPrefix("2001:db8:1:2::1").description == "2001:db8:1:2::/64")
        #expect(NetworkPrefix(String(repeating: "x", count: 1000)).description.utf8.count == 64)
    }
}

@Suite("Tables that age") struct AgingTableTests {
    @Test func holdsAtMostItsCapacityAndKeepsWhatIsUsed() {
        var table = AgingTable<Int, Int>(capacity: 100)
        for key in 0..<10_000 {
            table[key] = key
            table[-1] = key
            #expect(table.count <= 100)
            #expect(table[-1] == key)
        }
        #expect(table[9_999] == 9_999)
        #expect(table[0] == nil)
        table[9_999] = nil
        #expect(table[9_999] == nil)
    }
}
