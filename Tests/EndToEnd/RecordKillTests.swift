import Foundation
import HSSModel
import HostClock
import Store
import TestSupport
import Testing
import Vr

extension EndToEnd {
    /// `kill -9` of the real platform while a unit uploads (R1 to R3 of docs/design/recording.md).
    @Suite("Recordings over kills of the platform, §9.3.4.1.3") struct RecordKillTests {
        /// `Tests/Scripts/kill-points` asks for more.
        private static let kills = Int(ProcessInfo.processInfo.environment["VEDETTE_TEST_KILLS"] ?? "") ?? 5
        private static let seed = UInt64(ProcessInfo.processInfo.environment["VEDETTE_SEED"] ?? "") ?? 1

        /// What was answered with 200 is there and whole after each kill; what was not can be done once more; in the end
        /// nothing else is left.
        @Test func nothingAcknowledgedIsLost() async throws {
            let platform = try await PlatformProcess()
            let unit = try await RecordingUnit(platform)
            var random = SeededGenerator(seed: Self.seed)
            for round in 1...max(1, Self.kills) {
                // The instant is what is tried out: anywhere in the two or three segments that fit in.
                let instant = Duration.microseconds(Int.random(in: 0...300_000, using: &random))
                async let recorded: Void = unit.recordUntilNobodyAnswers()
                try await Task.sleep(for: instant)
                platform.running.kill()
                try await recorded
                try await platform.killAndRestart()
                try await unit.checkWhatWasAcknowledged("kill \(round), seed \(Self.seed)")
            }
            try await unit.finish()
            let saved = await unit.acknowledged.count
            #expect(saved > 0)
            let home = platform.folder + "/home"
            let session = [
                "VEDETTE_SESSION": home, "VEDETTE_PASSWORD": PlatformProcess.adminPassword.reveal(),
            ]
            let login = ["cu", "login", platform.url, "--user", "admin", "--ca", platform.authorityPath]
            #expect(try await Tool.vedette(login, environment: session).status == 0)
            let check = try await Tool.vedette(
                ["admin", "fsck", "--depth", "checksum", "--json"],
                environment: session
            )
            #expect(check.status == 0, "\(check.output)")
            #expect(check.output.contains("\"checked_segments\":\(saved)"), "\(check.output)")
        }
    }
}

/// A unit that uploads one segment after the other by curl, and repeats what was not answered.
private actor RecordingUnit {
    private enum Step { case create, put, save }

    private static let size = 300_000

    private let platform: PlatformProcess
    private let store: SQLiteStore
    private let session = RecordSessionID(unchecked: "kills")
    private let address: String
    private let base = WallTime.now.milliseconds / 1000 * 1000 - 7_200_000
    private var number = 0
    private var step = Step.create
    private var upload = ""
    private(set) var acknowledged: [SegmentName] = []

    init(_ platform: PlatformProcess) async throws {
        self.platform = platform
        _ = try await platform.enrol("cam-1", mac: "001122334455")
        store = try SQLiteStore(path: platform.folder + "/data/vedette.sqlite", at: .now)
        let channel = ChannelAddress(unit: UnitID(unchecked: "cam-1"), number: 0)
        let begun = try await store.beginRecordSession(session, of: channel, at: .now)
        let secret = try String(
            contentsOfFile: platform.folder + "/data/keys/recordings.key",
            encoding: .utf8
        )
        let key = try #require(RecordKey(Secret(secret)))
        let place = RecordAddress(channel: begun.channelID, session: session)
        address = try #require(place.url(at: platform.url, key: key)).reveal()
    }

    private var name: SegmentName? {
        SegmentName(start: WallTime(milliseconds: base + Int64(number) * 1000))
    }

    private static func content(_ name: SegmentName) -> Data {
        let seed = UInt8(truncatingIfNeeded: name.start.milliseconds / 1000)
        return Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) &+ seed })
    }

    func recordUntilNobodyAnswers() async throws {
        while try await advance() {}
    }

    /// One request. False: it was not answered.
    private func advance() async throws -> Bool {
        let name = try #require(name)
        switch step {
        case .create:
            let announcement = SegmentAnnouncement(
                size: Int64(Self.size),
                start: name.start,
                duration: .seconds(1),
                discontinue: false
            )
            let request = SegmentRequest.create(announcement, secure: true, confirming: nil)
            guard let answer = try await curl(["--data", request.body, address]) else { return false }
            let place = try JSONDecoder().decode(CreateAnswer.self, from: Data(answer.utf8)).place
            upload = place?.url.reveal() ?? ""
            // Not wanted: a save that was not answered had happened.
            step = place == nil ? .save : .put
        case .put:
            let file = platform.folder + "/segment"
            try Self.content(name).write(to: URL(fileURLWithPath: file))
            guard try await curl(["-T", file, upload]) != nil else {
                // Whatever came of it: the place is asked for once more.
                step = .create
                return false
            }
            step = .save
        case .save:
            guard try await curl(["--data", SegmentRequest.save(name: "\(name)").body, address]) != nil else {
                step = .create
                return false
            }
            acknowledged.append(name)
            number += 1
            step = .create
        }
        return true
    }

    /// The body of a 200; nil where no answer came.
    private func curl(_ arguments: [String]) async throws -> String? {
        let process = try ToolProcess(
            "curl",
            ["-sS", "--max-time", "30", "--cacert", platform.authorityPath, "-w", "\n%{http_code}"]
                + arguments
        )
        _ = await process.end(within: 40)
        let lines = process.output.split(separator: "\n", omittingEmptySubsequences: false)
        guard let status = lines.last.flatMap({ Int($0) }), status != 0 else { return nil }
        try #require(status == 200, "\(process.output)")
        return lines.dropLast().joined(separator: "\n")
    }

    func checkWhatWasAcknowledged(_ when: String) async throws {
        let rows = try await store.segments(acknowledged, of: session)
        #expect(rows.count == acknowledged.count, "\(when)")
        for row in rows {
            #expect(row.state == .saved, "\(row.name), \(when)")
            let place = "/data/blobs/segments/\(row.blob.rawValue.prefix(2))/\(row.blob.rawValue)"
            let bytes = FileManager.default.contents(atPath: platform.folder + place)
            #expect(bytes == Self.content(row.name), "\(row.name), \(when)")
        }
    }

    /// What is open is saved, and nothing else is there then.
    func finish() async throws {
        while step != .create { _ = try await advance() }
        let area = platform.folder + "/data/blobs/segments"
        let files = FileManager.default.enumerator(atPath: area)?.compactMap { $0 as? String } ?? []
        let names = Set(files.map { String($0.suffix(32)) }.filter { $0.utf8.count == 32 })
        let rows = try await store.segments(acknowledged, of: session)
        #expect(names == Set(rows.map(\.blob.rawValue)))
        #expect(!files.contains { $0.hasSuffix(".part") })
    }
}
