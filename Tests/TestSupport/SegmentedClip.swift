import Foundation

/// What a real encoder makes, cut by FFmpeg into files of some seconds, each with counters of its own: segments as a unit
/// uploads them.
package struct SegmentedClip: Sendable {
    /// The whole clip.
    package let whole: [UInt8]
    package let segments: [[UInt8]]
    /// Of each segment.
    package let milliseconds: Int64

    /// `seconds` of moving pictures with a key frame each second and sound, in segments of `length` seconds.
    package init(seconds: Int = 12, length: Int = 3, _ options: [String] = Self.h264) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "clip-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let clip = folder.path + "/clip.ts"
        try Self.run(
            [
                "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-f", "lavfi", "-i",
                "sine=frequency=440:sample_rate=48000",
            ] + options + ["-c:a", "aac", "-t", "\(seconds)", "-pix_fmt", "yuv420p", "-f", "mpegts", clip]
        )
        try Self.run(
            [
                "-i", clip, "-map", "0", "-c", "copy", "-copyts", "-f", "segment", "-segment_time",
                "\(length)",
                "-segment_format", "mpegts", folder.path + "/%d.ts",
            ]
        )
        whole = [UInt8](try Data(contentsOf: URL(filePath: clip)))
        segments = try (0..<(seconds / length)).map { number in
            [UInt8](try Data(contentsOf: folder.appending(path: "\(number).ts")))
        }
        milliseconds = Int64(length) * 1000
    }

    package static let h264 = [
        "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-keyint_min", "25",
        "-sc_threshold", "0",
        "-flags", "+cgop",
    ]

    private static func run(_ arguments: [String]) throws {
        let result = try MediaFile.run(["ffmpeg", "-nostdin", "-v", "error", "-y"] + arguments)
        guard result.status == 0 else { throw ClipError(errors: result.errors) }
    }

    private struct ClipError: Error { var errors: String }
}
