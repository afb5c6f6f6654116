import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import ServerKit
import Synchronization

/// Answers 429 to an address that asks more often than it may, before anything is looked up for it.
final class RateLimitMiddleware: RouterMiddleware {
    /// Addresses remembered; beyond it newcomers share one allowance.
    private static let addressesRemembered = 100_000

    private let retryAfter: Duration
    private let rates: Mutex<RateLimiter<NetworkPrefix>>

    init(_ settings: CustomerAPI.Settings) {
        retryAfter = .seconds(1 / settings.requestsPerSecond)
        rates = Mutex(
            RateLimiter(
                perSecond: settings.requestsPerSecond,
                burst: settings.burst,
                capacity: Self.addressesRemembered
            )
        )
    }

    func handle(
        _ request: Request,
        context: PlatformContext,
        next: @concurrent (Request, PlatformContext) async throws -> Response
    ) async throws -> Response {
        let address = NetworkPrefix(context.remoteAddress)
        guard rates.withLock({ $0.admit(address, at: .now) }) else {
            throw Problem(
                .tooManyRequests,
                type: "rate",
                detail: "This address sends too many requests.",
                headers: .retryAfter(retryAfter)
            )
        }
        return try await next(request, context)
    }
}
