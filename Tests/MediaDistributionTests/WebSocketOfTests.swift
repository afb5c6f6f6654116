import Bus
import Foundation
import HSSModel
import NIOCore
import NIOPosix

@testable import MediaDistribution

/// A viewer over a WebSocket, written octet by octet so that it can misbehave.
final class WebSocketOfTests {
    struct Frame: Equatable {
        /// 1 text, 2 binary, 8 close, 9 ping, 10 pong.
        var opcode: UInt8
        var payload: [UInt8]

        var text: String { String(decoding: payload, as: UTF8.self) }
        /// Of a close frame: its code, and the reason behind it.
        var farewell: String {
            guard opcode == 8, payload.count >= 2 else { return "no farewell: \(opcode)" }
            return "\(Int(payload[0]) << 8 | Int(payload[1])) "
                + String(decoding: payload.dropFirst(2), as: UTF8.self)
        }
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let received: AsyncStream<ByteBuffer>.Continuation

        init(_ received: AsyncStream<ByteBuffer>.Continuation) { self.received = received }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received.yield(unwrapInboundIn(data))
        }
    }

    private let channel: any Channel
    private var received: AsyncStream<ByteBuffer>.Iterator
    private var buffer: [UInt8] = []

    /// `reads`: false for one that takes nothing.
    init(port: Int, reads: Bool = true) async throws {
        let (received, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(continuation))
                }
            }
        if !reads { bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: 4096) }
        channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get()
        channel.closeFuture.whenComplete { _ in continuation.finish() }
        self.received = received.makeAsyncIterator()
    }

    deinit { channel.close(promise: nil) }

    func close() { channel.close(promise: nil) }

    func send(_ bytes: some Collection<UInt8>) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: Array(bytes)))
    }

    static let handshake =
        "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

    func request(_ path: String, _ fields: String = WebSocketOfTests.handshake) async throws {
        try await send("GET \(path) HTTP/1.1\r\nHost: h\r\n\(fields)\r\n".utf8)
    }

    /// Opens; the answer's head. A body that its length announces is read too.
    func open(_ path: String, _ fields: String = WebSocketOfTests.handshake) async throws -> String {
        try await request(path, fields)
        return try await head()
    }

    func head() async throws -> String {
        let end = Array("\r\n\r\n".utf8)
        var place: Range<Int>?
        while place == nil {
            place = buffer.firstRange(of: end)
            guard place == nil else { break }
            guard await more() else {
                throw Tool.Failure(description: "closed: \(String(decoding: buffer, as: UTF8.self))")
            }
        }
        let head = String(decoding: buffer[..<(place?.lowerBound ?? 0)], as: UTF8.self)
        buffer.removeFirst(place?.upperBound ?? 0)
        let length = head.lowercased().firstMatch(of: #/content-length: (\d+)/#).flatMap { Int($0.1) } ?? 0
        while buffer.count < length, await more() {}
        buffer.removeFirst(min(length, buffer.count))
        return head
    }

    /// A frame of a client, masked unless told otherwise.
    func send(frame opcode: UInt8, _ payload: [UInt8] = [], masked: Bool = true) async throws {
        let mask: [UInt8] = [1, 2, 3, 4]
        var bytes: [UInt8] = [0x80 | opcode]
        let length: [UInt8] =
            payload.count < 126
            ? [UInt8(payload.count)] : [126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        bytes += masked ? [length[0] | 0x80] + length.dropFirst() + mask : length
        bytes += masked ? payload.enumerated().map { $1 ^ mask[$0 % 4] } : payload
        try await send(bytes)
    }

    /// The next frame of the server; `nil` when the connection has ended.
    func next() async -> Frame? {
        while true {
            if let (frame, count) = Self.frame(in: buffer) {
                buffer.removeFirst(count)
                return frame
            }
            guard await more() else { return nil }
        }
    }

    /// The next one that is no media.
    func nextFarewell() async -> Frame? {
        while let frame = await next() { if frame.opcode == 8 { return frame } }
        return nil
    }

    /// Everything up to the server's farewell, and the answer to it.
    func everything() async throws -> [Frame] {
        var frames: [Frame] = []
        while let frame = await next() {
            frames.append(frame)
            if frame.opcode == 8 { try? await send(frame: 8, Array(frame.payload.prefix(2))) }
        }
        return frames
    }

    var hasEnded: Bool {
        get async {
            while await more() {}
            return true
        }
    }

    private func more() async -> Bool {
        guard let next = await received.next(isolation: nil) else { return false }
        buffer += next.readableBytesView
        return true
    }

    static func frames(in bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        var rest = bytes
        while let (next, count) = frame(in: rest) {
            frames.append(next)
            rest.removeFirst(count)
        }
        return frames
    }

    private static func frame(in bytes: [UInt8]) -> (Frame, Int)? {
        guard bytes.count >= 2 else { return nil }
        var (length, header) = (Int(bytes[1] & 127), 2)
        if length >= 126 {
            header = length == 126 ? 4 : 10
            guard bytes.count >= header else { return nil }
            length = bytes[2..<header].reduce(0) { $0 << 8 | Int($1) }
        }
        guard bytes.count >= header + length else { return nil }
        return (
            Frame(opcode: bytes[0] & 15, payload: Array(bytes[header..<header + length])), header + length
        )
    }
}

extension RunningMedia {
    /// Path and ticket.
    func ws(_ stream: StreamID, lease: String = "lease") async throws -> String {
        let addresses = try await media.play(stream, lease: LeaseID(unchecked: lease), validFor: .seconds(60))
        return String(addresses.ws.reveal().trimmingPrefix("wss://127.0.0.1:8443"))
    }

    /// One that watches already.
    func wsViewer(_ stream: StreamID, lease: String = "lease") async throws -> WebSocketOfTests {
        let client = try await WebSocketOfTests(port: wsPort)
        let head = try await client.open(try await ws(stream, lease: lease))
        guard head.hasPrefix("HTTP/1.1 101 ") else { throw Tool.Failure(description: head) }
        return client
    }
}
