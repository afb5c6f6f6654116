import Bus
import Foundation
import HSSModel
import HTTPTypes
import TestSupport
import Testing

@testable import CloudStorage

@Suite("Files of recordings") struct ExportTests {
    @Test(arguments: ["mp4", "ts"]) func everyPictureIsInTheFile(format: String) async throws {
        let bench = try PlaybackBench()
        let clip = try SegmentedClip()
        try bench.record(clip)
        let desk = bench.desk()
        let all = try await clip.pictures
        try await bench.serve(desk) { client in
            let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 12_000))
            let answer = try await client.get(PlaybackBench.address("export.\(format)", ticket))
            #expect(answer.status == 200)
            #expect(try await answer.pictures == all)
            #expect(try await answer.complaints == "")
            let name = "attachment; filename=\"cam-1_0_20251121T080000Z-20251121T080012Z.\(format)\""
            #expect(answer.headers[.contentDisposition] == name)
        }
    }

    /// Units announce lengths that are rounded: what looks like an overlap or a gap of some frames is none.
    @Test(arguments: ["mp4", "ts"], [2960, 3040]) func roundedLengthsCostNoPicture(
        format: String,
        length: Int64
    ) async throws {
        let bench = try PlaybackBench()
        let clip = try SegmentedClip()
        let session = bench.session()
        for (index, bytes) in clip.segments.enumerated() {
            try bench.segment(session, at: Int64(index) * 3000, for: length, bytes, discontinue: index == 0)
        }
        let desk = bench.desk()
        let all = try await clip.pictures
        try await bench.serve(desk) { client in
            let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 13_000))
            let answer = try await client.get(PlaybackBench.address("export.\(format)", ticket))
            #expect(try await answer.pictures == all)
        }
    }

    /// Requested range and delivered length agree, to the picture.
    @Test func aCutMP4BeginsAndEndsWhereItWasAsked() async throws {
        let bench = try PlaybackBench()
        let clip = try SegmentedClip()
        try bench.record(clip)
        let desk = bench.desk()
        let all = try await clip.pictures
        try await bench.serve(desk) { client in
            let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 12_000))
            let address = PlaybackBench.address("export.mp4", ticket)
            let answer = try await client.get(
                address + "&from=2025-11-21T08:00:02.500Z&to=2025-11-21T08:00:09.300Z"
            )
            let shown = try await answer.pictures
            #expect(Array(shown.prefix(170)) == Array(all[63...232]) && shown.count <= 173, "\(shown.count)")
        }
    }

    /// RFC 9110, 13.1.5 and 14: parts are those of the whole, and a changed recording is not continued.
    @Test(arguments: ["mp4", "ts"]) func aDownloadIsTakenUpAgain(format: String) async throws {
        let bench = try PlaybackBench()
        let clip = try SegmentedClip()
        try bench.record(clip)
        // Nothing is measured before somebody asks for it.
        let desk = bench.desk { $0.measuredUnasked = 0 }
        try await bench.serve(desk) { client in
            let ticket = try await bench.ticket(desk, PlaybackBench.range(1500, 12_000))
            let address = PlaybackBench.address("export.\(format)", ticket)
            let whole = try await client.get(address)
            let tag = try #require(whole.headers[.eTag])
            #expect(whole.status == 200 && whole.headers[.contentLength] == nil)
            for place in [0, 1, 100_000, whole.bytes.count - 1] {
                let part = try await client.get(address, [.range: "bytes=\(place)-", .ifRange: tag])
                #expect(part.status == 206 && part.bytes == Array(whole.bytes[place...]), "\(place)")
                #expect(
                    part.headers[.contentRange]
                        == "bytes \(place)-\(whole.bytes.count - 1)/\(whole.bytes.count)"
                )
            }
            let some = try await client.get(address, [.range: "bytes=1000-1999"])
            #expect(some.bytes == Array(whole.bytes[1000...1999]))
            let beyond = try await client.get(address, [.range: "bytes=\(whole.bytes.count)-"])
            #expect(beyond.status == 416 && beyond.headers[.contentRange] == "bytes */\(whole.bytes.count)")
            let other = try await client.get(address, [.range: "bytes=5-", .ifRange: "\"other\""])
            #expect(other.status == 200 && other.bytes == whole.bytes)
            // The length is known by now.
            #expect(other.headers[.contentLength] == "\(whole.bytes.count)")
            let head = try await client.get(address, method: .head)
            #expect(head.headers[.contentLength] == "\(whole.bytes.count)" && head.headers[.eTag] == tag)
            #expect(head.bytes.isEmpty)
        }
    }

    @Test func aTagIsOfItsSegmentsRangeAndFormat() async throws {
        let bench = try PlaybackBench()
        let session = bench.session()
        for place: Int64 in [0, 10_000] { try bench.segment(session, at: place, for: 10_000, [1]) }
        let desk = bench.desk()
        var tags: Set<String> = []
        for range in [
            PlaybackBench.range(0, 20_000), PlaybackBench.range(0, 19_999), PlaybackBench.range(1, 20_000),
        ] {
            let pieces = try await desk.played(of: PlaybackBench.recorded, in: range)
            for format in ExportFormat.allCases {
                let (one, two) = (ExportPlan(pieces, format), ExportPlan(pieces, format))
                #expect(one.tag == two.tag)
                tags.insert(one.tag)
            }
        }
        #expect(tags.count == 6)
    }

    @Test func oneUserHasAFewAtATime() throws {
        let slots = ExportSlots(most: 3, mostOfOne: 2)
        let (anna, bert) = (PlaybackBench.anna, UserName(unchecked: "bert"))
        #expect(slots.enter(anna) == nil && slots.enter(anna) == nil && slots.enter(anna) == .one)
        #expect(slots.enter(bert) == nil && slots.enter(bert) == .all)
        slots.leave(anna)
        #expect(slots.enter(bert) == nil)
        do {
            let slot = try ExportSlot.take(ExportSlots(most: 1, mostOfOne: 1), anna).get()
            withExtendedLifetime(slot) {}
        }
        slots.leave(anna)
        slots.leave(bert)
        slots.leave(bert)
        #expect(slots.count == 0)
    }

    @Test func whoHasTooManyHearsSoAndAPlaceIsGivenBack() async throws {
        let bench = try PlaybackBench()
        try bench.segment(bench.session(), at: 0, for: 1000, [0x47])
        let desk = bench.desk { $0.exportsPerUser = 0 }
        let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 1000))
        try await bench.serve(desk) { client in
            let answer = try await client.get(PlaybackBench.address("export.ts", ticket))
            #expect(answer.status == 429 && answer.headers[.retryAfter] == "10")
        }
        let free = bench.desk { $0.exportsPerUser = 1 }
        try await bench.serve(free) { client in
            for _ in 0..<3 {
                #expect(try await client.get(PlaybackBench.address("export.ts", ticket)).status == 200)
            }
        }
        #expect(free.exports.count == 0)
    }

    /// Retention may take a segment while it is read.
    @Test func aSegmentWithoutItsBytesIsToldBeforeTheFirstByte() async throws {
        let bench = try PlaybackBench()
        let row = try bench.segment(bench.session(), at: 0, for: 1000, [0x47])
        bench.lose(row.blob)
        let desk = bench.desk()
        let ticket = try await bench.ticket(desk, PlaybackBench.range(0, 1000))
        try await bench.serve(desk) { client in
            #expect(try await client.get(PlaybackBench.address("export.mp4", ticket)).status == 503)
        }
        #expect(desk.exports.count == 0)
    }
}

