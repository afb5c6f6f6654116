import HSSModel
import HTTPTypes
package import Hummingbird
import NIOCore
import ServerKit

extension UploadDesk {
    /// `PUT /upload/<token>`: what a unit was given as `url` (Tables I.2-22, I.2-29) or `pic_upload_url`
    /// (Table I.2-16). `remoteAddress` gives the network address of the client, for rates.
    package func addRoutes<Context: RequestContext>(
        to router: Router<Context>,
        remoteAddress: @escaping @Sendable (Context) -> String
    ) {
        let rates = AddressRates(perSecond: settings.requestsPerSecond, burst: settings.burst)
        router.put("upload/:token") { request, context in
            guard rates.admit(remoteAddress(context)) else {
                throw Problem(
                    .tooManyRequests,
                    type: "rate",
                    detail: "This address sends too many requests.",
                    headers: [.retryAfter: "1"]
                )
            }
            do throws(UploadRefusal) {
                try await self.receive(
                    token: context.parameters.get("token") ?? "",
                    announced: try Self.announced(request),
                    body: request.body
                )
            } catch {
                throw error.problem
            }
            return Response(status: .created, headers: [.cacheControl: "no-store"])
        }
    }

    /// Nil for a chunked body. The parser below has refused what is no number.
    private static func announced(_ request: Request) throws(UploadRefusal) -> Int64? {
        guard let text = request.headers[.contentLength] else { return nil }
        guard let length = Int64(text), length >= 0 else { throw .incomplete }
        return length
    }
}
