import Foundation
import Glibc
import MediaFormats

/// From a transport stream to fragments: our demultiplexer and segmenter beside libavformat, which `ffmpeg` runs with
/// `-c copy`, on one file in one run. CPU time, because the machine may have other work.
struct FormatsBenchmark {
    /// RUSAGE_SELF and RUSAGE_CHILDREN, which Swift sees as another type than getrusage takes.
    private static let own: Int32 = 0
    private static let children: Int32 = -1

    let folder: String
    let repeats: Int

    func run(_ report: inout Report) throws {
        let file = try makeStream()
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        let gigabits = Double(bytes.count) * 8 / 1e9
        var (ours, theirs) = ([Double](), [Double]())
        for _ in 0..<repeats {
            ours.append(Self.remux(bytes))
            // The time of its start is not that of the format.
            theirs.append(try ffmpegTime(["-i", file]) - (try ffmpegTime(["-t", "0.04", "-i", file])))
        }
        report.add(
            "MPEG-TS to fragments, H.264 and AAC (CPU per Gbit)",
            ours.percentile(0.5) / gigabits * 1000,
            "ms",
            peer: theirs.percentile(0.5) / gigabits * 1000,
            atMostTimesPeer: 1
        )
    }

    /// Ten minutes of 2 Mbit/s.
    private func makeStream() throws -> String {
        let (clip, file) = (folder + "/clip.ts", folder + "/long.ts")
        try Self.ffmpeg([
            "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25,noise=alls=12:allf=t", "-f", "lavfi", "-i",
            "sine",
            "-t", "20", "-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-b:v", "2M", "-maxrate", "2M",
            "-bufsize", "1M", "-c:a", "aac", "-f", "mpegts", clip,
        ])
        try Self.ffmpeg(["-stream_loop", "29", "-i", clip, "-c", "copy", "-f", "mpegts", file])
        return file
    }

    /// In seconds.
    private static func remux(_ bytes: [UInt8]) -> Double {
        var demultiplexer = TransportStreamDemultiplexer()
        var segmenter = MediaSegmenter(.init())
        var written = 0
        let start = cpuTime(own)
        // As batches come out of the hub.
        let batch = 24 * 1316
        bytes.withUnsafeBytes { octets in
            for place in stride(from: 0, to: octets.count, by: batch) {
                let end = min(place + batch, octets.count)
                demultiplexer.take(UnsafeRawBufferPointer(rebasing: octets[place..<end])) { event in
                    segmenter.take(event) { if case .part(let part) = $0 { written += part.bytes.count } }
                }
            }
        }
        precondition(written > bytes.count / 2)
        return cpuTime(own) - start
    }

    private func ffmpegTime(_ input: [String]) throws -> Double {
        let start = Self.cpuTime(Self.children)
        try Self.ffmpeg(
            input + [
                "-c", "copy", "-bsf:a", "aac_adtstoasc", "-f", "mp4", "-movflags",
                "empty_moov+default_base_moof",
                "-frag_duration", "250000", "-y", "/dev/null",
            ]
        )
        return Self.cpuTime(Self.children) - start
    }

    private static func ffmpeg(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["ffmpeg", "-nostdin", "-v", "error", "-threads", "1"] + arguments
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchmarkError.tool("ffmpeg", "ended with \(process.terminationStatus)")
        }
    }

    private static func cpuTime(_ who: Int32) -> Double {
        var usage = rusage()
        getrusage(who, &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(0) {
            $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6
        }
    }
}
