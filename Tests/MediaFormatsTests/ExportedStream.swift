import Foundation
import Synchronization
import TestSupport
import Testing

@testable import MediaFormats

/// Twelve seconds that FFmpeg encodes, with a key frame each second.
enum ExportedStream: String, CaseIterable, CustomTestStringConvertible {
    /// With B-pictures and AAC.
    case h264
    case h265
    /// With sound as cameras send it.
    case aLaw

    /// FFmpeg itself cannot cut G.711 as cameras send it.
    static let cuts: [(ExportedStream, SegmentCut)] = [
        (.h264, .apart), (.h264, .running), (.h265, .apart), (.h265, .running), (.aLaw, .running),
    ]

    var testDescription: String { rawValue }
    var isG711: Bool { self == .aLaw }

    private static let made = Mutex<[ExportedStream: [UInt8]]>([:])

    private var arguments: [String] {
        let sources = [
            "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-f", "lavfi", "-i",
            "sine=frequency=440:sample_rate=48000",
        ]
        let x264 = [
            "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-keyint_min", "25",
            "-sc_threshold", "0", "-flags", "+cgop",
        ]
        switch self {
        case .h264: return sources + x264 + ["-c:a", "aac"]
        case .h265:
            return sources + [
                "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
                "keyint=25:min-keyint=25:scenecut=0:open-gop=0:bframes=3:log-level=0", "-c:a", "aac",
            ]
        case .aLaw: return sources + x264 + ["-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"]
        }
    }

    func make() throws -> MediaFile {
        let bytes = try Self.made.withLock { made in
            if let known = made[self] { return known }
            let file = MediaFile(path: MediaFile.temporaryPath())
            let result = try MediaFile.run(
                ["ffmpeg", "-nostdin", "-v", "error", "-y"] + arguments + [
                    "-t", "12", "-pix_fmt", "yuv420p", "-f", "mpegts", file.path,
                ]
            )
            try #require(result.status == 0, "\(result.errors)")
            let bytes = try file.bytes()
            made[self] = bytes
            return bytes
        }
        return try MediaFile(packets: isG711 ? RealStream.replaceType(0x06, 0x90, in: bytes) : bytes)
    }
}

/// One segment as a unit uploads it. Times in milliseconds from the beginning of the clip.
struct CutSegment {
    var bytes: [UInt8]
    var start: Int64
    var duration: Int64
    var firstPicture: Int
    var pictures: Int
}

enum SegmentCut: String, CustomTestStringConvertible {
    /// Counters go on, and sound lies across the cut: of what a unit pushes.
    case running
    /// FFmpeg's segments, each with counters of its own.
    case apart

    var testDescription: String { rawValue }

    /// Of three seconds each.
    func segments(of clip: MediaFile) throws -> [CutSegment] {
        let pieces = self == .running ? try Self.cut(clip.bytes()) : try Self.segmented(clip)
        return pieces.enumerated().map { index, bytes in
            CutSegment(
                bytes: bytes,
                start: Int64(index) * 3000,
                duration: 3000,
                firstPicture: index * 75,
                pictures: 75
            )
        }
    }

    private static func cut(_ bytes: [UInt8]) -> [[UInt8]] {
        var scanner = TransportStreamScanner()
        var places: [Int] = []
        var place = 0
        bytes.withUnsafeBytes { octets in
            scanner.scan(octets) { run in
                if let key = run.keyFrame { places.append(place + key) }
                place += run.octets.count
            }
        }
        let starts = [0] + stride(from: 3, to: places.count, by: 3).map { places[$0] }
        // A segment begins with tables (Appendix I.3 asks for what can be played by itself).
        let tables = scanner.tables?.packets ?? []
        return zip(starts, starts.dropFirst() + [bytes.count]).map { start, end in
            (start == 0 ? [] : tables) + bytes[start..<end]
        }
    }

    private static func segmented(_ clip: MediaFile) throws -> [[UInt8]] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "cut-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try MediaFile.run(
            [
                "ffmpeg", "-nostdin", "-v", "error", "-i", clip.path, "-map", "0", "-c", "copy", "-f",
                "segment", "-segment_time", "3", "-segment_format", "mpegts", folder.path + "/%d.ts",
            ]
        )
        try #require(result.status == 0, "\(result.errors)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .sorted { (Int($0.dropLast(3)) ?? 0) < (Int($1.dropLast(3)) ?? 0) }
        return try names.map { [UInt8](try Data(contentsOf: folder.appending(path: $0))) }
    }
}

extension MediaFile {
    /// The octets of the sound, as they are.
    func sound() throws -> [UInt8] {
        let result = try Self.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:a", "-c", "copy", "-f", "data", "-"]
        )
        return [UInt8](result.output)
    }

    /// Of each decoded picture, or piece of sound, in the order of presentation.
    func hashes(_ track: String) throws -> [String] {
        let options = (track == "v" ? ["-fps_mode", "passthrough"] : []) + ["-f", "framemd5"]
        let result = try Self.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:\(track):0"] + options + ["-"]
        )
        try #require(result.status == 0, "\(result.errors)")
        return String(decoding: result.output, as: UTF8.self).split(whereSeparator: \.isNewline)
            .filter { !$0.hasPrefix("#") }
            .compactMap { $0.split(separator: ",").last.map { $0.trimmingCharacters(in: .whitespaces) } }
    }

    /// What FFmpeg says when it decodes everything. On the clock of the file: on one of the picture rate two pictures that
    /// begin between its ticks would get the same. Of G.711 it says that one channel is mono.
    func complaints() throws -> String {
        try Self.run([
            "ffmpeg", "-nostdin", "-v", "warning", "-i", path, "-map", "0:v", "-map", "0:a?", "-fps_mode",
            "passthrough", "-enc_time_base", "-1", "-f", "null", "-",
        ])
        .errors.split(separator: "\n").filter { !$0.hasPrefix("Guessed Channel Layout") }.joined(
            separator: "\n"
        )
    }

    func firstTime(_ track: String) throws -> Double {
        try times("frame=pts_time", track).first ?? -1
    }

    func decodingTimesInSeconds(_ track: String) throws -> [Double] {
        try times("packet=dts_time", track)
    }

    private func times(_ entry: String, _ track: String) throws -> [Double] {
        let result = try run(
            "ffprobe",
            "-v",
            "error",
            "-select_streams",
            "\(track):0",
            "-show_entries",
            entry,
            "-of",
            "csv=p=0",
            path
        )
        return String(decoding: result.output, as: UTF8.self).split(whereSeparator: \.isNewline)
            .compactMap { $0.split(separator: ",").first.flatMap { Double($0) } }
    }
}
