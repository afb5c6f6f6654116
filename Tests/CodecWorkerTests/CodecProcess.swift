import CodecProtocol
import Foundation
import Glibc
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

    private let pid: pid_t
    private let input: Int32
    private let output: Int32
    private var status: Int32?
    private var reader = CodecFrameReader(longest: PictureAnswer.longest)
    private var number: UInt32 = 0

    /// Not by Foundation's `Process`: that watches a descriptor of the child's, which this one closes at once, and then waits
    /// for its end before it looks at any other child.
    init(_ arguments: [String] = []) throws {
        let (input, output) = (try Self.pipe(), try Self.pipe())
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input.reading, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output.writing, STDOUT_FILENO)
        var words = ([Self.path, "pictures"] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid = pid_t()
        let code = posix_spawn(&pid, Self.path, &actions, nil, &words, environ)
        close(input.reading)
        close(output.writing)
        (self.pid, self.input, self.output) = (pid, input.writing, output.reading)
        try #require(code == 0, "\(Self.path): \(String(cString: strerror(code)))")
        signal(SIGPIPE, SIG_IGN)
    }

    private static func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [0, 0]
        try #require(Glibc.pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    deinit {
        _ = end()
        close(output)
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
        send(try #require(request.encoded()))
        guard let answer = try answer() else { return nil }
        #expect(answer.number == number)
        return answer.outcome
    }

    /// Nothing happens where it has died.
    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private func answer() throws -> PictureAnswer? {
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let frame = try reader.next() { return try PictureAnswer(decoding: frame) }
            let count = read(output, &piece, piece.count)
            guard count > 0 else { return nil }
            reader.take(piece[..<count])
        }
    }

    /// The status with which it ends once its input has ended.
    @discardableResult func end() -> Int32 {
        if let status { return status }
        close(input)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let result = status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F)
        self.status = result
        return result
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
