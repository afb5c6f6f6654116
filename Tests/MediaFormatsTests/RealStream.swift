import Foundation
import Synchronization
import TestSupport
import Testing

@testable import MediaFormats

/// Streams that FFmpeg makes, and what ffprobe says of them.
enum RealStream: String, CustomTestStringConvertible, CaseIterable {
    case h264, h264WithReordering, h265, h265WithReordering, soundOnly, pictureOnly
    /// 24000/1001 pictures a second, sound of 44.1 kHz: neither has whole ticks.
    case oddRates
    /// The 33 bits of the times run out after a second.
    case wrap
    case twoPrograms
    /// Several slices and a large picture.
    case slices
    case aLaw, uLaw

    struct Packet: Equatable {
        var presentation: Int64
        var decoding: Int64
        var isKeyFrame: Bool
    }

    var testDescription: String { rawValue }

    private static let video = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25"]
    private static let sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
    private static let x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-keyint_min", "25"]
    private static let x265 = [
        "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
        "keyint=25:min-keyint=25:scenecut=0:log-level=0",
    ]
    private static let aac = ["-c:a", "aac"]

    private var arguments: [String] {
        let both = Self.video + Self.sound
        switch self {
        case .h264: return both + Self.x264 + ["-bf", "0"] + Self.aac
        case .h264WithReordering:
            return both + Self.x264 + ["-bf", "3", "-x264-params", "b-pyramid=1"] + Self.aac
        case .h265: return both + Self.x265 + ["-bf", "0"] + Self.aac
        case .h265WithReordering:
            return both + [
                "-c:v", "libx265", "-preset", "medium", "-x265-params",
                "keyint=25:min-keyint=25:scenecut=0:bframes=4:log-level=0",
            ]
                + Self.aac
        case .soundOnly: return Self.sound + Self.aac
        case .pictureOnly: return Self.video + Self.x264
        case .oddRates:
            return [
                "-f", "lavfi", "-i", "testsrc2=size=322x182:rate=24000/1001", "-f", "lavfi", "-i",
                "sine=frequency=440:sample_rate=44100",
            ] + Self.x264 + Self.aac
        case .wrap: return both + Self.x264 + Self.aac + ["-output_ts_offset", "95441.2"]
        case .twoPrograms:
            return both + Self.video + Self.x264 + Self.aac + [
                "-map", "0:v", "-map", "1:a", "-map", "2:v", "-program", "st=0:st=1", "-program", "st=2",
            ]
        case .slices:
            return ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25,noise=alls=40:allf=t"] + Self.sound
                + Self.x264 + ["-qp", "10", "-slices", "4"] + Self.aac
        case .aLaw: return both + Self.x264 + ["-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"]
        case .uLaw: return both + Self.x264 + ["-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"]
        }
    }

    var hasVideo: Bool { self != .soundOnly }

    private static let made = Mutex<[RealStream: [UInt8]]>([:])

    /// Three seconds with a key frame each second; encoded once.
    func make() throws -> MediaFile {
        let bytes = try Self.made.withLock { made in
            if let known = made[self] { return known }
            let bytes = try encode()
            made[self] = bytes
            return bytes
        }
        return try MediaFile(packets: bytes)
    }

    private func encode() throws -> [UInt8] {
        let file = MediaFile(path: MediaFile.temporaryPath())
        let result = try MediaFile.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-y"] + arguments + [
                "-t", "3", "-pix_fmt", "yuv420p", "-f", "mpegts", file.path,
            ]
        )
        try #require(result.status == 0, "\(result.errors)")
        guard self == .aLaw || self == .uLaw else { return try file.bytes() }
        // FFmpeg knows no type for G.711 and calls it private data (0x06): cameras say 0x90 or 0x91.
        return Self.replaceType(0x06, self == .aLaw ? 0x90 : 0x91, in: try file.bytes())
    }

    /// Changes a stream type in every programme map, and its checksum with it.
    static func replaceType(_ old: UInt8, _ new: UInt8, in bytes: [UInt8]) -> [UInt8] {
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
}

extension MediaFile {
    func bytes() throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path))) }

    /// What FFmpeg decodes, picture by picture.
    func pictureHashes() throws -> [String] {
        let result = try run(
            "ffmpeg",
            "-nostdin",
            "-v",
            "error",
            "-i",
            path,
            "-map",
            "0:v:0",
            "-f",
            "framemd5",
            "-"
        )
        return String(decoding: result.output, as: UTF8.self).split(separator: "\n").filter {
            !$0.hasPrefix("#")
        }
        .compactMap { $0.split(separator: ",").last.map { $0.trimmingCharacters(in: .whitespaces) } }
    }

    /// What ffprobe finds in one stream, in the order of the file. Times in ticks of 90 kHz.
    func packets(of stream: String, seconds: Bool = false) throws -> [RealStream.Packet] {
        let fields = seconds ? "packet=pts_time,dts_time,flags" : "packet=pts,dts,flags"
        let result = try run(
            // Before it knows a stream it takes whole PES packets for frames.
            "ffprobe",
            "-v",
            "error",
            "-probesize",
            "100M",
            "-analyzeduration",
            "100M",
            "-select_streams",
            stream,
            "-show_entries",
            fields,
            "-of",
            "csv=p=0",
            path
        )
        return String(decoding: result.output, as: UTF8.self).split(whereSeparator: \.isNewline).compactMap {
            line in
            let fields = line.split(separator: ",")
            guard fields.count >= 3, let presentation = Double(fields[0]), let decoding = Double(fields[1])
            else {
                return nil
            }
            let scale = seconds ? 90_000.0 : 1
            return RealStream.Packet(
                presentation: Int64((presentation * scale).rounded()),
                decoding: Int64((decoding * scale).rounded()),
                isKeyFrame: fields[2].hasPrefix("K")
            )
        }
    }
}

/// Everything a demultiplexer says of some octets.
struct Demultiplexed {
    var events: [TransportStreamDemultiplexer.Event] = []
    var losses = 0
    var droppedPictures = 0

    init(_ bytes: [UInt8]) {
        var demultiplexer = TransportStreamDemultiplexer()
        bytes.withUnsafeBytes { octets in demultiplexer.take(octets) { events.append($0) } }
        demultiplexer.finish { events.append($0) }
        losses = demultiplexer.losses
        droppedPictures = demultiplexer.droppedPictures
    }

    func units(_ track: AccessUnit.Track) -> [AccessUnit] {
        events.compactMap { event in
            guard case .unit(let unit) = event, unit.track == track else { return nil }
            return unit
        }
    }

    var videoFormats: [VideoFormat] {
        events.compactMap { if case .video(let format) = $0 { format } else { nil } }
    }

    var audioFormats: [AudioFormat] {
        events.compactMap { if case .audio(let format) = $0 { format } else { nil } }
    }

    var refusals: [TransportStreamDemultiplexer.Refusal] {
        events.compactMap { if case .refused(let refusal) = $0 { refusal } else { nil } }
    }
}
