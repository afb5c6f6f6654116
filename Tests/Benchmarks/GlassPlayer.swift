import Foundation
import Measurement

/// The other glass: FFmpeg decodes, and what leaves the decoder tells how long it was on its way.
struct GlassPlayer {
    struct Outcome: Sendable {
        /// Milliseconds from drawing to decoded picture.
        var delays: [Double] = []
        /// Pictures in which no time could be read.
        var unreadable = 0
    }

    /// Left out at the beginning: what was kept comes in a burst.
    private static let warmUp = 4

    /// As a player is told that wants no delay of its own.
    private static let eager = [
        "-fflags", "nobuffer", "-flags", "low_delay", "-probesize", "200000", "-analyzeduration", "200000",
    ]

    let folder: String
    let seconds: Int

    /// Plays `input`, the address and what FFmpeg has to know of it. Blocks.
    func play(_ input: [String]) throws -> Outcome {
        let length = seconds + Self.warmUp
        let child = try Child(
            "timeout",
            ["\(length + 30)", "ffmpeg", "-nostdin", "-v", "error", "-threads", "1"] + Self.eager + input
                + [
                    "-an", "-t", "\(length)", "-vf", "crop=\(Stamp.width):\(Stamp.blockSize):0:0,format=gray",
                    "-vsync",
                    "passthrough", "-flush_packets", "1", "-f", "rawvideo", "-",
                ],
            log: folder + "/player.log"
        )
        defer { child.stop() }
        let row = Stamp.width * Stamp.blockSize
        var outcome = Outcome()
        var unread: [UInt8] = []
        var number = 0
        while let bytes = child.nextBytes() {
            let now = Stamp(milliseconds: GlassEncoder.now)
            unread += bytes
            while unread.count >= row {
                number += 1
                let stamp = Stamp(luma: unread.prefix(row))
                unread.removeFirst(row)
                guard number > Self.warmUp * 25 else { continue }
                guard let stamp else {
                    outcome.unreadable += 1
                    continue
                }
                outcome.delays.append(Double(now.since(stamp)))
            }
        }
        guard !outcome.delays.isEmpty else {
            throw BenchmarkError.measurement(
                "no picture was decoded from \(input.last ?? ""); see player.log"
            )
        }
        return outcome
    }

    /// The moment in a picture of a file; `nil` where there is none.
    func moment(in file: String) throws -> Stamp? {
        let child = try Child(
            "ffmpeg",
            [
                "-nostdin", "-v", "error", "-i", file, "-vf",
                "crop=\(Stamp.width):\(Stamp.blockSize):0:0,format=gray",
                "-frames:v", "1", "-f", "rawvideo", "-",
            ],
            log: folder + "/player.log"
        )
        defer { child.stop() }
        var luma: [UInt8] = []
        while let bytes = child.nextBytes() { luma += bytes }
        return Stamp(luma: luma)
    }
}
