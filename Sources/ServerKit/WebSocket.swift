package import NIOCore

/// An open WebSocket in the hands of the task that sends on it. The peer sends nothing but control frames.
package final class WebSocket: Sendable {
    /// How it ended, as soon as nothing more can be sent.
    package let ended: EventLoopFuture<WebSocketEnd>
    private let channel: any Channel
    private let handler: NIOLoopBound<WebSocketHandler>

    init(
        _ channel: any Channel,
        _ handler: NIOLoopBound<WebSocketHandler>,
        ended: EventLoopFuture<WebSocketEnd>
    ) {
        self.channel = channel
        self.handler = handler
        self.ended = ended
    }

    /// Sends whole frames of a server, as ``NIOCore/ByteBuffer/init(frame:_:)`` makes them: one frame may go to many. Returns
    /// when the kernel has taken them, which a peer that does not read can put off for ever; ``close(_:)`` frees it.
    package func write(_ frames: [ByteBuffer]) async throws {
        guard !frames.isEmpty else { return }
        let promise = channel.eventLoop.makePromise(of: Void.self)
        channel.eventLoop.execute { self.handler.value.write(frames, promise) }
        try await promise.futureResult.get()
    }

    /// Says why, waits a second for the answer, and closes. The first call counts.
    package func close(_ close: WebSocketClose) {
        channel.eventLoop.execute { self.handler.value.close(close) }
    }

    /// Returns when the connection is gone.
    func waitUntilClosed() async {
        try? await channel.closeFuture.get()
    }
}
