import Glibc
import MediaFormats

/// What units show: a file that is read anew for each push, or the test pattern.
struct VideoSource: Sendable {
    /// So much of a long file is read to learn its bitrate and that it can be played.
    private static let surveyed = 64 << 20
    /// What the test pattern comes to by itself, rounded up.
    private static let patternBitrate = 400_000

    private enum Content: Sendable {
        case file(path: String)
        case pattern(bitrate: Int)
    }

    private let content: Content
    /// Bit/s.
    let bitrate: Int

    /// With `patternBitrate` 0 the test pattern is as small as it comes.
    init(patternBitrate: Int) {
        content = .pattern(bitrate: max(0, patternBitrate))
        bitrate = max(patternBitrate, Self.patternBitrate)
    }

    /// Reads up to 64 MB of the file.
    init(file path: String) throws(UnitSetupError) {
        content = .file(path: path)
        let file = try InputFile(path)
        var loop = TransportStreamLoop()
        var length = 0
        var rate: Int?
        do throws(TransportStreamLoopError) {
            while length < Self.surveyed {
                let bytes = file.read()
                if bytes.isEmpty {
                    try loop.endOfFile()
                    break
                }
                length += bytes.count
                try loop.append(bytes)
                while loop.next() != nil {}
            }
            rate = loop.meanBitrate
        } catch {
            throw .file(path, "\(error)")
        }
        guard let rate else { throw .file(path, "fewer than two clock references (PCR)") }
        bitrate = rate
    }

    func makeFeed() throws(UnitSetupError) -> VideoFeed {
        switch content {
        case .file(let path): .file(try InputFile(path), TransportStreamLoop())
        case .pattern(let bitrate): .pattern(TestPatternStream(bitrate: bitrate), [])
        }
    }
}

/// The messages of one push, without end.
enum VideoFeed {
    case file(InputFile, TransportStreamLoop)
    /// The rest: messages of the last picture, the next one at the end.
    case pattern(TestPatternStream, [TransportStreamLoop.Message])

    mutating func next(
        showing scene: SceneBoard? = nil
    ) throws(TransportStreamLoopError) -> TransportStreamLoop.Message {
        switch self {
        case .file(let file, var loop):
            // Holds the only copy while it is changed, or every message would copy what is buffered.
            self = .pattern(TestPatternStream(), [])
            defer { self = .file(file, loop) }
            while true {
                if let message = loop.next() { return message }
                let bytes = file.read()
                if bytes.isEmpty {
                    try loop.endOfFile()
                    file.rewind()
                } else {
                    try loop.append(bytes)
                }
            }
        case .pattern(var stream, var rest):
            if rest.isEmpty {
                rest = Self.messages(of: stream.next(showing: scene?.scene())).reversed()
            }
            let message = rest.removeLast()
            self = .pattern(stream, rest)
            return message
        }
    }

    private static func messages(of chunk: TestPatternStream.Chunk) -> [TransportStreamLoop.Message] {
        let size = TransportStreamLoop.packetsInMessage * TransportStreamWriter.packetSize
        return stride(from: 0, to: chunk.packets.count, by: size).map { start in
            TransportStreamLoop.Message(
                packets: Array(chunk.packets[start..<min(start + size, chunk.packets.count)]),
                due: chunk.due,
                isRandomAccess: chunk.isKeyFrame && start == 0
            )
        }
    }
}

/// A file that is read from the front in chunks, by one thread.
final class InputFile {
    private static let chunk = 64 << 10

    private let descriptor: Int32

    init(_ path: String) throws(UnitSetupError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .file(path, String(cString: strerror(errno))) }
    }

    deinit {
        close(descriptor)
    }

    /// Empty at the end, and where the disk fails: a file that cannot be read on ends there.
    func read() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.chunk) { buffer, count in
            count = max(0, Glibc.read(descriptor, buffer.baseAddress, buffer.count))
        }
    }

    func rewind() {
        lseek(descriptor, 0, SEEK_SET)
    }
}
