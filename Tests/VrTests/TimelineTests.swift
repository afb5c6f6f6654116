import HSSModel
import TestSupport
import Testing
import Vr

private let session = RecordSessionID(unchecked: "s1")

private func time(_ milliseconds: Int64) -> WallTime { WallTime(milliseconds: milliseconds) }

private func segment(_ start: Int64, _ end: Int64, discontinue: Bool? = false) -> TimelineSegment {
    TimelineSegment(
        session: session,
        start: time(start),
        end: time(end),
        bytes: end - start,
        discontinue: discontinue
    )
}

private func text(_ pieces: [TimelinePiece]) -> [String] {
    pieces.map {
        let mark = $0.isDiscontinuous ? "!" : ""
        return "\(mark)\($0.segment.start.milliseconds): \($0.from.milliseconds)-\($0.to.milliseconds)"
    }
}

private func text(_ ranges: [TimelineRange]) -> [String] {
    ranges.map { "\($0.start.milliseconds)-\($0.end.milliseconds) \($0.bytes)" }
}

@Suite("Timeline, §9.3.4") struct TimelineTests {
    private let hour = Timeline([
        segment(10_000, 20_000), segment(20_000, 30_000), segment(30_400, 40_000), segment(60_000, 70_000),
    ])

    /// "gaps as gaps"; what rounding makes is none.
    @Test func segmentsJoinIntoRanges() {
        #expect(text(hour.ranges(in: time(0)..<time(100_000))) == ["10000-40000 29600", "60000-70000 10000"])
        #expect(
            text(hour.ranges(in: time(15_000)..<time(65_000))) == ["15000-40000 24600", "60000-65000 5000"]
        )
        #expect(hour.oldest == time(10_000) && hour.newest == time(70_000))
        #expect(Timeline([]).oldest == nil && Timeline([]).ranges(in: time(0)..<time(1)).isEmpty)
    }

    /// "Requested range must equal delivered duration; no 'no segments' at a boundary ms before a segment".
    @Test(
        arguments: [
            (9_999, 10_000, []), (9_999, 10_001, ["10000: 10000-10001"]),
            (19_999, 20_001, ["10000: 19999-20000", "20000: 20000-20001"]),
            (20_000, 20_001, ["20000: 20000-20001"]),
            (40_000, 60_000, []), (39_999, 60_001, ["30400: 39999-40000", "!60000: 60000-60001"]),
            (30_000, 30_400, []), (69_999, 70_000, ["60000: 69999-70000"]), (70_000, 70_001, []), (5, 5, []),
        ] as [(Int64, Int64, [String])]
    ) func boundariesToTheMillisecond(from: Int64, to: Int64, pieces: [String]) {
        #expect(text(hour.pieces(in: time(from)..<time(to))) == pieces)
    }

    /// Where `discontinue` is 1 or absent, or a gap says so, a player is told.
    @Test func discontinuities() {
        let timeline = Timeline([
            segment(0, 1000), segment(1000, 2000, discontinue: true), segment(2000, 3000, discontinue: nil),
            segment(3000, 4000), segment(4501, 5000), segment(5500, 6000),
        ])
        let pieces = timeline.pieces(in: time(0)..<time(9000))
        #expect(pieces.map(\.isDiscontinuous) == [false, true, true, false, true, false])
        let other = TimelineSegment(
            session: RecordSessionID(unchecked: "s2"),
            start: time(1000),
            end: time(2000),
            bytes: 1,
            discontinue: false
        )
        #expect(
            Timeline([segment(0, 1000), other]).pieces(in: time(0)..<time(3000)).last?.isDiscontinuous == true
        )
    }

    /// The later start is taken while it lasts; a segment that outlasts it comes back, and is marked.
    @Test func overlaps() {
        let rounded = Timeline([segment(0, 10_100), segment(10_000, 20_000)])
        #expect(text(rounded.pieces(in: time(0)..<time(30_000))) == ["0: 0-10000", "10000: 10000-20000"])
        let nested = Timeline([segment(0, 10_000), segment(3000, 5000), segment(4000, 4500)])
        #expect(
            text(nested.pieces(in: time(1000)..<time(30_000)))
                == [
                    "0: 1000-3000", "!3000: 3000-4000", "!4000: 4000-4500", "!3000: 4500-5000",
                    "!0: 5000-10000",
                ]
        )
        #expect(nested.ranges(in: time(0)..<time(30_000)).map(\.end) == [time(10_000)])
    }

    /// Whatever overlaps, lies apart or within: each recorded millisecond of the range once, in order, nothing else.
    @Test func piecesAreWhatIsRecordedOfTheRange() {
        for seed in UInt64(0)..<500 {
            var random = SeededGenerator(seed: seed)
            let segments = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                let start = Int64.random(in: 0...80, using: &random)
                return segment(start, start + Int64.random(in: 1...30, using: &random))
            }
            let from = Int64.random(in: 0...110, using: &random)
            let to = from + Int64.random(in: 0...110, using: &random)
            let pieces = Timeline(segments.shuffled(using: &random)).pieces(in: time(from)..<time(to))
            let played = pieces.flatMap { $0.from.milliseconds..<$0.to.milliseconds }
            let recorded = (from..<to).filter { moment in
                segments.contains { $0.start <= time(moment) && time(moment) < $0.end }
            }
            #expect(played == recorded, "seed \(seed)")
            let areWithin = pieces.allSatisfy { $0.segment.start <= $0.from && $0.to <= $0.segment.end }
            #expect(areWithin && pieces.allSatisfy { $0.from < $0.to }, "seed \(seed)")
        }
    }

    /// A day's listing of 10 s segments that all outlast the day: the sweep stays within its bounds.
    @Test func manyOverlapsAreNoTrap() {
        let timeline = Timeline((0..<8640).map { segment($0 * 10_000, 86_400_000) })
        #expect(timeline.ranges(in: time(0)..<time(86_400_000)).count == 1)
        #expect(timeline.pieces(in: time(0)..<time(86_400_000)).count == 8640)
    }

    /// "days with recordings", by the calendar of the zone.
    @Test func daysOfTheZone() {
        let day: Int64 = 86_400_000
        let timeline = Timeline([
            segment(10 * day - 1000, 10 * day), segment(12 * day - 1000, 12 * day + 1000),
        ])
        let all = time(0)..<time(100 * day)
        #expect(timeline.days(in: all, zone: .utc).map(\.number) == [9, 11, 12])
        let berlin = ZoneOffsets(first: 3600, changes: [])
        #expect(timeline.days(in: all, zone: berlin).map(\.number) == [10, 12])
        #expect(timeline.days(in: time(12 * day)..<time(100 * day), zone: .utc).map(\.number) == [12])
        #expect(
            Timeline([segment(0, 20_000 * day)]).days(in: time(0)..<time(20_000 * day), zone: .utc).count
                == 3660
        )
    }
}
