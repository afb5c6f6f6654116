import Foundation
import HSSModel
import Store
import TestSupport
import Testing

/// The store beside a list of rows, under seeded writes: sums, bounds and listings must be what the list says.
@Suite("Segments against a model") struct SegmentModelTests {
    private static var seeds: [UInt64] {
        if let text = ProcessInfo.processInfo.environment["VEDETTE_SEED"], let seed = UInt64(text) {
            return [seed]
        }
        return Array(1...12)
    }

    private struct Place: Hashable {
        let session: RecordSessionID
        let name: SegmentName
    }

    /// Rows as if there were no index and no sum.
    private struct Model {
        var rows: [Place: SegmentRow] = [:]

        func saved(of session: RecordSessionID) -> [SegmentRow] {
            rows.values.filter { $0.session == session && $0.state == .saved }
        }

        func amounts(of session: RecordSessionID) -> RecordedAmounts {
            let saved = saved(of: session)
            guard let oldest = saved.map(\.start).min(), let newest = saved.map(\.end).max() else {
                return RecordedAmounts()
            }
            return RecordedAmounts(
                segments: saved.count,
                bytes: saved.reduce(0) { $0 + $1.size },
                duration: saved.reduce(.zero) { $0 + $1.duration },
                span: oldest..<newest
            )
        }
    }

    /// One session for each channel: a channel's rows are those of its session.
    private static let channels: [(RecordSessionID, RecordedChannel, unit: String)] = [
        (RecordSessionID(unchecked: "s1"), Sample.recorded("cam"), "cam"),
        (RecordSessionID(unchecked: "d1"), Sample.recorded("den", of: Sample.anna), "den"),
    ]

    @Test(arguments: Backend.available, seeds) func sumsAndListingsAreThoseOfTheRows(
        _ backend: Backend,
        seed: UInt64
    ) async throws {
        var random = SeededGenerator(seed: seed)
        // Few places and long segments in some runs: much is replaced, overlapped and at a bound.
        let places = Int64.random(in: 4...40, using: &random)
        let longest = Int64([3, 10, 90].randomElement(using: &random) ?? 3) * 1000
        var steps: [Step] = []
        for number in 0..<60 {
            steps.append(Self.step(number, places: places, longest: longest, using: &random))
        }
        let script = steps
        let chance = random
        try await backend.withStore { store async throws in
            try await Sample.recordingHouse(in: store)
            try await Sample.bind("den", to: Sample.anna, in: store)
            try await Sample.begin("s1", in: store)
            try await Sample.begin("d1", of: Sample.channel("den"), in: store)
            var (model, random) = (Model(), chance)
            for (number, step) in script.enumerated() {
                switch step {
                case .write(let rows):
                    try await store.writeSegments(rows)
                    for row in rows { model.rows[Place(session: row.session, name: row.name)] = row }
                case .delete(let session, let names):
                    try await store.deleteSegments(names, of: session)
                    for name in names { model.rows[Place(session: session, name: name)] = nil }
                }
                let from = Int64.random(in: -20_000...places * 10_000, using: &random)
                let to = from + Int64.random(in: 1...50_000, using: &random)
                try await Self.compare(
                    store,
                    model,
                    Sample.time(from)..<Sample.time(to),
                    "seed \(seed), step \(number)"
                )
            }
        }
    }

    private enum Step {
        case write([SegmentRow])
        case delete(RecordSessionID, [SegmentName])
    }

    private static func step(
        _ number: Int,
        places: Int64,
        longest: Int64,
        using random: inout SeededGenerator
    ) -> Step {
        func name() -> SegmentName? {
            SegmentName(start: Sample.time(Int64.random(in: 0..<places, using: &random) * 10_000))
        }
        let (session, _, unit) = channels[Int.random(in: 0..<channels.count, using: &random)]
        let names = (0..<Int.random(in: 1...6, using: &random)).compactMap { _ in name() }
        if Int.random(in: 0..<4, using: &random) == 0 { return .delete(session, names) }
        var rows: [SegmentRow] = []
        for (index, name) in Set(names).sorted().enumerated() {
            rows.append(
                SegmentRow(
                    session: session,
                    channel: ChannelID(unchecked: "\(unit)-0"),
                    name: name,
                    duration: .milliseconds(Int64.random(in: 1...longest, using: &random)),
                    size: Int64.random(in: 1...10_000, using: &random),
                    discontinue: [nil, true, false].randomElement(using: &random) ?? nil,
                    blob: Sample.blob(number * 100 + index + 1),
                    // More are saved than not.
                    state: [.saved, .saved, .created, .dropping].randomElement(using: &random) ?? .saved
                )
            )
        }
        return .write(rows)
    }

    private static func compare(
        _ store: any PlatformStore,
        _ model: Model,
        _ range: Range<WallTime>,
        _ place: String
    ) async throws {
        for (session, recorded, _) in channels {
            let (amounts, expected) = (
                try await store.recordedAmounts(of: recorded), model.amounts(of: session)
            )
            #expect(amounts == expected, "\(place)")
            let listed = try await store.savedSegments(
                of: recorded,
                in: range,
                after: nil,
                limit: 1000,
                newestFirst: false
            )
            let overlapping = model.saved(of: session)
                .filter { $0.end > range.lowerBound && $0.start < range.upperBound }
                .sorted { $0.start < $1.start }
            #expect(listed == overlapping, "\(place) \(range)")
            #expect(try await store.recorded(recorded, in: [range]) == [!overlapping.isEmpty], "\(place)")
        }
        let unfinished = model.rows.values.filter { $0.state != .saved }
            .sorted { ($0.session, $0.name) < ($1.session, $1.name) }
        let page = try await store.unfinishedSegments(after: nil, limit: 1000)
        #expect(
            page.rows.sorted { ($0.session, $0.name) < ($1.session, $1.name) } == unfinished,
            "\(place)"
        )
        let (one, other) = (model.amounts(of: channels[0].0), model.amounts(of: channels[1].0))
        let total = try await store.recordedTotal(of: nil)
        #expect(total.bytes == one.bytes + other.bytes, "\(place)")
        #expect(total.segments == one.segments + other.segments, "\(place)")
        #expect(total.duration == one.duration + other.duration, "\(place)")
        #expect(try await store.recordedTotal(of: Sample.anna) == other, "\(place)")
    }
}
