import Foundation
import HSSModel
import HostClock
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization
import Vr

/// Vr on a port of its own: the platform's rules behind a small HTTP server that fails when a test says so.
final class FakeStorage: Sendable {
    /// Consumed by the next exchange of its kind.
    enum Fault: Sendable, Equatable {
        /// The connection breaks after so many bytes of an upload.
        case breakUpload(after: Int)
        /// What was asked is done, and its answer does not arrive.
        case loseAnswer(to: String)
        case refuse(String, status: Int)
    }

    /// What came, in its order: `create`, `create+save`, `put 0-99/100` and so on.
    struct Exchange: Sendable, Equatable {
        var what: String
        var isDone: Bool
    }

    private struct State {
        var storages: [String: InstantStorage] = [:]
        var faults: [Fault] = []
        var clockAhead: Duration = .zero
    }

    let port: Int
    let isSecure: Bool
    let exchanges: AsyncStream<Exchange>
    private let tell: AsyncStream<Exchange>.Continuation
    private let state: Mutex<State>
    private let listener: any Channel
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init(certificate: TestCertificate? = nil, faults: [Fault] = []) async throws {
        (exchanges, tell) = AsyncStream<Exchange>.makeStream()
        isSecure = certificate != nil
        state = Mutex(State(faults: faults))
        let trust = try certificate.map { try Self.context($0) }
        let handler = Mutex<FakeStorage?>(nil)
        let box = Box(handler)
        listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let trust { try pipeline.addHandler(NIOSSLServerHandler(context: trust)) }
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(Handler(box))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
        box.storage.withLock { $0 = self }
    }

    /// The server's way to what it belongs to.
    private final class Box: Sendable {
        let storage: Mutex<FakeStorage?>
        init(_ storage: consuming Mutex<FakeStorage?>) { self.storage = storage }
    }

