import CustomerUnit
import Foundation
import NIOCore
import NIOPosix
import NIOSSL

/// Watches a picture over a WebSocket as a page does, without the page: hands the binary messages on.
struct WebSocketViewer {
    let authorityFile: String

    /// Until `sink` wants no more or the stream ends.
    func watch(_ url: String, _ sink: @escaping PictureSink) async throws {
        guard let parts = URLComponents(string: url), let host = parts.host, let port = parts.port else {
            throw BenchmarkError.tool("WebSocket", "\(url) is no address")
        }
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file(authorityFile)
        let context = try NIOSSLContext(configuration: tls)
        let request = """
            GET \(parts.path)?\(parts.query ?? "") HTTP/1.1\r
            Host: \(host):\(port)\r
            Upgrade: websocket\r
            Connection: Upgrade\r
            Sec-WebSocket-Version: 13\r
            Sec-WebSocket-Key: \(Data((0..<16).map { _ in UInt8.random(in: 0...255) }).base64EncodedString())\r
            \r

            """
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = try NIOSSLClientHandler(context: context, serverHostname: host)
                    try channel.pipeline.syncOperations.addHandler(handler)
                    try channel.pipeline.syncOperations.addHandler(MessageReader(request, sink))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        try await channel.closeFuture.get()
    }

    /// Frames of RFC 6455, 5.2, as a server sends them: not masked.
    private final class MessageReader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let request: String
        private let sink: PictureSink
        private var unread = ByteBuffer()
        private var isOpen = false

        init(_ request: String, _ sink: @escaping PictureSink) {
            self.request = request
            self.sink = sink
        }

        func channelActive(context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: request)), promise: nil)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            unread.writeBuffer(&bytes)
            if !isOpen {
                let text = String(buffer: unread)
                guard let end = text.firstRange(of: "\r\n\r\n") else { return }
                guard text.hasPrefix("HTTP/1.1 101 ") else {
                    say("  ! WebSocket: \(text.prefix { $0 != "\r\n" })")
                    return context.close(promise: nil)
                }
                unread.moveReaderIndex(forwardBy: text[..<end.upperBound].utf8.count)
                isOpen = true
            }
            while let frame = nextFrame() {
                switch frame.opcode {
                case 0, 2:
                    let goesOn = (try? frame.payload.withUnsafeReadableBytes { try sink($0) }) ?? false
                    guard goesOn else { return context.close(promise: nil) }
                case 8: return context.close(promise: nil)
                case 9:
                    // Masked by zeros, which leaves it as it is.
                    var pong = ByteBuffer(bytes: [
                        0x8A, 0x80 | UInt8(frame.payload.readableBytes), 0, 0, 0, 0,
                    ])
                    pong.writeImmutableBuffer(frame.payload)
                    context.writeAndFlush(wrapOutboundOut(pong), promise: nil)
                default: break
                }
            }
            unread.discardReadBytes()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }

        private func nextFrame() -> (opcode: UInt8, payload: ByteBuffer)? {
            let start = unread.readerIndex
            guard let first = unread.getInteger(at: start, as: UInt8.self),
                let second = unread.getInteger(at: start + 1, as: UInt8.self)
            else { return nil }
            var (header, length) = (2, Int(second & 0x7F))
            if length == 126 {
                guard let value = unread.getInteger(at: start + 2, as: UInt16.self) else { return nil }
                (header, length) = (4, Int(value))
            } else if length == 127 {
                guard let value = unread.getInteger(at: start + 2, as: UInt64.self) else { return nil }
                (header, length) = (10, Int(clamping: value))
            }
            guard unread.readableBytes - header >= length else { return nil }
            unread.moveReaderIndex(forwardBy: header)
            guard let payload = unread.readSlice(length: length) else { return nil }
            return (first & 0x0F, payload)
        }
    }
}
