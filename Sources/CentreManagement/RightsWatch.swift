package import Bus
package import HSSModel
import HostClock
import ServiceLifecycle

/// Ends what somebody watches when the right to it ends: taken back, run out, outside of its hours.
///
/// A change is told (``look(at:)``) and has acted when the telling returns. What ends by itself is found by a look every
/// ``interval``: each watcher is judged anew when the answer may be another one, and at the latest after a minute.
package actor RightsWatch: Service {
    /// At a moment: whether somebody may watch, and when the answer may be another one (nil: never by itself).
    package typealias Judge = @Sendable (LiveWatch, WallTime) async throws -> (may: Bool, until: WallTime?)

    private static let interval: Duration = .seconds(2)
    private static let longest: Duration = .seconds(60)

    private let audience: any LiveAudience
    private let judge: Judge
    /// Until when who watches may go on unasked.
    private var allowed: [LiveWatch: WallTime] = [:]

    package init(audience: any LiveAudience, judge: @escaping Judge) {
        self.audience = audience
        self.judge = judge
    }

    package func run() async throws {
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            await look(at: [])
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.interval) }
        }
    }

    /// Rights on these devices may be others; nil: on all.
    package func look(at changed: Set<UnitID>?, at now: WallTime = .now) async {
        let watches = await audience.watches()
        for watch in watches {
            let isOld = allowed[watch].map { $0 <= now } ?? true
            guard isOld || changed?.contains(watch.channel.unit) ?? true else { continue }
            // Where the registry does not answer, what runs goes on.
            guard let verdict = try? await judge(watch, now) else { continue }
            guard verdict.may else {
                allowed[watch] = nil
                _ = await audience.dismiss(watch.user, from: watch.channel)
                continue
            }
            let latest = now + Self.longest
            allowed[watch] = min(verdict.until ?? latest, latest)
        }
        let present = Set(watches)
        allowed = allowed.filter { present.contains($0.key) }
    }
}
