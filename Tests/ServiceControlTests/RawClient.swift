import NIOCore
import NIOPosix
import NIOSSL
import Testing

/// A WebSocket client down to the byte, so that it can be as rude as it likes. Whatever it waits for comes within
/// ``patience``, or its connection is closed and the wait ends with what a closed connection gives.
final class RawClient {
    static let patience = TimeAmount.seconds(30)

    struct Answer: Equatable {
        var status: Int
        /// Names in lower case.
        var headers: [String: String]
        var body: String
    }

    struct Frame: Equatable {
        static let continuation: UInt8 = 0
        static let text: UInt8 = 1
        static let close: UInt8 = 8
        static let ping: UInt8 = 9
        static let pong: UInt8 = 10

        var opcode: UInt8
        var payload: [UInt8]

        var text: String { String(decoding: payload, as: UTF8.self) }
        /// RFC 6455, 7.4.
        var closeCode: Int? {
            opcode == Self.close && payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : nil
        }
    }

    let channel: any Channel
    private var received: AsyncStream<ByteBuffer>.Iterator
    private var buffer: [UInt8] = []

    /// `authority` is the path of what signed the server's certificate; nil: no TLS.
    init(_ port: Int, authority: String? = nil, reads: Bool = true) async throws {
        let (received, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        var tls: NIOSSLContext?
        if let authority {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = .file(authority)
            tls = try NIOSSLContext(configuration: configuration)
        }
        let context = tls
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: reads)
        if !reads { bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: 4096) }
        channel =
            try await bootstrap.channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        let handler = try NIOSSLClientHandler(context: context, serverHostname: "localhost")
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(Collector(continuation))
                }
            }.connect(host: "127.0.0.1", port: port).get()
        let channel = channel
        let timer = channel.eventLoop.scheduleTask(in: Self.patience) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in
            timer.cancel()
            continuation.finish()
        }
        self.received = received.makeAsyncIterator()
    }

    // MARK: Sending

    func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    func send(
        frame opcode: UInt8,
        _ payload: [UInt8],
        fin: Bool = true,
        masked: Bool = true,
        bits: UInt8 = 0
    )
        async throws
    {
        try await send(Self.frame(opcode, payload, fin: fin, masked: masked, bits: bits))
    }

    func send(_ text: String) async throws {
        try await send(frame: Frame.text, Array(text.utf8))
    }

    /// `bits` are RSV1 to RSV3 as they stand in the first byte.
    static func frame(
        _ opcode: UInt8,
        _ payload: [UInt8],
        fin: Bool = true,
        masked: Bool = true,
        bits: UInt8 = 0
    ) -> [UInt8] {
        let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        var bytes: [UInt8] = [(fin ? 0x80 : 0) | bits | opcode]
        let flag: UInt8 = masked ? 0x80 : 0
        switch payload.count {
        case ..<126: bytes.append(flag | UInt8(payload.count))
        case ..<65_536: bytes += [flag | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default:
            bytes.append(flag | 127)
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        guard masked else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $0.element ^ mask[$0.offset & 3] }
    }

    // MARK: Receiving

    /// The next HTTP response; nil: the connection ended first.
    func answer() async -> Answer? {
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard let byte = await bytes(1) else { return nil }
            head += byte
        }
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        var answer = Answer(status: 0, headers: [:], body: "")
        answer.status = lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
        for line in lines.dropFirst() {
            let pair = line.split(separator: ":", maxSplits: 1)
            answer.headers[pair[0].lowercased()] = pair[1].drop { $0 == " " }.description
        }
        let length = answer.headers["content-length"].flatMap { Int($0) } ?? 0
        guard let body = await bytes(length) else { return nil }
        answer.body = String(decoding: body, as: UTF8.self)
        return answer
    }

    /// The next frame; nil: the connection ended first.
    func frame() async -> Frame? {
        guard let head = await bytes(2) else { return nil }
        #expect(head[0] & 0x80 != 0 && head[1] & 0x80 == 0, "a server's frame: whole and unmasked")
        var length = Int(head[1] & 0x7F)
        if length >= 126 {
            guard let long = await bytes(length == 126 ? 2 : 8) else { return nil }
            length = long.reduce(0) { $0 << 8 | Int($1) }
        }
        guard let payload = await bytes(length) else { return nil }
        return Frame(opcode: head[0] & 0x0F, payload: payload)
    }

    /// The next text message; nil where something else comes.
    func text() async -> String? {
        guard let frame = await frame(), frame.opcode == Frame.text else { return nil }
        return frame.text
    }

    /// Reads to the end. The code of the close frame that stood there; nil where there was none.
    func end() async -> Int? {
        var code: Int?
        while let frame = await frame() { code = frame.closeCode ?? code }
        return code
    }

    func close() async {
        try? await channel.close()
    }

    /// The next `count` bytes; nil: the connection ended first.
    func bytes(_ count: Int) async -> [UInt8]? {
        while buffer.count < count {
            guard let more = await received.next(isolation: #isolation) else { return nil }
            buffer += more.readableBytesView
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer.prefix(count))
    }
}

private final class Collector: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let continuation: AsyncStream<ByteBuffer>.Continuation

    init(_ continuation: AsyncStream<ByteBuffer>.Continuation) {
        self.continuation = continuation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        continuation.yield(unwrapInboundIn(data))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
