import HSSModel
import TestSupport
import Testing
import Vr

private func read(_ body: String) throws -> SegmentRequest {
    try SegmentRequest(parsing: Array(body.utf8))
}

@Suite("Requests of Vr, §9.3.4.2, Table 9-5, Appendix I.3") struct SegmentRequestTests {
    private static let example =
        "op=create&content_type=video%2Fmp2t&size=32768&start=1574322174&duration=600&discontinue=0&https=0"
    private static let announcement = SegmentAnnouncement(
        size: 32_768,
        start: WallTime(milliseconds: 1_574_322_174_000),
        duration: .seconds(600),
        discontinue: false
    )

    /// "The example string of the body" of each table, both ways.
    @Test(arguments: [
        // Table I.3-1
        (example, SegmentRequest.create(announcement, secure: false, confirming: nil)),
        // Table I.3-2
        ("op=save&name=0003.ts", .save(name: "0003.ts")),
        // Table I.3-3
        ("op=fail&name=0003.ts", .fail(name: "0003.ts")),
        // Table I.3-4
        ("op=getcurrenttime", .currentTime),
        // Table I.3-5
        (
            "op=stat&dropped_nb=3&dropped_time=30",
            .statistics(DroppedSegments(count: 3, time: .seconds(30)))
        ),
    ]) func theExamplesOfTheTables(body: String, request: SegmentRequest) throws {
        #expect(try read(body) == request)
        #expect(request.body == body)
    }

