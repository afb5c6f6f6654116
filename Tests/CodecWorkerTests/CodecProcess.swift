import CodecProtocol
import Foundation
import TestSupport
import Testing

/// The real `vedette-codec`, as the build made it.
final class CodecProcess {
    /// Beside the tests' own bundle.
    static let path =
        Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }
        .map { $0.bundleURL.deletingLastPathComponent().appending(path: "vedette-codec").path() }
        ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appending(path: "vedette-codec").path()

    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var reader = CodecFrameReader(longest: PictureAnswer.longest)
    private var number: UInt32 = 0

    init(_ arguments: [String] = []) throws {
        process.executableURL = URL(filePath: Self.path)
        process.arguments = ["pictures"] + arguments
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        try output.fileHandleForWriting.close()
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// `nil`: it has died of it.
    func ask(
        _ picture: [UInt8],
        _ coding: PictureRequest.Coding,
        width: Int? = nil,
        quality: Int = 2
    ) throws -> Result<PictureAnswer.Picture, PictureAnswer.Failure>? {
        number += 1
        let request = PictureRequest(
            number: number,
            coding: coding,
            width: width,
            quality: quality,
            picture: picture
        )
        try send(try #require(request.encoded()))
        guard let answer = try answer() else { return nil }
        #expect(answer.number == number)
        return answer.outcome
    }

    func send(_ bytes: [UInt8]) throws { try input.fileHandleForWriting.write(contentsOf: bytes) }

    private func answer() throws -> PictureAnswer? {
        while true {
            if let frame = try reader.next() { return try PictureAnswer(decoding: frame) }
            let piece = output.fileHandleForReading.availableData
            guard !piece.isEmpty else { return nil }
            reader.take(piece)
        }
    }

    /// The status with which it ends once its input has ended.
    func end() throws -> Int32 {
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        return process.terminationStatus
    }
}

/// One key frame made by FFmpeg, and FFmpeg's own view of it.
struct CodedPicture {
    let bytes: [UInt8]
    let coding: PictureRequest.Coding
    private let file: MediaFile

    /// `options`: of the encoder. The picture has detail, text, edges and moving parts.
    init(_ size: String, _ coding: PictureRequest.Coding, _ options: [String]) throws {
        let path = MediaFile.temporaryPath()
        let format = coding == .h264 ? "h264" : coding == .h265 ? "hevc" : "mjpeg"
        let made = try MediaFile.run(
            ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=\(size):rate=25", "-frames:v", "1"]
                + options + ["-f", format, path]
        )
        try #require(made.status == 0, "\(made.errors)")
        bytes = Array(try Data(contentsOf: URL(filePath: path)))
        file = MediaFile(path: path)
        self.coding = coding
    }

    /// Decibels of signal to noise, between a JPEG and what FFmpeg makes of this picture in the same size. Colours are
    /// compared as they are seen, whatever they were coded in.
    func similarity(to picture: PictureAnswer.Picture, filter: String = "null") throws -> Double {
        let jpeg = MediaFile.temporaryPath()
        try Data(picture.jpeg).write(to: URL(filePath: jpeg))
        let copy = MediaFile(path: jpeg)
        let graph =
            "[0:v]\(filter),scale=\(picture.width):\(picture.height):flags=bicubic+accurate_rnd+full_chroma_int,"
            + "format=gbrp[a];[1:v]scale=flags=bicubic+accurate_rnd+full_chroma_int,format=gbrp[b];"
            + "[a][b]psnr"
        let format = coding == .h264 ? "h264" : coding == .h265 ? "hevc" : "mjpeg"
        let result = try MediaFile.run([
            "ffmpeg", "-v", "info", "-f", format, "-i", file.path, "-f", "mjpeg", "-i", copy.path,
            "-filter_complex", graph, "-frames:v", "1", "-f", "null", "-",
        ])
        try #require(result.status == 0, "\(result.errors)")
        let found = try #require(result.errors.firstMatch(of: /average:([0-9.]+|inf)/), "\(result.errors)")
        return found.1 == "inf" ? .infinity : try #require(Double(found.1))
    }
}
