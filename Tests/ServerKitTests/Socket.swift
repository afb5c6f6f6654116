import NIOCore
import NIOPosix

/// A client that can be as rude as it likes.
struct Socket {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
    private let received: AsyncStream<ByteBuffer>
    private let reader: Task<Void, Never>

    init(_ port: Int) async throws {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        self.channel = channel
        let (received, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        self.received = received
        reader = Task {
            try? await channel.executeThenClose { inbound, _ in
                for try await buffer in inbound { continuation.yield(buffer) }
            }
            continuation.finish()
        }
    }

    func send(_ text: String) async throws {
        try await channel.channel.writeAndFlush(ByteBuffer(string: text))
    }

    /// Bytes that the peer takes, or why it does not.
    func send(_ bytes: ByteBuffer) async throws { try await channel.channel.writeAndFlush(bytes) }

    /// The next bytes, empty at the end.
    func receive() async throws -> String {
        for await buffer in received { return String(buffer: buffer) }
        return ""
    }

    /// Everything until the peer closes.
    func receiveAll() async throws -> String {
        var text = ""
        for await buffer in received { text += String(buffer: buffer) }
        return text
    }

    func close() async throws {
        try? await channel.channel.close()
        await reader.value
    }
}
