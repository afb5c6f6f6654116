import Bus
import HSSModel
import Synchronization
import Testing
import Vr

/// A check of recordings that runs until a test ends it.
final class FakeChecks: RecordCheckPoint {
    private let report = Mutex<RecordCheckReport?>(nil)

    func end(_ change: @Sendable (inout RecordCheckReport) -> Void) {
        report.withLock { report in
            guard var ended = report else { return }
            ended.endedAt = ended.beganAt + .seconds(90)
            ended.state = .finished
            change(&ended)
            report = ended
        }
    }

    func startCheck(
        depth: RecordCheck.Depth,
        repair: Bool
    ) async throws(RecordingError) -> RecordCheckReport {
        let begun = report.withLock { report -> RecordCheckReport? in
            guard report?.state != .running else { return nil }
            report = RecordCheckReport(
                depth: depth,
                repairs: repair,
                beganAt: WallTime(milliseconds: 1_763_700_000_000),
                segments: 7
            )
            return report
        }
        guard let begun else { throw .conflict("a check of recordings runs already") }
        return begun
    }

    func lastCheck() async -> RecordCheckReport? { report.withLock(\.self) }

    func stopCheck() async { report.withLock { $0?.state = .stopped } }
}

/// `admin fsck` over the API: `POST`, `GET` and `DELETE /admin/recordings/check`.
@Suite("Checks of recordings over the API") struct RecordCheckAPITests {
    private static let path = "/admin/recordings/check"

    private static func row(_ start: Int64) throws -> SegmentRow {
        SegmentRow(
            session: RecordSessionID(unchecked: "s1"),
            channel: ChannelID(unchecked: "cam-1-0"),
            name: try #require(SegmentName(start: WallTime(milliseconds: start))),
            duration: .seconds(10),
            size: 5,
            discontinue: nil,
            blob: SegmentBlob(unchecked: "b\(start)"),
            state: .saved
        )
    }

    @Test func aCheckIsStartedLookedAtAndStopped() async throws {
        try await APIClient.run { api in
            #expect(try await api.send("GET " + Self.path, as: "root").status == 404, "none was yet")
            let begun = try await api.send("POST " + Self.path, as: "root")
            #expect(begun.status == 202)
            #expect(begun.json.contains(#""depth":"presence""#) && begun.json.contains(#""repair":false"#))
            #expect(begun.json.contains(#""state":"running""#) && begun.json.contains(#""segments":7"#))
            #expect(begun.json.contains(#""began_at":"2025-11-21T04:40:00Z""#), "\(begun.json)")
            let second = try await api.send("POST " + Self.path, as: "root")
            #expect(second.status == 409 && second.json.contains("runs already"))
            #expect(try await api.send("DELETE " + Self.path, as: "root").status == 204)
            let stopped = try await api.send("GET " + Self.path, as: "root")
            #expect(stopped.status == 200 && stopped.json.contains(#""state":"stopped""#))
        }
    }

    @Test func aReportTellsEachKindOfFinding() async throws {
        try await APIClient.run { api in
            let order = #"{"depth":"checksum","repair":true}"#
            let begun = try await api.send("POST " + Self.path, as: "root", order)
            #expect(begun.json.contains(#""depth":"checksum""#) && begun.json.contains(#""repair":true"#))
            let row = try Self.row(1000)
            api.checks.end { report in
                report.checkedSegments = 7
                report.checkedBlobs = 8
                report.add(.missing(row), repaired: true, kept: false)
                report.add(.wrongSize(row, found: 3), repaired: false, kept: true)
                report.add(.wrongChecksum(row), repaired: true, kept: false)
                report.add(.halfDropped(row), repaired: true, kept: false)
                report.add(.unfinished(row), repaired: true, kept: false)
                report.add(.orphan(SegmentBlob(unchecked: "b9")), repaired: true, kept: false)
            }
            let json = try await api.send("GET " + Self.path, as: "root").json
            let counts =
                #""counts":{"half_dropped":1,"missing":1,"orphan":1,"unfinished":1,"wrong_checksum":1,"wrong_size":1}"#
            #expect(json.contains(counts), "\(json)")
            #expect(json.contains(#""repaired":5"#) && json.contains(#""kept":1"#), "\(json)")
            #expect(json.contains(#""ended_at":"2025-11-21T04:41:30Z""#), "\(json)")
            #expect(json.contains(#"{"blob":"b9","kind":"orphan"}"#), "\(json)")
            let finding =
                #"{"blob":"b1000","channel_id":"cam-1-0","kind":"missing","segment":"1000.ts","session":"s1"}"#
            #expect(json.contains(finding), "\(json)")
        }
    }

    @Test func onlyAnOperatorChecks() async throws {
        try await APIClient.run { api in
            for method in ["POST", "GET", "DELETE"] {
                #expect(try await api.send("\(method) \(Self.path)").status == 403)
                #expect(try await api.send("\(method) \(Self.path)", as: nil).status == 401)
            }
            #expect(await api.checks.lastCheck() == nil)
            let wrong = try await api.send("POST " + Self.path, as: "root", #"{"depth":"deep"}"#)
            #expect(wrong.status == 400 && wrong.json.contains("expected one of presence, size, checksum"))
        }
    }
}
