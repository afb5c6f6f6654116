package import Bus
package import HSSModel

/// Sends the units of one node away at a limited rate: whom to tell `Reschedule` next (§9.3.1.2).
///
/// A unit goes on with all its sessions until Vs has answered it, so that a picture is carried over; units that push
/// one still come last, for they have most to lose. A unit that does not go is told again after
/// ``patience``. Whoever connects meanwhile, with an address from before, is told too, unless the units are to
/// return.
package struct Drain: Sendable {
    /// A unit as the registry has it.
    package struct Candidate: Sendable, Equatable {
        package var unit: UnitID
        package var epoch: Epoch
        package var pushesLive: Bool

        package init(unit: UnitID, epoch: Epoch, pushesLive: Bool) {
            self.unit = unit
            self.epoch = epoch
            self.pushesLive = pushesLive
        }
    }

    private struct Told {
        var epoch: Epoch
        var at: Instant
    }

    /// Asking Vs and logging in takes a unit some seconds, and up to a minute where Vs is busy (§9.3.1.3).
    package static let patience = Duration.seconds(90)
    package static let rates = 1...10_000

    private let rate: Int
    private let returning: Bool
    private let since: WallTime
    private let lastEpoch: Epoch
    private var queue: ArraySlice<UnitID> = []
    private var waiting: [UnitID: Candidate] = [:]
    private var told: [UnitID: Told] = [:]
    private var left = 0
    private var moved = 0
    /// Units that may be told now, in fractions.
    private var credit = 0.0
    private var lastTick: Instant

    /// `returning`: connections with an epoch above `lastEpoch` are those of units that are back.
    package init(rate: Int, returning: Bool, lastEpoch: Epoch, since: WallTime, at now: Instant) {
        self.rate = min(max(rate, Self.rates.lowerBound), Self.rates.upperBound)
        self.returning = returning
        self.lastEpoch = lastEpoch
        self.since = since
        lastTick = now
    }

    package var progress: DrainProgress {
        DrainProgress(
            since: since,
            rate: rate,
            returning: returning,
            told: told.count,
            moved: moved,
            left: left
        )
    }

    /// Takes a new look at who is connected; once a second is often enough.
    package mutating func survey(_ connected: [Candidate], at now: Instant) {
        let here = connected.filter { !returning || $0.epoch <= lastEpoch }
        let epochs = Dictionary(here.map { ($0.unit, $0.epoch) }, uniquingKeysWith: max)
        left = here.count
        moved = told.count { epochs[$0.key] != $0.value.epoch }
        let due = here.filter { candidate in
            guard let last = told[candidate.unit], last.epoch == candidate.epoch else { return true }
            return now - last.at >= Self.patience
        }
        waiting = Dictionary(due.map { ($0.unit, $0) }, uniquingKeysWith: { $0.epoch < $1.epoch ? $1 : $0 })
        // By name among equals: a repeated look does not shuffle them.
        queue =
            waiting.values.sorted { ($0.pushesLive ? 1 : 0, $0.unit) < ($1.pushesLive ? 1 : 0, $1.unit) }
            .map(\.unit)[...]
    }

    /// Whom to tell now. Called often; never more than one second's worth at once.
    package mutating func next(at now: Instant) -> [UnitID] {
        credit = min(Double(rate), credit + (now - lastTick).inSeconds * Double(rate))
        lastTick = now
        let units = Array(queue.prefix(Int(credit)))
        queue = queue.dropFirst(units.count)
        credit -= Double(units.count)
        for unit in units {
            guard let candidate = waiting.removeValue(forKey: unit) else { continue }
            told[unit] = Told(epoch: candidate.epoch, at: now)
        }
        return units
    }
}
