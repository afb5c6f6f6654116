import Foundation
import TestSupport
import Testing

@testable import MediaFormats

@Suite("Scanning a transport stream, H.222.0") struct TransportStreamScannerTests {
    private struct Result: Equatable {
        var octets: [UInt8] = []
        /// Offsets in `octets`.
        var keyFrames: [Int] = []
        var tables: [TransportStreamScanner.Tables] = []
    }

    private func scan(
        _ bytes: [UInt8],
        with scanner: inout TransportStreamScanner,
        cut: () -> Int
    ) -> Result {
        var result = Result()
        var rest = bytes[...]
        while !rest.isEmpty {
            let message = Array(rest.prefix(max(1, cut())))
            rest.removeFirst(message.count)
            message.withUnsafeBytes {
                scanner.scan($0) { run in
                    #expect(run.octets.count <= TransportStreamScanner.longestRun)
                    #expect(run.octets.count % 188 == 0)
                    if let keyFrame = run.keyFrame { result.keyFrames.append(result.octets.count + keyFrame) }
                    if let tables = run.tables { result.tables.append(tables) }
                    result.octets += run.octets
                }
            }
        }
        return result
    }

    /// What ffprobe says of the same file: key frames at these octets.
    @Test(arguments: [Clip.h264, Clip.h265, Clip.h264WithoutMarks])
    func keyFramesAreWhereTheyAre(_ clip: Clip) throws {
        let file = try clip.make()
        var scanner = TransportStreamScanner()
        let result = scan(file.bytes, with: &scanner) { 1316 }
        #expect(result.octets == file.bytes)
        #expect(result.keyFrames == file.keyFrames)
        #expect(result.tables.count == 1)
        #expect(scanner.video == .coded(clip.coding, pid: 256))
        #expect(result.tables.first?.packets.count == 2 * 188)
        #expect(scanner.continuityErrors == 0 && scanner.discardedOctets == 0 && scanner.syncLosses == 0)
        #expect(scanner.clockReference != nil)
        #expect(scanner.packets == UInt64(file.bytes.count / 188))
    }

    /// Messages may be cut anywhere: the same packets come out.
    @Test func anyCutGivesTheSamePackets() throws {
        let file = try Clip.h264.make()
        for seed in UInt64(0)..<10 {
            var random = SeededGenerator(seed: seed)
            var scanner = TransportStreamScanner()
            let result = scan(file.bytes, with: &scanner) { Int.random(in: 1...1500, using: &random) }
            // The last packet may wait for the sync byte behind it.
            #expect(file.bytes.count - result.octets.count < 2 * 188, "seed \(seed)")
            #expect(result.octets == Array(file.bytes.prefix(result.octets.count)), "seed \(seed)")
            #expect(result.keyFrames == file.keyFrames, "seed \(seed)")
        }
    }

    @Test func garbageIsPassedOverAndCounted() throws {
        let file = try Clip.h264.make()
        let half = file.bytes.count / 188 / 2 * 188
        let garbage = [UInt8](repeating: 0xAA, count: 1000)
        let bytes = garbage + file.bytes[..<half] + garbage + file.bytes[half...]
        var scanner = TransportStreamScanner()
        let result = scan(bytes, with: &scanner) { 1316 }
        #expect(file.bytes.count - result.octets.count < 2 * 188)
        #expect(result.octets == Array(file.bytes.prefix(result.octets.count)))
        #expect(scanner.discardedOctets == 2000)
        #expect(scanner.syncLosses == 1)
        #expect(scanner.octetsSinceLastPacket == 0)
    }

    @Test func whatIsNoTransportStreamIsNoticed() {
        var random = SeededGenerator(seed: 1)
        var scanner = TransportStreamScanner()
        // Without the sync byte, so that no packet is found by chance.
        let bytes = (0..<100_000).map { _ in UInt8.random(in: 0x48...0xFF, using: &random) }
        let result = scan(bytes, with: &scanner) { 1316 }
        #expect(result.octets.isEmpty && !scanner.hasTables)
        #expect(scanner.octetsSinceLastPacket > 99_000)
    }

