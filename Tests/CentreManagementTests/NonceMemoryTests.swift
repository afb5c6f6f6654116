import HSSModel
import Testing
import Vd

@testable import CentreManagement

@Suite("Nonces of signed logins") struct NonceMemoryTests {
    private static let start = WallTime(milliseconds: 1_795_257_000_000)
    private static let unit = UnitID(unchecked: "cam")

    private static func nonce(_ number: Int) -> LoginSignature.Nonce { .init(high: 7, low: UInt64(number)) }

    private var memory = NonceMemory(units: 3, startedAt: start)

    /// Long after the start, unless told otherwise.
    private mutating func admit(
        _ number: Int,
        _ unit: UnitID = unit,
        signed: Duration = .zero,
        at now: Duration = .seconds(3600)
    ) -> NonceMemory.Verdict {
        memory.admit(
            Self.nonce(number),
            of: unit,
            signedAt: Self.start + now + signed,
            at: Self.start + now
        )
    }

    @Test mutating func eachCountsOnce() {
        #expect(admit(1) == .fresh)
        #expect(admit(1) == .replayed)
        #expect(admit(1, signed: .milliseconds(1)) == .replayed, "whatever else was signed with it")
        #expect(admit(2) == .fresh)
        #expect(
            admit(1, UnitID(unchecked: "other")) == .fresh,
            "nonces of units have nothing to do with each other"
        )
    }

    @Test(arguments: [
        (-300_000, NonceMemory.Verdict.fresh), (300_000, .fresh), (-300_001, .outOfTime),
        (300_001, .outOfTime),
        (-301_000, .outOfTime), (301_000, .outOfTime),
    ]) mutating func theWindowIs300Seconds(milliseconds: Int, verdict: NonceMemory.Verdict) {
        #expect(admit(1, signed: .milliseconds(milliseconds)) == verdict)
        #expect(memory.count == (verdict == .fresh ? 1 : 0), "what is refused takes no place")
    }

    /// Whenever it comes again: as long as its time is in the window it is known, and after it it is late.
    @Test mutating func isNeverTakenTwice() {
        for ahead in [-300, -10, 0, 10, 300] {
            memory = NonceMemory(units: 3, startedAt: Self.start)
            let first = Duration.seconds(3600)
            #expect(admit(1, signed: .seconds(ahead), at: first) == .fresh)
            for later in stride(from: 0, through: 2000, by: 1) {
                let now = first + .seconds(later)
                let verdict = admit(1, signed: .seconds(ahead - later), at: now)
                #expect(verdict == (later <= 300 + ahead ? .replayed : .outOfTime), "\(ahead), \(later)")
                if later.isMultiple(of: 97) { _ = admit(1000 + later, UnitID(unchecked: "other"), at: now) }
            }
        }
    }

    @Test mutating func aFloodOfOneUnitTakesItsOwnPlacesOnly() {
        let others = UnitID(unchecked: "other")
        #expect(admit(1, others, signed: .seconds(-200)) == .fresh)
        let most = NonceMemory.noncesOfUnit
        for number in 0..<1000 { #expect(admit(number, signed: .seconds(number - 500) / 2) == .fresh) }
        #expect(memory.count == 2)
        // What was forgotten is refused all the same, and what is remembered is known.
        for number in 0..<(1000 - most) {
            #expect(admit(number, signed: .seconds(number - 500) / 2) == .outOfTime)
        }
        for number in (1000 - most)..<1000 {
            #expect(admit(number, signed: .seconds(number - 500) / 2) == .replayed)
        }
        #expect(
            admit(5000, signed: .seconds(-200)) == .outOfTime,
            "its clock went back: it has to wait for it"
        )
        #expect(admit(5001, signed: .seconds(250)) == .fresh)
        #expect(admit(1, others, signed: .seconds(-200)) == .replayed)
        #expect(admit(2, others, signed: .seconds(-200)) == .fresh, "nobody else notices")
    }

    @Test mutating func beyondTheMostUnitsNewcomersWait() {
        for number in 0..<3 { #expect(admit(1, UnitID(unchecked: "u\(number)")) == .fresh) }
        #expect(admit(1, UnitID(unchecked: "u3")) == .full)
        #expect(admit(2, UnitID(unchecked: "u0")) == .fresh, "who is known is let in")
        #expect(admit(1, UnitID(unchecked: "u0")) == .replayed)
        // After twice the window and once more nothing of them is left.
        let later = Duration.seconds(3600)
        #expect(admit(3, UnitID(unchecked: "u0"), at: later + .seconds(601)) == .fresh)
        #expect(memory.count == 3)
        #expect(admit(1, UnitID(unchecked: "u3"), at: later + .seconds(1202)) == .fresh)
        #expect(memory.count == 2)
    }

    /// "a restart storm must not refuse honest units whose clock is behind": by no more than the clock rule allows.
    @Test mutating func afterARestart() {
        #expect(admit(1, signed: .seconds(-10), at: .zero) == .fresh)
        #expect(
            admit(2, signed: .milliseconds(-10_001), at: .zero) == .outOfTime,
            "it may have been used before"
        )
        #expect(admit(3, signed: .seconds(-60), at: .seconds(50)) == .fresh)
        #expect(admit(4, signed: .seconds(300), at: .zero) == .fresh)
    }

    @Test mutating func aClockThatGoesBackForgetsNothing() {
        #expect(admit(1, at: .seconds(3600)) == .fresh)
        for seconds in stride(from: 3500, through: 3899, by: 7) {
            #expect(admit(1, signed: .seconds(3600 - seconds), at: .seconds(seconds)) == .replayed)
        }
    }
}
