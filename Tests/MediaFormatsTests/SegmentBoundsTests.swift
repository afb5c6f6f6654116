import Testing

@testable import MediaFormats

@Suite("What a segmenter keeps and how long it makes segments") struct SegmentBoundsTests {
    private struct Pictures {
        var segmenter = MediaSegmenter(.init())
        var headers = 0
        var parts: [MediaSegmenter.Part] = []
        var time: Int64 = 0

        init(announcesSound: Bool) throws {
            var content = TransportStreamDemultiplexer.Content()
            content.video = .h264
            content.hasAudio = announcesSound
            take(.content(content))
            take(.video(try HandMade.format()))
        }

        mutating func take(_ event: TransportStreamDemultiplexer.Event) {
            var outputs: [MediaSegmenter.Output] = []
            segmenter.take(event) { outputs.append($0) }
            keep(outputs)
        }

        private mutating func keep(_ outputs: [MediaSegmenter.Output]) {
            for output in outputs {
                switch output {
                case .header: headers += 1
                case .part(let part): parts.append(part)
                }
            }
        }

        mutating func add(_ pause: Int64, isKeyFrame: Bool = false, sizeInBytes: Int = 8) {
            time += pause
            take(
                .unit(
                    AccessUnit(
                        track: .video,
                        presentation: time,
                        decoding: time,
                        isKeyFrame: isKeyFrame,
                        followsLoss: false,
                        sample: [UInt8](repeating: 1, count: sizeInBytes)
                    )
                )
            )
        }

        mutating func end() {
            var outputs: [MediaSegmenter.Output] = []
            segmenter.breakOff { outputs.append($0) }
            keep(outputs)
        }

        /// Of whole segments, by their first parts.
        var durations: [Int64] {
            parts.reduce(into: []) { durations, part in
                if part.beginsSegment { durations.append(0) }
                durations[durations.count - 1] += part.duration
            }
        }
    }

    /// Sound that is announced and does not come is not waited for at any price.
    @Test func largePicturesDoNotWaitForSound() throws {
        var pictures = try Pictures(announcesSound: true)
        for number in 0..<16 { pictures.add(1, isKeyFrame: number == 0, sizeInBytes: 1 << 20) }
        #expect(pictures.headers == 1)
        #expect(pictures.parts.reduce(0) { $0 + $1.bytes.count } >= 8 << 20)
    }

    @Test func manyPicturesDoNotWaitForSound() throws {
        var pictures = try Pictures(announcesSound: true)
        for number in 0..<3000 { pictures.add(1, isKeyFrame: number == 0) }
        #expect(pictures.headers == 1 && pictures.parts.count == 2)
    }

    /// 4.4.3.1: a sender that pauses makes no segment longer than the target duration of two seconds.
    @Test func aPauseIsADiscontinuity() throws {
        var pictures = try Pictures(announcesSound: false)
        for number in 0..<100 { pictures.add(3600, isKeyFrame: number % 25 == 0) }
        for number in 0..<100 {
            pictures.add(number == 0 ? 450_000 : 3600, isKeyFrame: number % 25 == 0)
        }
        pictures.end()
        #expect(pictures.durations.allSatisfy { $0 < 225_000 })
        #expect(pictures.parts.count { $0.isDiscontinuity } == 1)
        #expect(pictures.parts.reduce(0) { $0 + $1.duration } == 200 * 3600)
    }

    /// Pauses that are short enough by themselves, behind pictures that fill most of a segment.
    @Test func aShortPauseBeginsASegment() throws {
        var pictures = try Pictures(announcesSound: false)
        for number in 0..<400 {
            pictures.add(number % 40 == 0 ? 170_000 : 3600, isKeyFrame: number % 50 == 0)
        }
        pictures.end()
        #expect(pictures.durations.allSatisfy { $0 < 225_000 })
        #expect(pictures.parts.count { $0.isDiscontinuity } == 0)
        for (part, next) in zip(pictures.parts, pictures.parts.dropFirst()) {
            #expect(next.start == part.start + part.duration)
        }
    }
}
