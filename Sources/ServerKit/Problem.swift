package import HTTPTypes
package import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import NIOHTTP1

/// An error as the API tells it: `application/problem+json` (RFC 9457).
///
/// `type` stays `about:blank` where the status says it all; elsewhere a word that programs compare, such as
/// `urn:vedette:unit-offline`. `detail` is for people and never carries what happened inside.
package struct Problem: Error, Equatable, HTTPResponseError {
    package var status: HTTPResponse.Status
    package var type: String
    package var title: String
    package var detail: String?
    /// Extension members, already JSON-typed.
    package var members: [String: Member]
    package var headers: HTTPFields

    package enum Member: Equatable, Sendable {
        case text(String), number(Int), truth(Bool)
    }

    /// - Parameters:
    ///   - status: also the member `status`.
    ///   - type: a short word, made `urn:vedette:<type>`; nil for `about:blank`.
    ///   - title: nil for the status's phrase.
    ///   - detail: what to do about it, for people.
    ///   - members: extension members; names of the standard members are ignored.
    ///   - headers: more header fields, such as `Retry-After` or `WWW-Authenticate`.
    package init(
        _ status: HTTPResponse.Status,
        type: String? = nil,
        title: String? = nil,
        detail: String? = nil,
        members: [String: Member] = [:],
        headers: HTTPFields = [:]
    ) {
        self.status = status
        self.type = type.map { "urn:vedette:\($0)" } ?? "about:blank"
        self.title = title ?? status.reasonPhrase
        self.detail = detail
        self.members = members
        self.headers = headers
    }

    /// What a peer hears about `error`: its own problem or status, or 500 with nothing of the inside. Those
    /// go to the log.
    package static func answering(_ error: any Error, _ logger: Logger) -> Problem {
        switch error {
        case let problem as Problem: return problem
        case let error as HTTPError:
            return Problem(error.status, detail: error.body, headers: error.headers)
        case let error as any HTTPResponseError: return Problem(error.status)
        case is CancellationError: return Problem(.serviceUnavailable, detail: "The server is shutting down.")
        default:
            logger.error("Request failed", metadata: ["error": "\(error)"])
            return Problem(.internalServerError)
        }
    }

    package var json: String {
        var pairs = [
            "\"type\":\(JSONText.quote(type))", "\"title\":\(JSONText.quote(title))",
            "\"status\":\(status.code)",
        ]
        if let detail { pairs.append("\"detail\":\(JSONText.quote(detail))") }
        let reserved: Set = ["type", "title", "status", "detail", "instance"]
        for (name, member) in members.sorted(by: { $0.key < $1.key }) where !reserved.contains(name) {
            let value =
                switch member {
                case .text(let text): JSONText.quote(text)
                case .number(let number): String(number)
                case .truth(let truth): String(truth)
                }
            pairs.append("\(JSONText.quote(name)):\(value)")
        }
        return "{\(pairs.joined(separator: ","))}"
    }

    package var response: Response {
        var headers = headers
        headers[.contentType] = "application/problem+json"
        headers[.cacheControl] = "no-store"
        return Response(
            status: status,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: json))
        )
    }

    package func response(from request: Request, context: some RequestContext) -> Response { response }
}

/// Turns every error of the handlers below it, and every bare error response of the router, into a ``Problem``.
package struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    package init() {}

    package func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPParserError {
            // The connection is beyond repair: Hummingbird answers 400 and closes.
            throw error
        } catch {
            return Problem.answering(error, context.logger).response
        }
    }
}
