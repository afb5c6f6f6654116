import HSSModel
import TestSupport
import Testing
import Vm

@Suite("Putting packets in order") struct PacketReorderTests {
    private static let wrap: UInt32 = 0x8000_0000

    private func at(_ milliseconds: Int) -> Instant { Instant(nanoseconds: Int64(milliseconds) * 1_000_000) }

    private func push(
        _ reorder: inout PacketReorder,
        _ number: Int,
        from first: UInt32 = 0,
        at now: Instant,
        _ out: inout [Int]
    ) {
        let sequence = (first &+ UInt32(number)) % Self.wrap
        var delivered: [Int] = []
        withUnsafeBytes(of: Int64(number)) { bytes in
            reorder.push(bytes, sequence: sequence, at: now) {
                delivered.append(Int($0.loadUnaligned(as: Int64.self)))
            }
        }
        out += delivered
    }

    /// Whatever is lost, late, doubled or swapped: what comes out rises strictly, nothing that came in time is missing, and
    /// nothing stays inside for longer than the deadline.
    @Test func anyPatternComesOutInOrder() {
        for seed in UInt64(0)..<300 {
            var random = SeededGenerator(seed: seed)
            let first = seed % 3 == 0 ? Self.wrap - UInt32.random(in: 0...200, using: &random) : 5
            let loss = Int.random(in: 0...30, using: &random)
            let jitter = Int.random(in: 0...60, using: &random)
            // When each number arrives, twice for some, never for others. The first is always there.
            var arrivals: [(time: Int, number: Int)] = [(0, 0)]
            var arrived: Set = [0]
            for number in 1..<500 where Int.random(in: 0..<100, using: &random) >= loss {
                arrived.insert(number)
                arrivals.append((number + Int.random(in: 0...jitter, using: &random), number))
                if Int.random(in: 0..<20, using: &random) == 0 {
                    arrivals.append((number + Int.random(in: 0...300, using: &random), number))
                }
            }
            arrivals.sort { ($0.time, $0.number) < ($1.time, $1.number) }
            var reorder = PacketReorder(holeDeadline: .milliseconds(100))
            var out: [Int] = []
            for (time, number) in arrivals { push(&reorder, number, from: first, at: at(time), &out) }
            var rest: [Int] = []
            reorder.giveUpHoles(at: at(arrivals[arrivals.count - 1].time + 100)) {
                rest.append(Int($0.loadUnaligned(as: Int64.self)))
            }
            out += rest
            let (hasHole, skipped) = (reorder.hasHole, reorder.skipped)
            #expect(!hasHole, "seed \(seed)")
            #expect(zip(out, out.dropFirst()).allSatisfy { $0 < $1 }, "seed \(seed)")
            // The jitter is below the deadline, so nothing that came is given up.
            #expect(Set(out) == arrived, "seed \(seed)")
            #expect(skipped == (out.last ?? 0) + 1 - arrived.count, "seed \(seed)")
        }
    }

    @Test func aHoleIsWaitedForAndGivenUp() {
        var reorder = PacketReorder(holeDeadline: .milliseconds(100))
        var out: [Int] = []
        push(&reorder, 0, at: at(0), &out)
        push(&reorder, 2, at: at(10), &out)
        push(&reorder, 4, at: at(50), &out)
        reorder.giveUpHoles(at: at(109)) { _ in Issue.record("too early") }
        #expect(out == [0])
        push(&reorder, 5, at: at(110), &out)
        // The second hole has its own time, counted from what came behind it.
        #expect(out == [0, 2])
        push(&reorder, 1, at: at(120), &out)
        let late = reorder.late
        #expect(late == 1)
        var rest = 0
        reorder.giveUpHoles(at: at(150)) { _ in rest += 1 }
        let skipped = reorder.skipped
        #expect(rest == 2 && skipped == 2)
    }

    @Test func aJumpBeyondTheWindowGivesUpWhatIsOld() {
        var reorder = PacketReorder(holeDeadline: .seconds(1000))
        var out: [Int] = []
        push(&reorder, 0, at: at(0), &out)
        push(&reorder, 2, at: at(0), &out)
        push(&reorder, 2 + PacketReorder.window, at: at(0), &out)
        #expect(out == [0, 2])
        push(&reorder, 10_000, at: at(0), &out)
        #expect(out == [0, 2, 2 + PacketReorder.window])
        var rest: [Int] = []
        reorder.finish { rest.append(Int($0.loadUnaligned(as: Int64.self))) }
        let skipped = reorder.skipped
        #expect(rest == [10_000] && skipped == 10_001 - 4)
    }

    @Test func theEndLetsEverythingOut() {
        var reorder = PacketReorder(holeDeadline: .seconds(1000))
        var out: [Int] = []
        for number in [0, 2, 5, 9] { push(&reorder, number, at: at(0), &out) }
        var rest = 0
        reorder.finish { _ in rest += 1 }
        let hasHole = reorder.hasHole
        #expect(out == [0] && rest == 3 && !hasHole)
    }
}
