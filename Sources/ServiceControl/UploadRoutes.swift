import HSSModel
import HTTPTypes
import HostClock
package import Hummingbird
import NIOCore
import ServerKit
import Synchronization

extension UploadDesk {
    private static let addressesRemembered = 100_000

    /// `PUT /upload/<token>`: what a unit was given as `url` (Tables I.2-22, I.2-29) or `pic_upload_url`
    /// (Table I.2-16). `remoteAddress` gives the network address of the client, for rates.
    package func addRoutes<Context: RequestContext>(
        to router: Router<Context>,
        remoteAddress: @escaping @Sendable (Context) -> String
    ) {
        let rates = UploadRates(
            perSecond: settings.requestsPerSecond,
            burst: settings.burst,
            capacity: Self.addressesRemembered
        )
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

/// How often one network address may come.
private final class UploadRates: Sendable {
    private let rates: Mutex<RateLimiter<NetworkPrefix>>

    init(perSecond: Double, burst: Int, capacity: Int) {
        rates = Mutex(RateLimiter(perSecond: perSecond, burst: burst, capacity: capacity))
    }

    func admit(_ address: String) -> Bool {
        rates.withLock { $0.admit(NetworkPrefix(address), at: .now) }
    }
}
