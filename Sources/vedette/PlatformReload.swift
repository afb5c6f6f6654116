import CentreManagement
import CustomerAccess
import HSSModel
import HostClock
import ServerKit
import ServiceControl
import Synchronization

/// What a reload of the configuration changes in a running platform: the keys of ``ConfigurationReload/hotKeys``.
struct PlatformReload: Sendable {
    let reloader: Reloader
    let level: LogLevel
    let identity: ServerIdentity
    let api: CustomerAPI
    let signalling: SignallingService
    let upkeep: ActivityUpkeep
    let usage: UsageDesk
    let audit: AuditTrail

    func run() async {
        let (isDone, text) = await reloader.reload(
            .init(certificates: { try identity.reload() }, apply: { await apply($0) })
        )
        audit.tally(
            AuditNote(
                at: .now,
                user: nil,
                address: "local",
                action: "configuration.reloaded",
                result: isDone ? .done : .refused,
                detail: text
            )
        )
    }

    private func apply(_ configuration: Configuration) async {
        level.current = configuration.log.level
        api.setRates(
            perSecond: Double(configuration.limits.apiRate),
            burst: configuration.limits.apiBurst
        )
        await signalling.setLinger(configuration.liveLinger)
        upkeep.set(.init(configuration))
        await usage.set(
            .init(interval: configuration.usage.interval, retention: configuration.usage.retention)
        )
        audit.set(.init(configuration))
    }
}

/// One line about what goes on, for the service manager.
final class PlatformStatus: Sendable {
    private struct Source {
        var read: @Sendable () -> String = { "starting" }
    }

    private let source = Mutex(Source())

    var line: String { source.withLock { $0.read }() }

    func show(_ read: @escaping @Sendable () -> String) { source.withLock { $0.read = read } }
}
