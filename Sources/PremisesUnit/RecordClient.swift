import AsyncHTTPClient
import Foundation
import HSSModel
import HostClock
import NIOCore
import NIOHTTP1
import NIOSSL
import Vr

/// Carries the exchanges of all recordings of a process to the storage (§9.3.4.2). Decides nothing.
final class RecordClient: Sendable {
    private static let longestAnswer = 16 << 10

    private let client: HTTPClient

    init(trust: TLSConfiguration, group: any EventLoopGroup) {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: trust,
            // An address has its key in it and is meant for one place.
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: .seconds(5), read: .seconds(30))
        )
        configuration.httpVersion = .http1Only
        // The machine retries, and counts.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    func shutdown() async {
        try? await client.shutdown()
    }

    /// Tells once, from any thread.
    func carryOut(_ order: VrOrder, tell: @escaping @Sendable (VrReply) -> Void) {
        Task { [self] in
            do { tell(try await reply(to: order)) } catch { tell(.lost(VdConnection.failure(error))) }
        }
    }

    private func reply(to order: VrOrder) async throws -> VrReply {
        let limit = TimeAmount.nanoseconds(max(1, order.limit.wholeNanoseconds))
        let response = try await client.execute(request(for: order.work), timeout: limit)
        let time = WallTime.now
        switch response.status.code {
        case 200..<300: break
        case 400..<600: return .refused(await refusal(response))
        default: return .lost("status \(response.status.code): redirections are not followed")
        }
        let body = try await response.body.collect(upTo: Self.longestAnswer)
        guard case .ask(let request, _) = order.work else { return .done }
        do {
            switch request {
            case .create: return .place(try decode(CreateAnswer.self, body).place)
            case .currentTime: return .time(try decode(TimeAnswer.self, body).time, host: time)
            case .save, .fail, .statistics: return .done
            }
        } catch {
            return .lost("the answer cannot be read")
        }
    }

    private func request(for work: VrOrder.Work) -> HTTPClientRequest {
        switch work {
        case .ask(let message, let url):
            var request = HTTPClientRequest(url: url.reveal())
            request.method = .POST
            request.headers.add(name: "Content-Type", value: SegmentRequest.contentType)
            request.body = .bytes(ByteBuffer(string: message.body))
            return request
        case .put(let upload):
            var request = HTTPClientRequest(url: upload.url.reveal())
            request.method = .PUT
            request.headers.add(name: "Content-Type", value: SegmentRequest.mediaType)
            if upload.range.offset > 0 {
                request.headers.add(name: "Content-Range", value: upload.range.header)
            }
            request.body = .stream(UploadBody(upload), length: .known(upload.range.count))
            return request
        }
    }

    private func decode<Answer: Decodable>(_ type: Answer.Type, _ body: ByteBuffer) throws -> Answer {
        try JSONDecoder().decode(type, from: Data(body.readableBytesView))
    }

    private func refusal(_ response: HTTPClientResponse) async -> VrRefusal {
        let body = try? await response.body.collect(upTo: Self.longestAnswer)
        let told = body.flatMap { try? decode(RecordFailureBody.self, $0) }?.info ?? ""
        let seconds = response.headers.first(name: "Retry-After").flatMap { UInt16($0) }
        return VrRefusal(
            status: Int(response.status.code),
            // For a terminal or a log, and in a maker's hands: one line.
            info: String(told.filter { !$0.isNewline && $0 != "\u{1B}" }.prefix(200)),
            retryAfter: seconds.map { .seconds(Int64($0)) },
            // RFC 9110 has no field for it; this is the one of resumable uploads (draft-ietf-httpbis-resumable-upload).
            offset: response.headers.first(name: "Upload-Offset").flatMap { Int64($0) }.flatMap {
                $0 >= 0 ? $0 : nil
            }
        )
    }
}

/// The bytes of an upload in pieces: the segment is never copied whole.
private struct UploadBody: AsyncSequence, Sendable {
    private static let piece = 64 << 10

    struct Broken: Error {}

    private let upload: SegmentUpload

    init(_ upload: SegmentUpload) {
        self.upload = upload
    }

    func makeAsyncIterator() -> Iterator { Iterator(upload: upload, position: Int(upload.range.offset)) }

    struct Iterator: AsyncIteratorProtocol {
        let upload: SegmentUpload
        var position: Int

        mutating func next() async throws -> ByteBuffer? {
            let end = Swift.min(position + UploadBody.piece, upload.content.count)
            if let most = upload.breaksAfter, end - Int(upload.range.offset) > most { throw Broken() }
            guard position < end else { return nil }
            defer { position = end }
            return ByteBuffer(bytes: upload.content[position..<end])
        }
    }
}