    private static func context(_ certificate: TestCertificate) throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMFile(certificate.certificatePath)
        return try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: certificate.keyPath, format: .pem))
            )
        )
    }

    func shutdown() async {
        try? await listener.close()
        try? await group.shutdownGracefully()
        tell.finish()
    }

    private var origin: String { "\(isSecure ? "https" : "http")://localhost:\(port)" }

    /// The Vr address of a record session.
    func url(_ session: String) -> Secret { Secret("\(origin)/live/cseg/cam1-0?k=\(session)") }

    func saved(_ session: String) -> [(row: SegmentRow, bytes: [UInt8])] {
        state.withLock { $0.storages[session]?.saved ?? [] }
    }

    func told(_ session: String) -> DroppedSegments {
        state.withLock { $0.storages[session]?.told ?? DroppedSegments() }
    }

    func set(clockAhead: Duration) { state.withLock { $0.clockAhead = clockAhead } }

    // MARK: Exchanges

    fileprivate func take(_ fault: (Fault) -> Bool) -> Fault? {
        state.withLock { state in
            guard let index = state.faults.firstIndex(where: fault) else { return nil }
            return state.faults.remove(at: index)
        }
    }

    fileprivate func ask(_ session: String, _ body: [UInt8]) -> (what: String, SegmentAnswer) {
        let request: SegmentRequest
        do { request = try SegmentRequest(parsing: body) } catch { return ("malformed", .failure(error)) }
        let what =
            switch request {
            case .create(_, _, confirming: nil): "create"
            case .create: "create+save"
            case .save: "save"
            case .fail: "fail"
            case .currentTime: "time"
            case .statistics: "stat"
            }
        return (what, answer(session) { $0.ask(request, at: $1) })
    }

    fileprivate func put(
        _ session: String,
        _ name: String,
        _ range: UploadRange,
        _ body: [UInt8]
    ) -> SegmentAnswer {
        guard let name = SegmentName(name) else { return .failure(.unknownSegment) }
        return answer(session) { $0.put(name, range, body: body, at: $1) }
    }

    private func answer(
        _ session: String,
        _ act: (inout InstantStorage, RecordMoment) -> RecordOutcome
    ) -> SegmentAnswer {
        let outcome = state.withLock { state in
            let moment = RecordMoment(instant: .now, clock: .now + state.clockAhead)
            var storage = state.storages[session] ?? InstantStorage(at: moment)
            defer { state.storages[session] = storage }
            return act(&storage, moment)
        }
        return SegmentAnswer(outcome) { name, size, _ in
            Secret("\(origin)/live/seg/\(session)/\(name)?size=\(size)")
        }
    }

    fileprivate func report(_ what: String, isDone: Bool) { tell.yield(Exchange(what: what, isDone: isDone)) }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let box: Box
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []
        private var breaksAfter: Int?

        init(_ box: Box) {
            self.box = box
        }

        private var storage: FakeStorage? { box.storage.withLock { $0 } }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body = []
                breaksAfter = nil
                guard head.method == .PUT else { return }
                let fault = storage?.take { if case .breakUpload = $0 { true } else { false } }
                if case .breakUpload(let after)? = fault { breaksAfter = after }
            case .body(let part):
                body += part.readableBytesView
                guard let most = breaksAfter, body.count >= most else { return }
                body = Array(body.prefix(most))
                context.close(promise: nil)
            case .end:
                guard let head else { return }
                self.head = nil
                answer(head, context)
            }
        }

        /// What came of an upload that broke is kept.
        func channelInactive(context: ChannelHandlerContext) {
            if let head, head.method == .PUT { _ = put(head) }
            context.fireChannelInactive()
        }

        private func put(_ head: HTTPRequestHead) -> SegmentAnswer {
            let parts = head.uri.split(whereSeparator: { "/?=".contains($0) }).map(String.init)
            guard parts.count == 6, let size = Int64(parts[5]), let storage else {
                return .failure(.wrongKey)
            }
            let range: UploadRange
            do {
                range = try UploadRange(
                    header: head.headers.first(name: "Content-Range"),
                    length: head.headers.first(name: "Content-Length").flatMap { Int64($0) },
                    announced: size
                )
            } catch { return .failure(error) }
            let answer = storage.put(parts[2], parts[3], range, body)
            storage.report("put \(range.offset)+\(body.count)/\(range.size)", isDone: answer.status == 200)
            return answer
        }

        private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
            guard let storage else { return }
            if head.method == .PUT { return send(put(head), context) }
            let session = String(head.uri.split(separator: "=").last ?? "")
            let word = SegmentRequest.operation(of: body)
            if case .refuse(_, let status)? = storage.take({
                if case .refuse(word, _) = $0 { true } else { false }
            }) {
                storage.report(word, isDone: false)
                return send(status: status, Array(#"{"info":"on purpose"}"#.utf8), context)
            }
            let (what, answer) = storage.ask(session, body)
            storage.report(what, isDone: answer.status == 200)
            guard storage.take({ $0 == .loseAnswer(to: word) }) == nil else {
                return context.close(promise: nil)
            }
            send(answer, context)
        }

        private func send(_ answer: SegmentAnswer, _ context: ChannelHandlerContext) {
            let body = answer.body.flatMap { try? JSONEncoder().encode(Body(value: $0)) } ?? Data()
            var offset: Int64?
            if case .failure(let failure) = answer { offset = failure.offset }
            send(status: answer.status, Array(body), offset: offset, context)
        }

        private struct Body: Encodable {
            var value: any Encodable
            func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }
        }

        private func send(
            status: Int,
            _ body: [UInt8],
            offset: Int64? = nil,
            _ context: ChannelHandlerContext
        ) {
            var response = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: status))
            for (name, value) in SegmentAnswer.headers { response.headers.add(name: name, value: value) }
            if let offset { response.headers.add(name: "Upload-Offset", value: "\(offset)") }
            response.headers.add(name: "Content-Length", value: "\(body.count)")
            context.write(wrapOutboundOut(.head(response)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}

extension SegmentRequest {
    fileprivate static func operation(of body: [UInt8]) -> String {
        (try? FormBody(parsing: body))?["op"] ?? ""
    }
}