    /// "it is recommended to confirm the two-stage requests at the same time" (§9.3.4.1.3).
    @Test func createMayConfirmThePreviousSegment() throws {
        let request = SegmentRequest.create(
            Self.announcement,
            secure: false,
            confirming: "1574321574000.ts"
        )
        #expect(request.body == Self.example + "&name=1574321574000.ts")
        #expect(try read(request.body) == request)
        #expect(
            try read(Self.example + "&name=") == .create(Self.announcement, secure: false, confirming: nil)
        )
    }

    /// Table I.3-5 writes `Dropped_nb` as the field and `dropped_nb` in the example.
    @Test func namesOfFieldsInAnyLetterCase() throws {
        #expect(
            try read("OP=Stat&Dropped_nb=3&DROPPED_TIME=0.5")
                == .statistics(DroppedSegments(count: 3, time: .milliseconds(500)))
        )
        // "optional" in both rows.
        #expect(try read("op=stat") == .statistics(DroppedSegments()))
    }

    @Test func fieldsInAnyOrderAndUnknownOnesPassedOver() throws {
        for seed in UInt64(1)...20 {
            var random = SeededGenerator(seed: seed)
            let fields = Self.example.split(separator: "&").map(String.init) + ["firmware=7", "empty", ""]
            let body = fields.shuffled(using: &random).joined(separator: "&")
            let request = try read(body)
            #expect(request == .create(Self.announcement, secure: false, confirming: nil), "\(body)")
        }
    }

    /// "start: float", "duration: float": to the millisecond, as the printf of any unit writes them.
    @Test(
        arguments: [
            ("1574322174", 1_574_322_174_000), ("1574322174.5", 1_574_322_174_500),
            ("1574322174.123456", 1_574_322_174_123), ("1574322174.9996", 1_574_322_175_000),
            ("1.574322174e9", 1_574_322_174_000), ("1.574322174E%2B09", 1_574_322_174_000), ("0", 0),
            ("253402300799", 253_402_300_799_000), ("%20+1574322174+", 1_574_322_174_000), (".5", 500),
        ] as [(String, Int64)]
    ) func timesToTheMillisecond(text: String, milliseconds: Int64) throws {
        let body = "op=create&content_type=video/MP2T&size=1&duration=+600&start=" + text
        guard case .create(let segment, let secure, nil) = try read(body) else {
            Issue.record("\(body)")
            return
        }
        #expect(segment.start.milliseconds == milliseconds)
        // The example of Table I.3-1 is printed with "duration= 600".
        #expect(segment.duration == .seconds(600))
        // Units in the field leave both flags out.
        #expect(segment.discontinue == nil && secure)
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        for seed in UInt64(1)...500 {
            var random = SeededGenerator(seed: seed)
            let announcement = SegmentAnnouncement(
                size: .random(in: 1...SegmentAnnouncement.largestSize, using: &random),
                start: WallTime(
                    milliseconds: .random(in: 0...SegmentName.latestStart.milliseconds, using: &random)
                ),
                duration: .milliseconds(Int64.random(in: 1...86_400_000, using: &random)),
                discontinue: [nil, false, true].randomElement(using: &random) ?? nil
            )
            let requests: [SegmentRequest] = [
                .create(announcement, secure: .random(using: &random), confirming: nil),
                .create(announcement, secure: true, confirming: "a b/ü&=%+.ts"),
                .save(name: "2022/03/0003.ts"),
                .statistics(
                    DroppedSegments(
                        count: .random(in: 0...Int(Int32.max), using: &random),
                        time: .milliseconds(Int64.random(in: 0...31_622_400_000, using: &random))
                    )
                ),
            ]
            for request in requests { #expect(try read(request.body) == request, "seed \(seed)") }
        }
    }

    /// "400~499: user input error", with the field that is wrong in `info`.
    @Test(arguments: [
        ("", RecordFailure.missing(.operation)), ("op=", .missing(.operation)),
        ("op=delete", .unknownOperation), ("op=save", .missing(.name)), ("op=fail&name=", .missing(.name)),
        ("op=save&op=fail&name=a", .repeatedField), ("op=save&name=a&NAME=b", .repeatedField),
        ("op=save&name=%zz", .malformedForm), ("op=save&name=%", .malformedForm),
        ("op=save&name=%ff", .malformedForm), ("op=save&name=%0d%0a", .malformedForm),
        ("op=save&name=%00", .malformedForm),
        ("op=save&name=" + String(repeating: "a", count: 257), .malformed(.name)),
        ("op=save&name=" + String(repeating: "a", count: 2048), .requestTooLong),
        ((0..<33).map { "a\($0)=" }.joined(separator: "&"), .requestTooLong),
        ("op=stat&dropped_nb=-1", .malformed(.droppedCount)),
        ("op=stat&dropped_nb=9999999999999999999", .malformed(.droppedCount)),
        ("op=stat&dropped_time=1e300", .malformed(.droppedTime)),
        ("op=stat&dropped_time=-1", .malformed(.droppedTime)),
    ]) func refuses(body: String, failure: RecordFailure) {
        #expect(throws: failure) { try read(body) }
        #expect((400...499).contains(failure.status))
        #expect(!failure.info.isEmpty && failure.info.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x22 })
    }

    /// One field of the example replaced.
    @Test(arguments: [
        ("content_type", "", RecordFailure.missing(.contentType)),
        ("content_type", "video/mp4", .unsupportedType), ("size", "", .missing(.size)),
        ("size", "0", .malformed(.size)), ("size", "-1", .malformed(.size)),
        ("size", "2147483648", .malformed(.size)), ("size", "1e3", .malformed(.size)),
        ("size", "18446744073709551617", .malformed(.size)), ("start", "", .missing(.start)),
        ("start", "nan", .malformed(.start)), ("start", "inf", .malformed(.start)),
        ("start", "0x10", .malformed(.start)), ("start", "1e13", .malformed(.start)),
        ("start", "-0.001", .malformed(.start)), ("start", "253402300800", .malformed(.start)),
        ("start", "1574322174,5", .malformed(.start)), ("start", "1.2.3", .malformed(.start)),
        ("duration", "", .missing(.duration)), ("duration", "0", .malformed(.duration)),
        ("duration", "0.0004", .malformed(.duration)), ("duration", "86400.001", .malformed(.duration)),
        ("discontinue", "2", .malformed(.discontinue)), ("discontinue", "true", .malformed(.discontinue)),
        ("https", "yes", .malformed(.https)),
    ]) func refusesInCreate(field: String, value: String, failure: RecordFailure) {
        let fields = Self.example.split(separator: "&").map { pair in
            pair.hasPrefix(field + "=") ? "\(field)=\(value)" : String(pair)
        }
        #expect(throws: failure) { try read(fields.joined(separator: "&")) }
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>) func whateverArrivesIsReadOrRefused(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("op=create&size=1&start=12.5e+3%2F%&=+ \u{0}é\r\n".utf8) + [0xff]
        for _ in 0..<2000 {
            var body = Array(Self.example.utf8)
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                let place = Int.random(in: 0..<body.count, using: &random)
                body[place] = alphabet.randomElement(using: &random) ?? 0
            }
            body = Array(body.prefix(Int.random(in: 0...body.count, using: &random)))
            guard let request = try? SegmentRequest(parsing: body) else { continue }
            #expect((try? read(request.body)) == request, "seed \(seed)")
        }
    }
}
