import HSSModel
import Vd

/// Lets each nonce of a signed login count once.
///
/// A signature is good for ``window`` around the platform's time, so a nonce has to be remembered until its time has left
/// the window. Only who holds a device's key comes to be remembered here, and each unit has ``noncesOfUnit`` places: at
/// that bound its oldest nonce is forgotten and, instead, whatever this unit signed up to that time is refused. A unit
/// whose clock runs forward notices nothing, and no unit takes another's place. Units are remembered up to a number; a
/// newcomer beyond it has to come again (the platform then has signed in so many different units within 20 minutes).
///
/// After a restart nothing is remembered: what was signed more than ``restartTolerance`` before the start is refused. A
/// unit that obeys the clock rule (10 s, §9.3.1.1 step 3) is let in at once all the same; one that is further behind asks
/// Vs for the time and is let in then. What stays open is an address that was captured in the seconds before a start.
struct NonceMemory: Sendable {
    enum Verdict: Equatable, Sendable {
        case fresh
        case replayed
        /// Outside of the window, before the start, or forgotten for a newer one.
        case outOfTime
        case full
    }

    static let window: Duration = .seconds(300)
    static let restartTolerance: Duration = .seconds(10)
    static let noncesOfUnit = 32

    private struct Used {
        var nonce: LoginSignature.Nonce
        var time: WallTime
    }

    private struct Unit {
        var used: [Used] = []
        /// What was signed up to here is refused.
        var forgotten: WallTime?
    }

    private let units: Int
    private let earliest: WallTime
    /// Two generations, in place of a deadline for each unit: what is in the older one was last used before
    /// ``changedAt``, and at the next change all of it is out of the window.
    private var newer: [UnitID: Unit] = [:]
    private var older: [UnitID: Unit] = [:]
    private var changedAt: WallTime

    init(units: Int, startedAt start: WallTime) {
        self.units = units
        earliest = start + (.zero - Self.restartTolerance)
        changedAt = start
    }

    /// Units remembered, for a gauge and for tests of the bound.
    var count: Int { newer.count + older.count }

    /// Of a signature that is right; `fresh` uses its nonce up.
    mutating func admit(
        _ nonce: LoginSignature.Nonce,
        of unit: UnitID,
        signedAt time: WallTime,
        at now: WallTime
    ) -> Verdict {
        change(at: now)
        guard time >= earliest, time <= now + Self.window, now <= time + Self.window else {
            return .outOfTime
        }
        let known = newer[unit] ?? older[unit]
        guard known != nil || count < units else { return .full }
        var entry = known ?? Unit()
        guard !entry.used.contains(where: { $0.nonce == nonce }) else { return .replayed }
        entry.used.removeAll { now > $0.time + Self.window }
        if entry.used.count >= Self.noncesOfUnit,
            let oldest = entry.used.indices.min(by: { entry.used[$0].time < entry.used[$1].time })
        {
            let time = entry.used.remove(at: oldest).time
            entry.forgotten = max(entry.forgotten ?? time, time)
        }
        if let forgotten = entry.forgotten, time <= forgotten { return .outOfTime }
        entry.used.append(Used(nonce: nonce, time: time))
        older[unit] = nil
        newer[unit] = entry
        return .fresh
    }

    private mutating func change(at now: WallTime) {
        // The platform's clock was set back: what is remembered stays so much longer.
        if now < changedAt { changedAt = now }
        guard now - changedAt > Self.window * 2 else { return }
        older = newer
        newer = [:]
        changedAt = now
    }
}
