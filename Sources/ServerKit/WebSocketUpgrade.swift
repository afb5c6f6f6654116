import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import NIOSSL
import NIOWebSocket

/// Makes a WebSocket of an HTTP/1.1 connection, at whichever of its requests: proxies keep connections and use them again.
///
/// What Hummingbird put into the pipeline is taken out, but for the last handler, which belongs to the connection's task
/// and tells it of the end.
struct WebSocketUpgrade {
    private enum Failure: Error { case notHTTP1 }

    let route: WebSocketRoute
    let pingInterval: Duration

    /// Returns when the WebSocket is over. Throws what is to be answered instead.
    func run(_ opening: WebSocketRoute.Opening, _ channel: any Channel) async throws {
        let key = try Self.key(of: opening.request.headers)
        let service = try await route.admit(opening)
        let socket = try await channel.eventLoop.flatSubmit { open(channel, key) }.get()
        await service(socket)
        socket.close(WebSocketClose(.normalClosure, ""))
        await socket.waitUntilClosed()
    }

    // MARK: The request

    /// RFC 6455, 4.2.1.
    static func key(of fields: HTTPFields) throws(Problem) -> String {
        guard has(fields, .upgrade, "websocket"), has(fields, .connection, "upgrade"),
            fields[.secWebSocketVersion] == "13"
        else {
            // 4.4 for the version.
            throw Problem(
                HTTPResponse.Status(code: 426, reasonPhrase: "Upgrade Required"),
                detail: "This address is for a WebSocket of version 13, over HTTP/1.1.",
                headers: [.upgrade: "websocket", .secWebSocketVersion: "13"]
            )
        }
        guard fields[.transferEncoding] == nil, fields[.contentLength].map({ $0 == "0" }) ?? true else {
            throw Problem(.badRequest, detail: "The request for a WebSocket has no body.")
        }
        // 16 octets in Base64.
        guard let key = fields[.secWebSocketKey], key.utf8.count == 24, key.hasSuffix("=="),
            key.utf8.dropLast(2).allSatisfy(isBase64)
        else { throw Problem(.badRequest, detail: "Sec-WebSocket-Key is missing or no key.") }
        return key
    }

    private static func has(_ fields: HTTPFields, _ name: HTTPField.Name, _ token: String) -> Bool {
        fields[values: name].contains { value in
            value.split(separator: ",").contains { item in
                item.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }.lowercased() == token
            }
        }
    }

    private static func isBase64(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
            true
        default: false
        }
    }

    // MARK: The pipeline

    private func open(_ channel: any Channel, _ key: String) -> EventLoopFuture<WebSocket> {
        let pipeline = channel.pipeline.syncOperations
        guard let decoder = try? pipeline.context(handlerType: ByteToMessageHandler<HTTPRequestDecoder>.self)
        else {
            return channel.eventLoop.makeFailedFuture(Failure.notHTTP1)
        }
        // The tracker tells the deadlines that its request is over, so they go after it.
        let others = [
            try? pipeline.context(handlerType: HTTPConnectionStateHandler.self),
            try? pipeline.context(handlerType: RequestTracker.self),
            try? pipeline.context(handlerType: HTTP1ToHTTPServerCodec.self),
            try? pipeline.context(handlerType: HTTPResponseEncoder.self),
            try? pipeline.context(handlerType: ConnectionDeadlineHandler.self),
        ]
        let removed = (others.compactMap(\.self) + [decoder]).map { pipeline.removeHandler(context: $0) }
        return EventLoopFuture.andAllSucceed(removed, on: channel.eventLoop).flatMapThrowing {
            try put(into: channel, key)
        }
    }

    private func put(into channel: any Channel, _ key: String) throws -> WebSocket {
        let pipeline = channel.pipeline.syncOperations
        let ended = channel.eventLoop.makePromise(of: WebSocketEnd.self)
        let handler = WebSocketHandler(pingInterval: pingInterval, ended: ended)
        do {
            guard channel.isActive else { throw ChannelError.ioOnClosedChannel }
            if let tls = try? pipeline.handler(type: NIOSSLServerHandler.self) {
                try pipeline.addHandler(handler, position: .after(tls))
            } else {
                try pipeline.addHandler(handler, position: .first)
            }
        } catch {
            ended.fail(error)
            throw error
        }
        handler.open(key)
        return WebSocket(
            channel,
            NIOLoopBound(handler, eventLoop: channel.eventLoop),
            ended: ended.futureResult
        )
    }
}
