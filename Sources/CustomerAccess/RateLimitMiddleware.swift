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

    private struct Rates {
        var perSecond: Double
        var limiter: RateLimiter<NetworkPrefix>
    }

    private let rates: Mutex<Rates>

    init(_ settings: CustomerAPI.Settings) {
        rates = Mutex(
            Rates(
                perSecond: settings.requestsPerSecond,
                limiter: RateLimiter(
                    perSecond: settings.requestsPerSecond,
                    burst: settings.burst,
                    capacity: Self.addressesRemembered
                )
            )
        )
    }

    func set(perSecond: Double, burst: Int) {
        rates.withLock { rates in
            rates.perSecond = perSecond
            rates.limiter.set(perSecond: perSecond, burst: burst)
        }
    }

    func handle(
        _ request: Request,
        context: PlatformContext,
        next: @concurrent (Request, PlatformContext) async throws -> Response
    ) async throws -> Response {
        let address = NetworkPrefix(context.remoteAddress)
        let (isAdmitted, perSecond) = rates.withLock {
            ($0.limiter.admit(address, at: .now), $0.perSecond)
        }
        guard isAdmitted else {
            throw Problem(
                .tooManyRequests,
                type: "rate",
                detail: "This address sends too many requests.",
                headers: .retryAfter(.seconds(1 / perSecond))
            )
        }
        return try await next(request, context)
    }
}
