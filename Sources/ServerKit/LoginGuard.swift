package import HSSModel

/// Slows down whoever guesses passwords, without giving anybody the means to lock somebody else out.
///
/// Three kinds of record, each with a back-off that doubles up to ``Rules/longest`` and failures that are
/// forgotten over time:
/// - an **address** that fails often, with whichever accounts, has to wait;
/// - an **account** that fails often, from whichever addresses, has to wait at addresses that it has not
///   logged in from. It tolerates more and forgets faster than one address can fail once it has to wait,
///   so a single attacker cannot keep an account closed;
/// - an account **at home**, at the address from which it last logged in: there it has a record of its own, and
///   failures of others, of whatever number and place, do not count.
///
/// Account and home failures are counted when an attempt begins and taken back when it succeeds: a burst of
/// attempts at once is bounded like attempts one after another. All tables are bounded; at the bound the
/// records longest unused are forgotten.
package struct LoginGuard<Account: Hashable & Sendable>: Sendable {
    package struct Rules: Sendable {
        /// Failures that cost nothing, before the waits begin.
        package var freeAtAddress = 5
        package var freeOfAccount = 20
        package var freeAtHome = 10
        /// One failure is forgotten in this time.
        package var addressForgets: Duration = .seconds(120)
        package var accountForgets: Duration = .seconds(6)
        package var first: Duration = .seconds(1)
        package var longest: Duration = .seconds(60)
        /// Records of each kind; homes of accounts that logged in.
        package var capacity = 100_000

        package init() {}
    }

    package enum Verdict: Equatable, Sendable {
        /// Check the password, then call ``succeeded(_:)`` or ``failed(_:at:)``.
        case attempt(Attempt)
        case wait(Duration)
    }

    /// An attempt under way. One that is neither succeeded nor failed stays counted against the account.
    package struct Attempt: Equatable, Sendable {
        fileprivate let account: Account?
        fileprivate let address: NetworkPrefix
        fileprivate let atHome: Bool
    }

    private let rules: Rules
    private var addresses: AgingTable<NetworkPrefix, Failures>
    private var accounts: AgingTable<Account, Failures>
    private var homes: AgingTable<Account, Home>

    package init(rules: Rules = Rules()) {
        self.rules = rules
        addresses = AgingTable(capacity: rules.capacity)
        accounts = AgingTable(capacity: rules.capacity)
        homes = AgingTable(capacity: rules.capacity)
    }

    /// `account` is nil where what was presented cannot be the name of one: only the address counts then.
    package mutating func begin(
        _ account: Account?,
        from address: NetworkPrefix,
        at now: Instant
    ) -> Verdict {
        if let account, var home = homes[account], home.address == address {
            if let wait = home.failures.wait(at: now) { return .wait(wait) }
            home.failures.add(at: now, rules, free: rules.freeAtHome, forgets: rules.accountForgets)
            homes[account] = home
            return .attempt(Attempt(account: account, address: address, atHome: true))
        }
        let addressWait = addresses[address]?.wait(at: now)
        guard let account else {
            if let addressWait { return .wait(addressWait) }
            return .attempt(Attempt(account: nil, address: address, atHome: false))
        }
        var failures = accounts[account] ?? Failures()
        if let wait = [addressWait, failures.wait(at: now)].compactMap({ $0 }).max() { return .wait(wait) }
        failures.add(at: now, rules, free: rules.freeOfAccount, forgets: rules.accountForgets)
        accounts[account] = failures
        return .attempt(Attempt(account: account, address: address, atHome: false))
    }

    /// The password was right. The address becomes the account's home; the address itself is not cleared, or an
    /// attacker with one account would be free to guess at others.
    package mutating func succeeded(_ attempt: Attempt) {
        guard let account = attempt.account else { return }
        if !attempt.atHome, var failures = accounts[account] {
            failures.takeBack(free: rules.freeOfAccount)
            accounts[account] = failures
        }
        homes[account] = Home(address: attempt.address)
    }

    package mutating func failed(_ attempt: Attempt, at now: Instant) {
        guard !attempt.atHome else { return }
        var failures = addresses[attempt.address] ?? Failures()
        failures.add(at: now, rules, free: rules.freeAtAddress, forgets: rules.addressForgets)
        addresses[attempt.address] = failures
    }

    /// The password was not looked at: the store was away or the caller gave up.
    package mutating func abandoned(_ attempt: Attempt) {
        guard let account = attempt.account else { return }
        if attempt.atHome {
            guard var home = homes[account] else { return }
            home.failures.takeBack(free: rules.freeAtHome)
            homes[account] = home
        } else if var failures = accounts[account] {
            failures.takeBack(free: rules.freeOfAccount)
            accounts[account] = failures
        }
    }

    /// The credentials of `account` changed or it is gone: where it last logged in says nothing any more.
    package mutating func forgetHome(of account: Account) {
        homes[account] = nil
    }

    /// Records held, for a gauge and for tests of the bound.
    package var recordCount: Int { addresses.count + accounts.count + homes.count }
}

private struct Home {
    var address: NetworkPrefix
    var failures = Failures()
}

/// How often something failed lately, and until when it has to wait.
private struct Failures {
    private var number = 0.0
    private var countedAt: Instant?
    private var waitsUntil: Instant?

    func wait(at now: Instant) -> Duration? {
        guard let waitsUntil, waitsUntil > now else { return nil }
        return waitsUntil - now
    }

    mutating func add<Account>(
        at now: Instant,
        _ rules: LoginGuard<Account>.Rules,
        free: Int,
        forgets: Duration
    ) {
        let forgotten = countedAt.map { max(0, (now - $0) / forgets) } ?? 0
        number = max(0, number - forgotten) + 1
        countedAt = now
        let excess = Int(number.rounded(.up)) - free
        guard excess > 0 else { return }
        // 2^30 first waits are beyond any longest one.
        let wait = min(rules.longest, rules.first * (1 << min(excess - 1, 30)))
        waitsUntil = now + wait
    }

    mutating func takeBack(free: Int) {
        number = max(0, number - 1)
        if number <= Double(free) { waitsUntil = nil }
    }
}

/// A dictionary of bounded size that forgets what has not been used for longest, roughly: two generations,
/// of which the older is dropped when the newer is half the capacity. Constant time.
package struct AgingTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let half: Int
    private var newer: [Key: Value] = [:]
    private var older: [Key: Value] = [:]

    package init(capacity: Int) {
        half = max(1, capacity / 2)
    }

    package var count: Int { newer.count + older.count }

    /// Writing makes an entry young again; reading leaves it where it is.
    package subscript(key: Key) -> Value? {
        get { newer[key] ?? older[key] }
        set {
            older[key] = nil
            newer[key] = newValue
            guard newer.count >= half else { return }
            older = newer
            newer = [:]
        }
    }
}
