import HSSModel
import HTTPTypes
package import Hummingbird
import NIOCore
import ServerKit
import Vr

extension RecordStorage {
    /// `POST /live/cseg/<channel>` (§9.3.4.2, Appendix I.3) and `PUT /live/seg/…`, each with its `OPTIONS` for pages of
    /// other origins. `remoteAddress` gives the network address of the client, for rates.
    package func addRoutes<Context: RequestContext>(
        to router: Router<Context>,
        remoteAddress: @escaping @Sendable (Context) -> String
    ) {
        let rates = AddressRates(perSecond: settings.requestsPerSecond, burst: settings.burst)
        router.post("live/cseg/:channel") { request, context in
            guard rates.admit(remoteAddress(context)) else { return self.refuse(.busy, .post) }
            do {
                let body = try await request.body.collect(upTo: FormBody.longest)
                return self.response(
                    await self.answer(to: request.uri.string, body.readableBytesView),
                    .post
                )
            } catch is NIOTooManyBytesError {
                return self.refuse(.requestTooLong, .post)
            }
        }
        router.put("live/seg/:channel/:session/:segment") { request, context in
            guard rates.admit(remoteAddress(context)) else { return self.refuse(.busy, .put) }
            return self.response(
                await self.upload(
                    to: request.uri.string,
                    range: request.headers[.contentRange],
                    length: request.headers[.contentLength].flatMap { Int64($0) },
                    request.body
                ),
                .put
            )
        }
        router.on("live/cseg/:channel", method: .options) { _, _ in self.preflight(.post) }
        router.on("live/seg/:channel/:session/:segment", method: .options) { _, _ in self.preflight(.put) }
    }

    private func refuse(_ failure: RecordFailure, _ method: HTTPRequest.Method) -> Response {
        metrics.count(failure)
        return response(.failure(failure), method)
    }

    private func response(_ answer: SegmentAnswer, _ method: HTTPRequest.Method) -> Response {
        var headers = HTTPFields()
        for (name, value) in SegmentAnswer.headers {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        headers[.accessControlAllowMethods] = method.rawValue
        headers[.cacheControl] = "no-store"
        if case .failure(let failure) = answer {
            if let seconds = failure.retryAfterSeconds { headers[.retryAfter] = "\(seconds)" }
            // So that a unit need not read English to go on with a broken upload.
            if let offset = failure.uploadOffset { headers[.uploadOffset] = "\(offset)" }
        }
        let status = HTTPResponse.Status(code: answer.status)
        let body = answer.json.map { ResponseBody(byteBuffer: ByteBuffer(string: $0)) } ?? ResponseBody()
        return Response(status: status, headers: headers, body: body)
    }

    private func preflight(_ method: HTTPRequest.Method) -> Response {
        Response(
            status: .noContent,
            headers: [
                .accessControlAllowOrigin: "*",
                .accessControlAllowMethods: method.rawValue,
                .accessControlAllowHeaders: "Content-Type, Content-Range",
                .accessControlMaxAge: "86400",
            ]
        )
    }
}

extension SegmentAnswer {
    /// Nil: "Normal response: None". The address of an upload is repeated as `uri`: units in the field read that name.
    fileprivate var json: String? {
        switch self {
        case .place(let place):
            let name = JSONText.quote(place?.name ?? "")
            let url = JSONText.quote(place?.url.reveal() ?? "")
            return "{\"name\":\(name),\"url\":\(url),\"uri\":\(url)}"
        case .none: return nil
        case .time(let time):
            return "{\"currenttime\":\(DecimalSeconds.text(milliseconds: time.milliseconds))}"
        case .failure(let failure): return "{\"info\":\(JSONText.quote(failure.info))}"
        }
    }
}

extension RecordFailure {
    /// When it is worth while to come again.
    fileprivate var retryAfterSeconds: Int? {
        switch self {
        case .busy, .beingRemoved: 2
        case .storageFailed, .tooManyOpen: 10
        case .noSpace, .overQuota: 60
        default: nil
        }
    }

    /// Where a broken upload goes on.
    fileprivate var uploadOffset: Int64? {
        switch self {
        case .wrongOffset(let expected): expected
        case .incomplete(let received, _): received
        default: nil
        }
    }
}

extension HTTPField.Name {
    fileprivate static let uploadOffset = HTTPField.Name("Upload-Offset") ?? .contentRange
}
