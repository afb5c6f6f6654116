import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTPTypes

/// The body of a request that waits for `100 (Continue)` (RFC 9110 §10.1.1): the word is sent when somebody begins to read.
///
/// A request that is refused by its header is so answered before its body, and a client that waits never sends it.
/// Hummingbird and NIO say nothing by themselves, and such a client would wait for its own time-out, a second or more.
struct ExpectedBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var body: RequestBody.AsyncIterator
        /// Nil once it was told.
        fileprivate var waiting: (any Channel)?

        @concurrent mutating func next() async throws -> ByteBuffer? {
            if let waiting {
                self.waiting = nil
                try await waiting.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue))).get()
            }
            return try await body.next()
        }
    }

    private let body: RequestBody
    private let channel: any Channel

    /// The body of `request` as a handler is to read it. Of a request that has no use for one it is left alone: a handler
    /// that follows its connection needs Hummingbird's own (`consumeWithInboundCloseHandler` traps on another).
    static func of(_ request: Request, on channel: any Channel) -> RequestBody {
        guard isExpected(by: request), ![.get, .head, .options].contains(request.method) else {
            return request.body
        }
        return RequestBody(asyncSequence: ExpectedBody(body: request.body, channel: channel))
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(body: body.makeAsyncIterator(), waiting: channel)
    }

    private static func isExpected(by request: Request) -> Bool {
        request.headers[values: .expect].contains { $0.lowercased() == "100-continue" }
    }
}
