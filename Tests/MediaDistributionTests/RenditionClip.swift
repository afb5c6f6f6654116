import Bus
import Foundation
import HSSModel
import SRTTransport
import Synchronization

@testable import MediaDistribution
@testable import MediaFormats

/// What cameras send that not everybody can play.
enum RenditionClip: String {
    /// H.265 and G.711.
    case cameras
    /// H.264 and G.711.
    case oldSound
    /// H.264 of 720 lines, and AAC.
    case large

    struct File: Sendable {
        var url: URL
        var seconds: Double
        var path: String { url.path }
    }

    private static let made = Mutex<[RenditionClip: Task<File, any Error>]>([:])

    /// Some seconds of it; encoded once.
    func make() async throws -> File {
        let task = Self.made.withLock { made in
            let task = made[self] ?? Task { try await encode() }
            made[self] = task
            return task
        }
        return try await task.value
    }

    private var seconds: Int { self == .large ? 6 : 30 }

    private func encode() async throws -> File {
        let url = FileManager.default.temporaryDirectory.appending(path: "vedette-\(rawValue)-\(getpid()).ts")
        let size = self == .large ? "1280x720" : "320x240"
        let pictures =
            self == .cameras
            ? ["-c:v", "libx265", "-x265-params", "keyint=25:min-keyint=25:bframes=0:log-level=0"]
            : ["-c:v", "libx264", "-g", "25", "-bf", "0", "-b:v", self == .large ? "4M" : "500k"]
        let sound = self == .large ? ["-c:a", "aac"] : ["-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"]
        try await Tool.run(
            "ffmpeg",
            [
                "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=\(size):rate=25", "-f",
                "lavfi",
                "-i", "sine=frequency=440:sample_rate=48000", "-t", "\(seconds)",
            ] + pictures + ["-preset", "ultrafast", "-pix_fmt", "yuv420p"] + sound + [
                "-f", "mpegts", url.path,
            ]
        )
        if self != .large {
            // FFmpeg knows no type for G.711 and calls it private data (0x06): cameras say 0x90.
            let bytes = [UInt8](try Data(contentsOf: url))
            try Data(Self.replaceType(0x06, 0x90, in: bytes)).write(to: url)
        }
        return File(url: url, seconds: Double(seconds))
    }

    /// Changes a stream type in every programme map, and its checksum with it.
    private static func replaceType(_ old: UInt8, _ new: UInt8, in bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for start in stride(from: 0, to: bytes.count, by: 188) {
            guard bytes[start + 1] & 0x5F == 0x50, bytes[start + 2] == 0, bytes[start + 4] == 0 else {
                continue
            }
            let section = start + 5
            let end = section + 3 + (Int(bytes[section + 1] & 0x0F) << 8 | Int(bytes[section + 2]))
            var entry = section + 12 + Int(bytes[section + 11])
            while entry + 5 <= end - 4 {
                if bytes[entry] == old { bytes[entry] = new }
                entry += 5 + Int(bytes[entry + 4])
            }
            let crc = CRC32.ofMPEG(bytes[section..<(end - 4)])
            for octet in 0..<4 { bytes[end - 4 + octet] = UInt8(crc >> UInt32(24 - 8 * octet) & 0xFF) }
        }
        return bytes
    }

    // MARK: What FFmpeg says

    /// Codings and size: `aac h264 640x360`.
    static func look(at address: String) async throws -> String {
        let text = try await Tool.run(
            "ffprobe",
            ["-v", "error", "-show_entries", "stream=codec_name,width,height", "-of", "json", address]
        )
        struct Found: Decodable {
            struct Stream: Decodable {
                var codecName: String?
                var width: Int?
                var height: Int?
            }
            var streams: [Stream]
        }
        // Errors of decoders that begin in the middle come first.
        let json = text.firstIndex(of: "{").map { String(text[$0...]) } ?? ""
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let streams = try decoder.decode(Found.self, from: Data(json.utf8)).streams
        let names = streams.compactMap(\.codecName).sorted()
        let size = streams.compactMap { stream in stream.width.map { "\($0)x\(stream.height ?? 0)" } }
        return (names + size).joined(separator: " ")
    }

    /// What identifies each picture of a file, decoded: coding it anew would change it.
    static func pictures(_ path: String) async throws -> [String] {
        let text = try await Tool.run(
            "ffmpeg",
            ["-v", "quiet", "-i", path, "-map", "0:v", "-f", "framemd5", "-"]
        )
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }
            .compactMap { $0.split(separator: ",").last.map { $0.trimmingCharacters(in: .whitespaces) } }
    }

    static func size(of path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }
}

/// A unit that sends a file once, at its own pace, octet for octet as it is.
final class PushingUnit: Sendable {
    private let task: Task<Void, any Error>

    convenience init(_ clip: RenditionClip.File, on socket: SRTSocket) throws {
        self.init([UInt8](try Data(contentsOf: clip.url))[...], within: clip.seconds, on: socket)
    }

    init(_ slice: ArraySlice<UInt8>, within seconds: Double, on socket: SRTSocket) {
        let bytes = Array(slice)
        task = Task {
            defer { socket.close() }
            let began = ContinuousClock.now
            var sent = 0
            while sent < bytes.count {
                let elapsed = Double((ContinuousClock.now - began) / .milliseconds(1)) / 1000
                let due = min(bytes.count, Int(Double(bytes.count) * elapsed / seconds))
                while sent < due {
                    let message = bytes[sent..<min(sent + SRTSocket.usualMessage, bytes.count)]
                    guard try message.withUnsafeBytes({ try socket.send($0) }) else { break }
                    sent += message.count
                }
                try await Task.sleep(for: .milliseconds(10))
            }
            while socket.sendQueue.messages > 0 { try await Task.sleep(for: .milliseconds(5)) }
        }
    }

    func finish() async throws { try await task.value }
    func stop() { task.cancel() }
    deinit { task.cancel() }
}

extension RunningMedia {
    func push(_ clip: RenditionClip.File, to address: String) throws -> PushingUnit {
        try PushingUnit(clip, on: try connect(address))
    }

    func play(
        _ stream: StreamID,
        _ rendition: Rendition
    ) async throws(MediaError) -> (srt: String, http: String, hls: String) {
        let play = try await media.play(
            stream,
            lease: LeaseID(unchecked: "lease-\(rendition.rawValue)"),
            rendition: rendition,
            validFor: .seconds(60)
        )
        let (here, there) = ("http://127.0.0.1:\(httpPort)", "https://127.0.0.1:8443")
        return (
            play.srt.reveal(), play.ts.reveal().replacing(there, with: here),
            play.hls.reveal().replacing(there, with: here)
        )
    }

    func status(_ stream: StreamID) async -> StreamDetail? {
        await media.stream(stream, viewersAfter: nil, limit: 100)
    }

    /// Those that make renditions of a stream now.
    func processes(of stream: StreamID) -> [Int32] {
        media.table.withState {
            $0.streams[stream]?.renditions.running.values.compactMap(\.stream.processID) ?? []
        }
    }

    /// Waits for something that only shows itself to whoever looks.
    func wait(_ condition: @Sendable (RunningMedia) -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !condition(self) {
            guard ContinuousClock.now < deadline else {
                throw Tool.Failure(description: "it did not happen in 60 s")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

extension Tool {
    /// Lines of ffmpeg's framecrc, one for each picture.
    var frames: Int { output.split(separator: "\n").count { $0.hasPrefix("0,") } }
}