@Suite("Pictures along a timeline") struct RecordedPictureTests {
    @Test func itIsTheKeyFrameAtOrBeforeATime() async throws {
        let bench = try PlaybackBench()
        try bench.record(try SegmentedClip())
        let desk = bench.desk()
        // A key frame each second, and the last one behind the end.
        for (at, taken) in [(0, 0), (999, 0), (1000, 1000), (7400, 7000), (11_999, 11_000), (60_000, 11_000)]
        {
            let picture = try await desk.picture(
                of: PlaybackBench.recorded,
                at: PlaybackBench.start + .milliseconds(Int64(at)),
                width: 320
            )
            #expect(picture.takenAt == PlaybackBench.start + .milliseconds(Int64(taken)), "\(at)")
        }
        #expect(bench.pictures.allSatisfy { $0.coding == .h264 && $0.bytes > 1000 })
        await #expect(throws: PictureError.none) {
            try await desk.picture(
                of: PlaybackBench.recorded,
                at: PlaybackBench.start + .milliseconds(-1),
                width: nil
            )
        }
    }

    @Test func whatWasMadeIsKept() async throws {
        let bench = try PlaybackBench()
        try bench.record(try SegmentedClip(seconds: 3, length: 3))
        let desk = bench.desk()
        for width in [320, 320, 160] {
            _ = try await desk.picture(of: PlaybackBench.recorded, at: PlaybackBench.start, width: width)
        }
        #expect(bench.pictures.count == 2 && bench.opened == 2)
    }

    @Test func whatIsNoPictureIsSaid() async throws {
        let bench = try PlaybackBench()
        try bench.segment(bench.session(), at: 0, for: 1000, [UInt8](repeating: 0x47, count: 5000))
        await #expect(throws: PictureError.unusable("it has no key frame")) {
            try await bench.desk().picture(of: PlaybackBench.recorded, at: PlaybackBench.start, width: nil)
        }
        await #expect(throws: PictureError.busy) {
            try await bench.desk { $0.pictures = 0 }
                .picture(of: PlaybackBench.recorded, at: PlaybackBench.start, width: nil)
        }
        let other = try PlaybackBench(makesPictures: false)
        try other.segment(other.session(), at: 0, for: 1000, [1])
        await #expect(throws: PictureError.self) {
            try await other.desk().picture(of: PlaybackBench.recorded, at: PlaybackBench.start, width: nil)
        }
    }
}
