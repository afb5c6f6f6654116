import HostClock
import Synchronization

/// How often each network address may come: an IPv4 address, or an IPv6 /64.
package final class AddressRates: Sendable {
    private static let addressesRemembered = 100_000

    private let rates: Mutex<RateLimiter<NetworkPrefix>>

    /// Requests a second in the long run, and at once.
    package init(perSecond: Double, burst: Int) {
        rates = Mutex(
            RateLimiter(perSecond: perSecond, burst: burst, capacity: Self.addressesRemembered)
        )
    }

    package func admit(_ address: String) -> Bool {
        rates.withLock { $0.admit(NetworkPrefix(address), at: .now) }
    }
}
