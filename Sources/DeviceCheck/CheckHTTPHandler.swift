import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import NIOWebSocket
import Vd
import Vs

/// Vs, and files both ways: `PUT` and `GET` below `/check/`.
final class CheckHTTPHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private static let folder = "/check/"
    private static let longestUpload = 64 << 20
    /// No image of anybody: a device that looks at what it installs refuses it, and says so.
    private static let firmware = [UInt8](repeating: 0x55, count: 4096)
    /// A WAV file: 1 s of silence, 8 kHz, 8 bits, mono.
    private static let sound: [UInt8] = {
        func little(_ value: UInt32) -> [UInt8] {
            (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        let rate: UInt32 = 8000
        return Array("RIFF".utf8) + little(36 + rate) + Array("WAVEfmt ".utf8) + little(16) + [1, 0, 1, 0]
            + little(rate) + little(rate) + [1, 0, 8, 0] + Array("data".utf8) + little(rate)
            + [UInt8](repeating: 0x80, count: Int(rate))
    }()

    private let site: CheckSite
    private var head: HTTPRequestHead?
    private var hasHeard = false
    private var size = 0
    private var first: [UInt8] = []

    init(_ site: CheckSite) {
        self.site = site
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            hasHeard = true
            size = 0
            first = []
        case .body(let part):
            size += part.readableBytes
            guard size <= Self.longestUpload else { return context.close(promise: nil) }
            if first.count < 16 { first += part.readableBytesView.prefix(16 - first.count) }
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A login that was refused: the request follows, and its answer says why.
        if error is NIOWebSocketUpgradeError { return }
        if hasHeard {
            // Whatever ends a connection that has worked is no news.
        } else if error is NIOSSLError || error is BoringSSLError {
            let reason = Self.reason(of: error).map { " (\($0))" } ?? ""
            site.receive(.trouble("TLS failed\(reason): does the device trust ca.pem, and use TLS at all?"))
        } else if error is HTTPParserError {
            site.receive(.trouble("no HTTP came: does the device use TLS, and this side not?"))
        }
        context.close(promise: nil)
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts.first.map(String.init) ?? ""
        switch (head.method, path) {
        case (.GET, SchedulingRequest.path), (.GET, SchedulingRequest.deployedPath):
            schedule(parts.count > 1 ? String(parts[1]) : "", head, context)
        case (.PUT, _) where path.hasPrefix(Self.folder):
            let name = String(path.dropFirst(Self.folder.count))
            guard name != Names.refused else { return send(.forbidden, [], context) }
            let type = head.headers.first(name: "Content-Type")
            send(.ok, [], context)
            site.receive(.uploaded(CheckUpload(name: name, type: type, sizeInBytes: size, head: first)))
        case (.GET, Self.folder + Names.sound):
            send(.ok, Self.sound, context)
            site.receive(.fetched(Names.sound))
        case (.GET, Self.folder + Names.firmware):
            send(.ok, Self.firmware, context)
            site.receive(.fetched(Names.firmware))
        case (.GET, _) where head.headers.contains(name: "Upgrade"):
            guard case .failure(let refusal) = site.login(head.uri) else {
                return send(.badRequest, [], context)
            }
            send(.unauthorized, Self.json(SchedulingFailureBody(info: refusal.reason)), context)
            site.receive(.loginRefused(refusal.reason))
        default:
            send(.notFound, [], context)
            site.receive(.trouble("\(head.method) \(path.prefix(80)) is nothing that a platform serves"))
        }
    }

    private func schedule(_ query: String, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let fields: [Substring] = query.split(separator: "&")
        let macids = fields.compactMap { field -> String? in
            let pair: [Substring] = field.split(
                separator: "=",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            guard pair.count == 2, pair[0] == SchedulingRequest.queryName else { return nil }
            return String(pair[1]).removingPercentEncoding ?? String(pair[1])
        }
        let headers = head.headers[SchedulingRequest.headerName]
        defer { site.receive(.scheduling(macids: macids, headers: headers)) }
        switch site.schedule(macids: macids, headers: headers) {
        case .success(let answer): send(.ok, Self.json(answer), context)
        case .failure(let failure):
            let body = Self.json(SchedulingFailureBody(info: failure.info))
            send(HTTPResponseStatus(statusCode: failure.status), body, context)
        }
    }

    /// The name that BoringSSL gives to what went wrong, such as `TLSV1_ALERT_UNKNOWN_CA`.
    private static func reason(of error: any Error) -> Substring? {
        let text = "\(error)"
        guard let mark = text.firstRange(of: "OPENSSL_internal:") else { return nil }
        return text[mark.upperBound...].prefix { $0.isUppercase || $0.isNumber || $0 == "_" }.prefix(60)
    }

    private static func json(_ value: some Encodable) -> [UInt8] {
        (try? JSONEncoder().encode(value)).map(Array.init) ?? []
    }

    private func send(_ status: HTTPResponseStatus, _ body: [UInt8], _ context: ChannelHandlerContext) {
        var response = HTTPResponseHead(version: .http1_1, status: status)
        response.headers.add(name: "Content-Length", value: "\(body.count)")
        if body.first == UInt8(ascii: "{") {
            response.headers.add(name: "Content-Type", value: "application/json")
        }
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
}