    @Test func aLostPacketIsCounted() throws {
        let file = try Clip.h264.make()
        var scanner = TransportStreamScanner()
        let packet = 20 * 188
        let bytes = Array(file.bytes[..<packet] + file.bytes[(packet + 188)...])
        _ = scan(bytes, with: &scanner) { 1316 }
        #expect(scanner.continuityErrors == 1)
    }

    @Test func tablesWithWrongChecksumsDoNotCount() throws {
        let file = try Clip.h264.make()
        var bytes = file.bytes
        for start in stride(from: 0, to: bytes.count, by: 188) {
            let pid = Int(bytes[start + 1] & 0x1F) << 8 | Int(bytes[start + 2])
            if pid == 0x1000 { bytes[start + 20] ^= 1 }
        }
        var scanner = TransportStreamScanner()
        _ = scan(bytes, with: &scanner) { 1316 }
        #expect(!scanner.hasTables && scanner.video == .unknown)
    }

    /// Whatever comes: no trap, no more out than in, and whole packets only.
    @Test func anythingAtAllIsSurvived() throws {
        let file = try Clip.h264.make()
        for seed in UInt64(0)..<150 {
            var random = SeededGenerator(seed: seed)
            var bytes: [UInt8]
            switch seed % 3 {
            case 0:
                bytes = Array(file.bytes.prefix(Int.random(in: 0...20_000, using: &random)))
            case 1:
                bytes = Array(file.bytes.prefix(40 * 188))
                for _ in 0..<Int.random(in: 1...400, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
                        in: 0...255,
                        using: &random
                    )
                }
            default:
                // Packets of nothing but their sync byte and the PIDs that are looked into.
                bytes = (0..<(40 * 188)).map { _ in .random(in: 0...255, using: &random) }
                for start in stride(from: 0, to: bytes.count, by: 188) {
                    bytes[start] = 0x47
                    bytes[start + 1] = [0x40, 0x50, 0x41, 0x00].randomElement(using: &random) ?? 0
                    bytes[start + 2] = 0
                }
            }
            var scanner = TransportStreamScanner()
            let result = scan(bytes, with: &scanner) { Int.random(in: 1...1500, using: &random) }
            #expect(result.octets.count <= bytes.count, "seed \(seed)")
            #expect(result.octets.count % 188 == 0, "seed \(seed)")
            #expect(scanner.packets == UInt64(result.octets.count / 188), "seed \(seed)")
        }
    }
}

/// Real streams made by ffmpeg, 2 s with a key frame each second.
enum Clip: String, CustomTestStringConvertible {
    case h264, h265
    /// As cameras send it: random_access_indicator never set.
    case h264WithoutMarks

    struct File {
        var bytes: [UInt8]
        var keyFrames: [Int]
    }

    var testDescription: String { rawValue }

    var coding: TransportStreamScanner.VideoCoding { self == .h265 ? .h265 : .h264 }

    func make() throws -> File {
        let path = FileManager.default.temporaryDirectory.appending(
            path: "vedette-scan-\(UUID().uuidString).ts"
        ).path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let encoder =
            self == .h265
            ? ["libx265", "-x265-params", "keyint=25:min-keyint=25:scenecut=0:log-level=0"]
            : ["libx264", "-g", "25"]
        _ = try run(
            "ffmpeg",
            [
                "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-f", "lavfi",
                "-i",
                "sine", "-t", "2", "-bf", "0", "-c:a", "aac", "-preset", "ultrafast", "-c:v",
            ] + encoder + ["-sdt_period", "1000", "-pat_period", "1000", path]
        )
        let positions = try run(
            "ffprobe",
            [
                "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pos,flags", "-of",
                "csv=p=0",
                path,
            ]
        )
        let keyFrames = positions.split(separator: "\n").filter { $0.contains("K") }
            .compactMap { $0.split(separator: ",").first.flatMap { Int($0) } }
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        if self == .h264WithoutMarks {
            for start in stride(from: 0, to: bytes.count, by: 188)
            where bytes[start + 3] & 0x20 != 0 && bytes[start + 4] > 0 {
                bytes[start + 5] &= ~0x40
            }
        }
        return File(bytes: bytes, keyFrames: keyFrames)
    }

    private func run(_ tool: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [tool] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        // Not the shared null device: its descriptor was seen to be that of another process.
        process.standardInput = FileHandle(forReadingAtPath: "/dev/null")
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return String(decoding: output, as: UTF8.self)
    }
}
