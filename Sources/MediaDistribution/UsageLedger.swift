import Bus
import HSSModel
import ServerKit
import Synchronization

/// Adds up what connections carry, until whoever keeps accounts has taken it.
///
/// Nothing is counted here: at each report the figure of each ``Tally`` is compared with what it was. The lock is held
/// for some 100 ns of each connection then, and for one entry of a table when a connection comes or goes.
final class UsageLedger: Sendable {
    struct Account: Hashable {
        var channel: ChannelAddress
        var side: MediaUsage.Side
    }

    /// Lines of one report: what is booked in one transaction.
    static let linesOfReport = 5000
    private static let mostAccounts = 200_000
    private static let mostEnded = 65_536

    private struct Connection {
        let account: Account
        let tally: Tally
        var octets: UInt64
        var since: Instant
        var endedAt: Instant?

        /// What came since it was last asked.
        mutating func take(at now: Instant) -> Amount {
            let total = tally.total
            let until = endedAt ?? now
            defer { (octets, since) = (total, max(since, until)) }
            return Amount(octets: total &- octets, time: max(.zero, until - since))
        }
    }

    private struct Amount {
        var octets: UInt64 = 0
        var time: Duration = .zero
    }

    private struct State {
        var connections: [ObjectIdentifier: Connection] = [:]
        var ended = 0
        var sums: [Account: Amount] = [:]
        /// Taken, and not yet known to be booked.
        var report: MediaUsage?
        var lastNumber: Int64 = 0
    }

    private let run: String
    /// A connection that was ended may still count what was on its way; longer than any viewer lingers.
    let aftermath: Duration
    private let lost: Counter
    private let state = Mutex(State())

    /// `lingering`: how long viewers may take what is there of a stream that ended (``MediaLimits/hlsSilence``).
    init(lingering: Duration = .zero, metrics: MetricRegistry) {
        run = RandomName.make("m")
        aftermath = lingering + .seconds(3)
        lost = metrics.counter(
            "vedette_usage_lost_bytes_total",
            "Media that is on no account, because nobody took the reports of too many channels."
        )
    }

    func begin(_ account: Account, _ tally: Tally, at now: Instant) {
        state.withLock {
            $0.connections[ObjectIdentifier(tally)] = Connection(
                account: account,
                tally: tally,
                octets: tally.total,
                since: now
            )
        }
    }

    /// The first end of a connection counts.
    func end(_ tally: Tally, at now: Instant) {
        state.withLock { state in
            let id = ObjectIdentifier(tally)
            guard state.connections[id]?.endedAt == nil, state.connections[id] != nil else { return }
            state.connections[id]?.endedAt = now
            state.ended += 1
            if state.ended > Self.mostEnded { collect(&state, at: now, aftermath: .zero) }
        }
    }

    func report(settling settled: Int64?, at now: Instant) -> MediaUsage {
        state.withLock { state in
            if let report = state.report {
                guard report.number == settled else { return report }
                state.report = nil
            }
            collect(&state, at: now, aftermath: aftermath)
            let accounts = state.sums.keys.prefix(Self.linesOfReport)
            guard !accounts.isEmpty else {
                return MediaUsage(run: run, number: state.lastNumber, lines: [], hasMore: false, takenAt: now)
            }
            let standing = Set(state.connections.values.map(\.account))
            let lines = accounts.compactMap { account in
                state.sums.removeValue(forKey: account).map {
                    MediaUsage.Line(account, $0.octets, $0.time, isOver: !standing.contains(account))
                }
            }
            state.lastNumber += 1
            let report = MediaUsage(
                run: run,
                number: state.lastNumber,
                lines: lines,
                hasMore: !state.sums.isEmpty,
                takenAt: now
            )
            state.report = report
            return report
        }
    }

    func has(_ unit: UnitID) -> Bool {
        state.withLock { state in
            state.connections.values.contains { $0.account.channel.unit == unit }
                || state.sums.keys.contains { $0.channel.unit == unit }
                || state.report?.lines.contains { $0.channel.unit == unit } ?? false
        }
    }

    private func collect(_ state: inout State, at now: Instant, aftermath: Duration) {
        for (id, connection) in state.connections {
            var connection = connection
            let amount = connection.take(at: now)
            if let end = connection.endedAt, now - end >= aftermath {
                state.connections[id] = nil
                state.ended -= 1
                // Told even when it has nothing to add, so that whoever keeps accounts hears of its end.
                if state.sums[connection.account] == nil, state.sums.count < Self.mostAccounts {
                    state.sums[connection.account] = Amount()
                }
            } else {
                state.connections[id] = connection
            }
            add(amount, to: connection.account, &state)
        }
    }

    private func add(_ amount: Amount, to account: Account, _ state: inout State) {
        guard amount.octets > 0 || amount.time > .zero else { return }
        var account = account
        if state.sums[account] == nil, state.sums.count >= Self.mostAccounts {
            // The owner's account is right still; who watched is not known.
            if case .watched = account.side { account.side = .watched(nil) }
            guard state.sums[account] != nil || state.sums.count < 2 * Self.mostAccounts else {
                return lost.add(Int(clamping: amount.octets))
            }
        }
        state.sums[account, default: Amount()].octets &+= amount.octets
        state.sums[account]?.time += amount.time
    }
}

extension MediaUsage.Line {
    fileprivate init(_ account: UsageLedger.Account, _ octets: UInt64, _ time: Duration, isOver: Bool) {
        self.init(
            channel: account.channel,
            side: account.side,
            bytes: Int64(clamping: octets),
            time: time,
            isOver: isOver
        )
    }
}
