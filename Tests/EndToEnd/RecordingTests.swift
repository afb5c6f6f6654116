import Foundation
import HSSModel
import HostClock
import Store
import TestSupport
import Testing

extension EndToEnd {
    /// A customer's command, a unit of its own process, and the bytes on the platform's disk.
    @Suite("What a unit records is there, §9.3.4.1", .timeLimit(.minutes(3))) struct RecordingTests {
        private struct Saved {
            var row: SegmentRow
            var bytes: [UInt8]
        }

        /// What counts at the platform, by time.
        private func saved(on platform: PlatformProcess) async throws -> [Saved] {
            let store = try SQLiteStore(path: platform.folder + "/data/vedette.sqlite", at: .now)
            let rows = try await store.segmentsByBlob(after: nil, limit: 100)
            return try rows.filter { $0.state == .saved }.sorted { $0.name < $1.name }.map { row in
                let place = "/data/blobs/segments/\(row.blob.rawValue.prefix(2))/\(row.blob.rawValue)"
                let bytes = try #require(FileManager.default.contents(atPath: platform.folder + place))
                return Saved(row: row, bytes: [UInt8](bytes))
            }
        }

        /// Ordered, recorded, stopped: every segment that the unit says is saved is on the disk with the size that it says;
        /// together they are a stream without a missing picture, and each begins with a key frame.
        @Test func everyPictureOfTheTestPatternIsThere() async throws {
            let house = try await CommandHouse()
            func cu(_ command: String) async throws {
                let arguments = ["cu"] + command.split(separator: " ").map(String.init)
                let (status, text) = try await Tool.vedette(arguments, environment: house.session)
                #expect(status == 0, "\(command): \(text)")
            }
            func told() -> [String] {
                house.unit.output.split(separator: "\n").map(String.init).filter {
                    $0.contains("saved segment")
                }
            }
            try await cu("record start cam-1 --segment 2s")
            try await eventually("three segments are saved", within: 60) { told().count >= 3 }
            try await cu("record stop cam-1")
            // What was being recorded then is its last segment.
            try await eventually("the recording has ended, and its last segment is saved", within: 60) {
                house.unit.output.split(separator: "ended record session").dropFirst().contains {
                    $0.contains("saved segment")
                }
            }
            let saved = try await saved(on: house.platform)
            #expect(saved.count == told().count)
            for segment in saved {
                #expect(segment.row.size == Int64(segment.bytes.count))
                #expect(
                    told().contains {
                        $0.contains("\(segment.row.name) (") && $0.contains("\(segment.bytes.count) bytes")
                    }
                )
                let file = try MediaFile(packets: segment.bytes)
                let keys = try file.run(
                    "ffprobe",
                    "-v",
                    "error",
                    "-select_streams",
                    "v:0",
                    "-show_entries",
                    "packet=flags",
                    "-of",
                    "csv=p=0",
                    file.path
                )
                #expect(String(decoding: keys.output, as: UTF8.self).hasPrefix("K"))
            }
            let times = try MediaFile(packets: saved.flatMap(\.bytes)).decodingTimes(of: "v:0")
            #expect(times.count > 100)
            #expect(
                zip(times, times.dropFirst()).allSatisfy { $1 - $0 == 3600 },
                "every picture, 25 a second"
            )
            for (one, next) in zip(saved, saved.dropFirst()) {
                #expect(abs((next.row.start - one.row.end).wholeMilliseconds) <= 40)
                #expect(next.row.discontinue == false)
            }
        }

        /// The platform dies while a unit records: what was acknowledged is there, and the recording goes on by itself.
        @Test func aPlatformThatDiesCostsNothingThatWasSaved() async throws {
            let house = try await CommandHouse()
            func told() -> [String] {
                house.unit.output.split(separator: "\n").map(String.init).filter {
                    $0.contains("saved segment")
                }
            }
            let (status, text) = try await Tool.vedette(
                ["cu", "record", "start", "cam-1", "--segment", "2s"],
                environment: house.session
            )
            #expect(status == 0, "\(text)")
            try await eventually("a segment is saved", within: 60) { !told().isEmpty }
            try await house.platform.killAndRestart()
            let before = told().count
            try await eventually("it goes on", within: 90) { told().count >= before + 3 }
            let saved = try await saved(on: house.platform)
            for line in told() {
                #expect(saved.contains { line.contains("\($0.row.name) (") }, "\(line)")
            }
            #expect(!house.unit.output.contains("lost segment"), "\(house.unit.output)")
        }
    }
}
