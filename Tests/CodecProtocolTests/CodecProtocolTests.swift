import CodecProtocol
import TestSupport
import Testing

@Suite("The pipe to vedette-codec") struct CodecProtocolTests {
    private static let jpeg: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0, 1, 2, 3, 0xFF, 0xD9]
    private static let answers: [PictureAnswer] =
        PictureAnswer.Failure.allCases.map { PictureAnswer(number: 7, outcome: .failure($0)) } + [
            PictureAnswer(
                number: .max,
                outcome: .success(.init(width: 640, height: 360, jpeg: jpeg))
            )
        ]

    private static func frames(_ bytes: [UInt8], longest: Int = 1 << 20) throws -> [[UInt8]] {
        var reader = CodecFrameReader(longest: longest)
        reader.take(bytes)
        var frames: [[UInt8]] = []
        while let frame = try reader.next() { frames.append(frame) }
        return frames
    }

    @Test(arguments: PictureRequest.Coding.allCases, [nil, 16, 320, 8192])
    func aRequestComesBackAsItWas(coding: PictureRequest.Coding, width: Int?) throws {
        let request = PictureRequest(number: 0x0102_0304, coding: coding, width: width, picture: [9, 8, 7])
        let frames = try Self.frames(try #require(request.encoded()))
        #expect(frames.count == 1)
        #expect(try PictureRequest(decoding: frames[0]) == request)
    }

    @Test(arguments: answers) func anAnswerComesBackAsItWas(answer: PictureAnswer) throws {
        let frames = try Self.frames(answer.encoded())
        #expect(frames.count == 1)
        #expect(try PictureAnswer(decoding: frames[0]) == answer)
    }

    @Test func whatIsAskedForStaysWithinItsBounds() {
        #expect(PictureRequest(number: 0, coding: .h264, width: 1, picture: [1]).width == 16)
        #expect(PictureRequest(number: 0, coding: .h264, width: 99_999, picture: [1]).width == 8192)
        #expect(PictureRequest(number: 0, coding: .h264, width: nil, quality: 99, picture: [1]).quality == 31)
        #expect(PictureRequest(number: 0, coding: .h264, width: nil, picture: []).encoded() == nil)
        let tooLong = [UInt8](repeating: 0, count: PictureRequest.longestPicture + 1)
        #expect(PictureRequest(number: 0, coding: .h264, width: nil, picture: tooLong).encoded() == nil)
    }

    /// However the pipe cuts them.
    @Test func framesComeWholeFromAnyPieces() throws {
        for seed in UInt64(1)...20 {
            var random = SeededGenerator(seed: seed)
            let requests = (0..<8).map { number in
                PictureRequest(
                    number: number,
                    coding: .h265,
                    width: nil,
                    picture: (0...Int.random(in: 0...3000, using: &random)).map { _ in
                        UInt8.random(in: 0...255, using: &random)
                    }
                )
            }
            var rest = requests.flatMap { $0.encoded() ?? [] }[...]
            var reader = CodecFrameReader(longest: PictureRequest.longest)
            var found: [PictureRequest] = []
            while !rest.isEmpty {
                let count = Int.random(in: 1...700, using: &random)
                reader.take(rest.prefix(count))
                rest = rest.dropFirst(count)
                while let frame = try reader.next() { found.append(try PictureRequest(decoding: frame)) }
            }
            #expect(found == requests, "seed \(seed)")
        }
    }

    @Test func aLengthBeyondTheBoundIsRefusedBeforeAnythingIsKept() {
        var reader = CodecFrameReader(longest: 100)
        reader.take([0, 0, 0, 101])
        #expect(throws: CodecProtocolError.length(101)) { try reader.next() }
        var empty = CodecFrameReader(longest: 100)
        empty.take([0, 0, 0, 0])
        #expect(throws: CodecProtocolError.length(0)) { try empty.next() }
    }

    /// The worker may have been taken over by a picture: what it says is input from outside.
    @Test func whateverComesIsReadOrRefused() throws {
        for answer in Self.answers {
            let frame = try Self.frames(answer.encoded())[0]
            for count in 0..<frame.count {
                #expect((try? PictureAnswer(decoding: Array(frame.prefix(count)))) == nil)
            }
        }
        for seed in UInt64(1)...20 {
            var random = SeededGenerator(seed: seed)
            for _ in 0..<2000 {
                let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                    // Mostly the small numbers that lead further into a decoder.
                    UInt8.random(in: 0...(Bool.random(using: &random) ? 2 : 255), using: &random)
                }
                _ = try? PictureRequest(decoding: bytes)
                _ = try? PictureAnswer(decoding: bytes)
                _ = try? Self.frames(bytes, longest: 64)
            }
        }
    }

    @Test(
        arguments: [
            ("version", 0, 2), ("coding", 1, 9), ("width", 3, 3), ("quality", 4, 1), ("reserved", 5, 1),
        ] as [(String, Int, UInt8)]
    )
    func aWrongFieldOfARequestIsNamed(name: String, place: Int, value: UInt8) throws {
        let request = PictureRequest(number: 1, coding: .h264, width: nil, picture: [1])
        var frame = try Self.frames(try #require(request.encoded()))[0]
        frame[place] = value
        #expect(throws: CodecProtocolError.field(name)) { try PictureRequest(decoding: frame) }
    }

    @Test func anAnswerThatIsNoJPEGIsRefused() throws {
        var answer = PictureAnswer(
            number: 1,
            outcome: .success(.init(width: 16, height: 16, jpeg: Self.jpeg))
        )
        answer.outcome = .success(.init(width: 16, height: 16, jpeg: Array("<html></html>".utf8)))
        let frame = try Self.frames(answer.encoded())[0]
        #expect(throws: CodecProtocolError.field("jpeg")) { try PictureAnswer(decoding: frame) }
    }
}
