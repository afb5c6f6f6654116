import Bus
import Foundation
import HSSModel
import SRTTransport
import ServerKit
import TestSupport
import Testing

@testable import MediaDistribution

/// Issue 4, "accounting of bytes per owner": what the media server counts for the accounts.
@Suite("What was carried", .timeLimit(.minutes(4))) struct UsageLedgerTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)
    private static let channel = ChannelAddress(unit: UnitID(unchecked: "cam-1"), number: 0)

    private static func after(_ seconds: Double) -> Instant { start + .milliseconds(Int64(seconds * 1000)) }

    private static func watched(_ lease: String) -> UsageLedger.Account {
        .init(channel: channel, side: .watched(LeaseID(unchecked: lease)))
    }

    @Test func aReportComesAgainUntilItIsSettledAndTellsWhatIsNewOnly() {
        let ledger = UsageLedger(metrics: MetricRegistry())
        let tally = Tally(at: Self.start)
        ledger.begin(.init(channel: Self.channel, side: .sent), tally, at: Self.start)
        tally.add(octets: 1000)
        let first = ledger.report(settling: nil, at: Self.after(2))
        #expect(first.lines.map(\.bytes) == [1000] && first.lines.map(\.time) == [.seconds(2)])
        #expect(first.lines.map(\.side) == [.sent] && first.lines.map(\.isOver) == [false])
        tally.add(octets: 50)
        #expect(ledger.report(settling: nil, at: Self.after(3)) == first, "its answer was lost")
        #expect(ledger.has(Self.channel.unit) && !ledger.has(UnitID(unchecked: "cam-2")))
        let second = ledger.report(settling: first.number, at: Self.after(4))
        #expect(second.number == first.number + 1 && second.run == first.run)
        #expect(second.lines.map(\.bytes) == [50] && second.lines.map(\.time) == [.seconds(2)])
    }

    /// A connection that was ended may still count what was on its way.
    @Test func whatIsCountedAfterAnEndIsNotLost() {
        let ledger = UsageLedger(metrics: MetricRegistry())
        let tally = Tally(at: Self.start)
        ledger.begin(Self.watched("l1"), tally, at: Self.start)
        tally.add(octets: 10)
        ledger.end(tally, at: Self.after(5))
        ledger.end(tally, at: Self.after(9))
        let first = ledger.report(settling: nil, at: Self.after(6))
        #expect(first.lines.map(\.bytes) == [10] && first.lines.map(\.time) == [.seconds(5)])
        #expect(first.lines.map(\.isOver) == [false], "it may come to more")
        tally.add(octets: 7)
        let second = ledger.report(settling: first.number, at: Self.after(30))
        #expect(second.lines.map(\.bytes) == [7] && second.lines.map(\.time) == [.zero])
        #expect(second.lines.map(\.isOver) == [true])
        let third = ledger.report(settling: second.number, at: Self.after(40))
        #expect(third.lines.isEmpty && !ledger.has(Self.channel.unit))
    }

    /// Whoever keeps accounts forgets who held a lease when it hears of the end, and must hear of each.
    @Test func anEndIsToldThoughNothingCameSince() {
        let ledger = UsageLedger(lingering: .seconds(15), metrics: MetricRegistry())
        let tally = Tally(at: Self.start)
        ledger.begin(Self.watched("l1"), tally, at: Self.start)
        tally.add(octets: 10)
        ledger.end(tally, at: Self.after(5))
        let first = ledger.report(settling: nil, at: Self.after(6))
        #expect(first.lines.map(\.isOver) == [false])
        // What it may fetch of a stream that ended is on its account.
        #expect(ledger.report(settling: first.number, at: Self.after(22)).lines.isEmpty)
        let last = ledger.report(settling: first.number, at: Self.after(23))
        #expect(last.lines.map(\.isOver) == [true] && last.lines.map(\.bytes) == [0])
        #expect(ledger.report(settling: last.number, at: Self.after(24)).lines.isEmpty)
    }

    @Test func aReportHoldsSoManyLinesAndTheRestComesNext() {
        let ledger = UsageLedger(metrics: MetricRegistry())
        let count = UsageLedger.linesOfReport + 10
        let tallies = (0..<count).map { number in
            let tally = Tally(at: Self.start)
            ledger.begin(Self.watched("l\(number)"), tally, at: Self.start)
            tally.add(octets: 1)
            return tally
        }
        let first = ledger.report(settling: nil, at: Self.start)
        #expect(first.lines.count == UsageLedger.linesOfReport && first.hasMore)
        let second = ledger.report(settling: first.number, at: Self.start)
        #expect(second.lines.count == 10 && !second.hasMore)
        #expect(tallies.count == count)
    }

    /// Whatever comes, goes and is reported in whatever order: what was counted is told, once.
    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func nothingIsLostAndNothingTwice(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let ledger = UsageLedger(metrics: MetricRegistry())
        var now = Self.start
        var open: [(tally: Tally, lease: String, since: Instant)] = []
        var (counted, told): ([String: UInt64], [String: UInt64]) = ([:], [:])
        var (stood, toldTime): (Duration, Duration) = (.zero, .zero)
        var settled: Int64?
        for step in 0..<2000 {
            now = now + .milliseconds(Int64.random(in: 0...900, using: &random))
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1:
                let lease = "l\(Int.random(in: 0..<20, using: &random))"
                let tally = Tally(at: now)
                ledger.begin(Self.watched(lease), tally, at: now)
                open.append((tally, lease, now))
            case 2 where !open.isEmpty:
                let (tally, _, since) = open.remove(at: Int.random(in: 0..<open.count, using: &random))
                ledger.end(tally, at: now)
                stood += now - since
            case 3, 4:
                let report = ledger.report(settling: settled, at: now)
                // Every third time the keeper fails, and settles nothing.
                guard step % 3 != 0, report.number != settled else { continue }
                settled = report.number
                for case (.watched(let lease?), let line) in report.lines.map({ ($0.side, $0) }) {
                    told[lease.rawValue, default: 0] += UInt64(line.bytes)
                    toldTime += line.time
                }
            default:
                for (tally, lease, _) in open where Bool.random(using: &random) {
                    let octets = Int.random(in: 0...9999, using: &random)
                    tally.add(octets: octets)
                    counted[lease, default: 0] += UInt64(octets)
                }
            }
        }
        for (tally, _, since) in open {
            ledger.end(tally, at: now)
            stood += now - since
        }
        for _ in 0..<3 {
            let report = ledger.report(settling: settled, at: now + .seconds(10))
            guard report.number != settled else { continue }
            settled = report.number
            for case (.watched(let lease?), let line) in report.lines.map({ ($0.side, $0) }) {
                told[lease.rawValue, default: 0] += UInt64(line.bytes)
                toldTime += line.time
            }
        }
        #expect(told.filter { $0.value > 0 } == counted.filter { $0.value > 0 }, "seed \(seed)")
        #expect(toldTime == stood, "seed \(seed)")
    }

    /// With real peers: what the unit sent is what is told, and what curl got.
    @Test func realPeersAreCountedToTheOctet() async throws {
        let bytes = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        let stream = StreamID(unchecked: "cam1-0")
        try await RunningMedia.run { platform in
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(bytes.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let file = try temporaryFolder().appending(path: "seen.ts").path
            let curl = try Tool("curl", ["-sN", "-o", file, try await platform.play(stream).http])
            #expect(await platform.events.viewers(1))
            var (sent, delivered): (Int64, Int64) = (0, 0)
            var settled: Int64?
            func take() async {
                let report = await platform.media.usage(settling: settled)
                guard report.number != settled else { return }
                settled = report.number
                for line in report.lines {
                    #expect(line.channel.description == "unit/0")
                    if line.side == .sent { sent += line.bytes } else { delivered += line.bytes }
                }
            }
            await take()
            try await platform.send(bytes.dropFirst(26_320), on: unit)
            unit.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            await platform.media.close(stream)
            await curl.waitForExit()
            await take()
            #expect(sent == Int64(bytes.count))
            let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int64
            #expect(delivered == size && delivered > 26_320)
        }
    }
}
