import Foundation
import TestSupport
import Testing

@testable import MediaFormats

/// Real encoders' streams, cut into segments as units do, joined again, and looked at with FFmpeg: hashes of decoded
/// pictures and sound.
@Suite("Exports of recordings") struct RecordingExportTests {
    @Test(arguments: ExportedStream.cuts)
    func everyFrameOfAllSegmentsIsThere(_ stream: ExportedStream, _ cut: SegmentCut) throws {
        let clip = try stream.make()
        let segments = try cut.segments(of: clip)
        #expect(segments.count >= 4)
        let joined = [
            try export(segments, MP4Export(duration: 12_000)), try export(segments, TransportStreamExport()),
        ]
        for (file, kind) in zip(joined, ["mp4", "ts"]) {
            #expect(try file.hashes("v") == clip.hashes("v"), "\(kind)")
            if stream.isG711, kind == "mp4" {
                let wanted = Demultiplexed(try clip.bytes()).units(.audio).flatMap(\.sample)
                #expect(try file.sound() == wanted)
            } else if !stream.isG711 {
                let (sound, wanted) = (try file.hashes("a"), try clip.hashes("a"))
                #expect(sound == wanted, "\(kind): \(sound.count) of \(wanted.count)")
            }
            // It knows no type for G.711 in a stream, and says so.
            if kind == "mp4" || !stream.isG711 { try expectNoComplaint(about: file) }
        }
    }

    /// A cut between key frames: the pictures before it are decoded and not shown.
    @Test(arguments: ExportedStream.cuts)
    func anMP4IsExactToThePictureAtBothEnds(_ stream: ExportedStream, _ cut: SegmentCut) throws {
        let clip = try stream.make()
        let segments = try cut.segments(of: clip)
        // 63 is the first picture at or behind 2.5 s, 232 the last one before 9.3 s.
        let file = try export(
            segments,
            MP4Export(duration: 6800),
            from: 2500,
            to: 9300
        )
        let (shown, all) = (try file.hashes("v"), try clip.hashes("v"))
        let wanted = Array(all[63...232])
        #expect(Array(shown.prefix(wanted.count)) == wanted)
        // What others refer to comes along.
        #expect(shown.count <= wanted.count + 3, "\(shown.count)")
        try expectNoComplaint(about: file)
        let first = try file.firstTime("v")
        #expect(0...0.04 ~= first, "\(first)")
    }

    @Test(arguments: ExportedStream.allCases) func aStreamIsCutAtKeyFramesAndAtItsEnd(
        _ stream: ExportedStream
    ) throws {
        let clip = try stream.make()
        let segments = try SegmentCut.running.segments(of: clip)
        let file = try export(segments, TransportStreamExport(), from: 2500, to: 9300)
        let (shown, all) = (try file.hashes("v"), try clip.hashes("v"))
        // The key frame before 2.5 s is number 50.
        let wanted = Array(all[50...232])
        #expect(Array(shown.prefix(wanted.count)) == wanted)
        #expect(shown.count <= wanted.count + 4, "\(shown.count)")
        if !stream.isG711 { try expectNoComplaint(about: file) }
    }

    /// What was recorded at different times goes on without a pause.
    @Test(arguments: [ExportedStream.h264, .h265]) func gapsAreClosedUp(_ stream: ExportedStream) throws {
        let clip = try stream.make()
        let segments = try SegmentCut.apart.segments(of: clip)
        let kept = [segments[0], segments[3], segments[1]]
        let all = try clip.hashes("v")
        let wanted = kept.flatMap { all[$0.firstPicture..<($0.firstPicture + $0.pictures)] }
        let files = [
            try export(kept, MP4Export(duration: 6000), continuous: false),
            try export(kept, TransportStreamExport(), continuous: false),
        ]
        for file in files {
            #expect(try file.hashes("v") == wanted)
            let times = try file.decodingTimesInSeconds("v")
            let steps = zip(times, times.dropFirst()).map { $1 - $0 }
            #expect(
                steps.allSatisfy { $0 > 0.03 && $0 < 0.05 },
                "\(steps.filter { $0 <= 0.03 || $0 >= 0.05 })"
            )
            // Sound that a segment holds beyond its pictures overlaps with that of the next one.
            let complaints = try file.complaints().split(separator: "\n")
            #expect(complaints.allSatisfy { $0.contains("in stream 1:") }, "\(complaints.prefix(5))")
        }
    }

    /// RFC 9110, 13.1.5: a download is taken up only where the octets are the same.
    @Test func theSameSegmentsMakeTheSameOctetsHoweverTheyAreRead() throws {
        let clip = try ExportedStream.h264.make()
        let segments = try SegmentCut.apart.segments(of: clip)
        var random = SeededGenerator(seed: 7)
        for makes: @Sendable () -> any RecordingExport in [
            { MP4Export(duration: 6800) }, { TransportStreamExport() },
        ] {
            let whole = try bytes(segments, makes(), from: 2500, to: 9300)
            let pieces = try bytes(segments, makes(), from: 2500, to: 9300) {
                Int.random(in: 1...5000, using: &random)
            }
            #expect(whole == pieces)
        }
    }

    /// Segments are hostile: nothing traps, and nothing grows beyond what came.
    @Test func damagedSegmentsAreSurvived() throws {
        let clip = try ExportedStream.h264.make()
        let segments = try SegmentCut.apart.segments(of: clip)
        for seed in UInt64(1)...40 {
            var random = SeededGenerator(seed: seed)
            var damaged = segments
            for index in damaged.indices {
                for _ in 0..<Int.random(in: 0...300, using: &random) {
                    let place = Int.random(in: 0..<damaged[index].bytes.count, using: &random)
                    damaged[index].bytes[place] = UInt8.random(in: 0...255, using: &random)
                }
                if Bool.random(using: &random) {
                    damaged[index].bytes.removeLast(Int.random(in: 0...5000, using: &random))
                }
            }
            let size = damaged.reduce(0) { $0 + $1.bytes.count }
            let mp4 = try bytes(damaged, MP4Export(duration: 6800), from: 2500, to: 9300)
            let stream = try bytes(damaged, TransportStreamExport(), from: 2500, to: 9300)
            #expect(mp4.count < 2 * size + 100_000, "seed \(seed)")
            #expect(stream.count <= size + 10_000 && stream.count % 188 == 0, "seed \(seed)")
        }
    }

    /// Cameras send sound that reaches beyond the last picture. Where a gap is closed up it lies over what comes next, and
    /// FFmpeg would warn of times that go back (H.222.0, 2.4.3.6).
    @Test func soundBeyondThePicturesDoesNotGoBack() throws {
        let path = MediaFile.temporaryPath()
        let file = MediaFile(path: path)
        let result = try MediaFile.run([
            "ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-t", "3", "-i",
            "testsrc2=size=320x240:rate=25", "-f", "lavfi", "-t", "3.7", "-i",
            "sine=frequency=440:sample_rate=48000", "-c:v", "libx264", "-preset", "veryfast", "-g", "25",
            "-c:a", "aac", "-pix_fmt", "yuv420p", "-f", "mpegts", path,
        ])
        try #require(result.status == 0, "\(result.errors)")
        let bytes = try file.bytes()
        let segments = (0..<3).map {
            CutSegment(bytes: bytes, start: Int64($0) * 60_000, duration: 3000, firstPicture: 0, pictures: 75)
        }
        for export in [MP4Export(duration: 9000), TransportStreamExport()] as [any RecordingExport] {
            let joined = try self.export(segments, export, continuous: false)
            #expect(try joined.hashes("v").count == 225)
            try expectNoComplaint(about: joined)
            let times = try joined.decodingTimesInSeconds("a")
            #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 }, "\(type(of: export))")
            #expect(times.count > 380, "nine seconds of sound: \(times.count)")
        }
    }

    // MARK: Exporting

    private func expectNoComplaint(about file: MediaFile) throws {
        let complaints = try file.complaints()
        #expect(complaints.isEmpty, "\(complaints.prefix(2000))")
    }

    private func export(
        _ segments: [CutSegment],
        _ export: any RecordingExport,
        from: Int64 = 0,
        to: Int64 = .max,
        continuous: Bool = true
    ) throws -> MediaFile {
        try MediaFile(packets: try bytes(segments, export, from: from, to: to, continuous: continuous))
    }

    private func bytes(
        _ segments: [CutSegment],
        _ export: any RecordingExport,
        from: Int64 = 0,
        to: Int64 = .max,
        continuous: Bool = true,
        step: () -> Int = { 188 * 1394 }
    ) throws -> [UInt8] {
        var export = export
        var output: [UInt8] = []
        var isFirst = true
        for segment in segments where segment.start + segment.duration > from && segment.start < to {
            var part = ExportSegment(isContinuous: continuous && !isFirst)
            if segment.start < from {
                var search = KeyFrameSearch(lead: (from - segment.start) * 90, mayLead: true)
                segment.bytes.withUnsafeBytes { search.take($0) }
                search.finish()
                // Nothing of it can be decoded.
                guard let place = search.place else { continue }
                part.begin = place
            }
            if segment.start + segment.duration > to { part.end = (to - segment.start) * 90 }
            export.begin(part, &output)
            var place = 0
            while place < segment.bytes.count {
                let end = min(segment.bytes.count, place + step())
                segment.bytes[place..<end].withUnsafeBytes { export.take($0, &output) }
                place = end
            }
            export.endSegment(&output)
            isFirst = false
        }
        export.finish(&output)
        return output
    }
}
