package import Bus
import HSSModel
import HostClock
package import Logging
package import NIOCore
import NIOPosix
package import ServerKit
import ServiceLifecycle
package import Store
import Synchronization
import Vd
import Vm

/// A port for units.
package struct VdPort: Sendable {
    /// `vd` or `vd.plain`, in messages.
    package var name: String
    package var host: String
    /// 0 for any.
    package var port: Int
    /// Nil for plain ws.
    package var identity: ServerIdentity?
    /// TLS handshake and login have to be through by then.
    package var headerTimeout: Duration

    package init(name: String, host: String, port: Int, identity: ServerIdentity?, headerTimeout: Duration) {
        self.name = name
        self.host = host
        self.port = port
        self.identity = identity
        self.headerTimeout = headerTimeout
    }
}

/// The service control unit (SCU): Vd for units, reference point Cs for customers.
package final class SignallingService: Service {
    /// How long a shutdown waits for units to take leave.
    private static let drainTime = Duration.seconds(3)
    private static let tick = Duration.milliseconds(50)
    private static let presenceTick = Duration.milliseconds(250)

    private let ports: [VdPort]
    private let gate: ConnectionGate
    private let media: any MediaDistributor
    let services: UnitServices
    let units: UnitRegistry
    let waker: UnitWaker
    let nodeDrain: NodeDrain
    private let hibernation: HibernationListener?
    private let news: UnitNewsFeed
    private let configurationNews: UnitNewsFeed
    let director: LiveDirector
    private let presence: PresenceDesk?
    let calls: UnitCalls
    let capabilities: CapabilityDesk
    let configurations: ConfigurationDesk
    let ptz: PTZDirector
    let uploads: UploadOrders
    let recorder: RecordDirector?
    private let group: any EventLoopGroup
    private let logger: Logger
    private let onListening: @Sendable (VdPort, Int) -> Void

    /// `hibernationGate` is that of the hibernation server, where there is one. `servers` serve what units ask of
    /// other parts of the platform; `documents` keeps what units say of themselves and what is wanted of them over
    /// a restart; `uploads` makes addresses for what they send; `presence` is told what becomes of them; `moves` keeps
    /// which of them may be turning, `usage` the accounts, `channels` what is set for single channels; `recording` is what
    /// recordings are ordered with. `onListening` is told each port once units can connect.
    package init(
        settings: SignallingSettings,
        ports: [VdPort],
        gate: ConnectionGate,
        hibernationGate: ConnectionGate? = nil,
        admission: any UnitAdmission,
        media: any MediaDistributor,
        servers: [any UnitRequestServer] = [],
        documents: (any UnitDocumentStore & LogTaskStore)? = nil,
        uploads: (any UploadPoint)? = nil,
        presence journal: PresenceJournal? = nil,
        moves: (any MoveStore)? = nil,
        usage: UsageDesk? = nil,
        channels: (any ChannelSettingStore)? = nil,
        recording: RecordParts? = nil,
        metrics: MetricRegistry,
        logger: Logger,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        onListening: @escaping @Sendable (VdPort, Int) -> Void = { _, _ in }
    ) {
        self.ports = ports
        self.gate = gate
        self.media = media
        self.group = group
        self.logger = logger
        self.onListening = onListening
        let reports = recording.map { _ in RecordReports(metrics) }
        var own: [any UnitRequestServer] = [LogEnds(store: documents, logger: logger)]
        if let reports { own.append(reports) }
        services = UnitServices(
            settings: settings,
            admission: admission,
            requests: UnitRequestTable(servers + own),
            metrics: metrics,
            logger: logger
        )
        units = UnitRegistry(
            node: settings.node,
            offlineAfter: settings.offlineAfter,
            silence: settings.hibernation?.silence ?? .seconds(135),
            sleepers: settings.units
        )
        let waker = UnitWaker(
            units: units,
            wakeTime: settings.hibernation?.wakeTime ?? .seconds(15),
            metrics: metrics
        )
        self.waker = waker
        news = units.news()
        configurationNews = units.news()
        nodeDrain = NodeDrain(units: units, logger: logger)
        let registry = units
        hibernation = settings.hibernation.map {
            HibernationListener(
                settings: $0,
                gate: hibernationGate ?? gate,
                units: registry,
                waker: waker,
                admission: admission,
                metrics: metrics,
                group: group
            )
        }
        presence = journal.map {
            PresenceDesk(
                units: registry,
                journal: $0,
                returnTime: max(settings.offlineAfter, settings.hibernation?.silence ?? .zero)
                    + settings.returnTime,
                startedAt: .now,
                logger: logger
            )
        }
        director = LiveDirector(
            units: units,
            waker: waker,
            media: media,
            records: LiveRecords(journal: journal, usage: usage, channels: channels),
            timing: settings.live,
            mostWaiters: settings.liveWaiting,
            maxBitrate: settings.maxBitrate,
            mostPerUser: settings.viewersPerUser,
            metrics: metrics,
            logger: logger
        )
        let book = CapabilityBook()
        calls = UnitCalls(
            units: units,
            waker: waker,
            abilities: book,
            metrics: UnitCallMetrics(metrics),
            flaws: FlawLog(metrics: metrics, logger: logger)
        )
        capabilities = CapabilityDesk(
            book: book,
            units: units,
            calls: calls,
            store: documents,
            mostAtOnce: settings.documentQueries,
            logger: logger
        )
        self.uploads = UploadOrders(calls: calls, uploads: uploads, store: documents, logger: logger)
        ptz = PTZDirector(
            registry: units,
            calls: calls,
            marks: moves.map { MoveMarks(store: $0, logger: logger) }
        )
        configurations = ConfigurationDesk(
            units: units,
            calls: calls,
            memory: ConfigurationMemory(store: documents),
            timing: settings.configuration,
            mostAtOnce: settings.documentQueries,
            logger: logger
        )
        if let recording, let reports {
            recorder = RecordDirector(
                parts: recording.limited(to: settings.maxBitrate),
                units: units,
                waker: waker,
                calls: calls,
                reports: reports,
                metrics: RecordMetrics(metrics),
                logger: logger
            )
        } else {
            recorder = nil
        }
        let units = units
        metrics.gauge("vedette_vd_units_online", "Units that are connected or were a moment ago.") {
            Double(units.connectedUnits)
        }
        metrics.gauge("vedette_units_asleep", "Units that sleep, with heartbeats at the hibernation server.")
        {
            Double(units.sleepers.count)
        }
    }

    /// Serves until the graceful shutdown, then takes leave of every unit.
    package func run() async throws {
        let sweepers = try await LoopSweeper.start(on: group)
        defer {
            for sweeper in sweepers.values {
                sweeper.eventLoop.execute { sweeper.value.stop() }
            }
        }
        await capabilities.begin()
        await configurations.begin()
        await presence?.tick(at: .now)
        await ptz.begin(at: .now)
        await recorder?.load()
        let events = await media.events()
        var listeners: [VdListener] = []
        var channels: [any Channel] = []
        for port in ports {
            let listener = VdListener(
                port: port,
                gate: gate,
                units: units,
                services: services,
                sweepers: sweepers,
                group: group
            )
            let channel: any Channel
            do throws(ServerError) {
                channel = try await listener.bind()
            } catch {
                for channel in channels { try? await channel.close() }
                for listener in listeners { listener.closeAll() }
                throw error
            }
            listeners.append(listener)
            channels.append(channel)
            onListening(port, channel.localAddress?.port ?? port.port)
        }
        if let hibernation {
            do throws(ServerError) {
                channels.append(try await listen(hibernation))
            } catch {
                for channel in channels { try? await channel.close() }
                for listener in listeners { listener.closeAll() }
                throw error
            }
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await event in events.cancelOnGracefulShutdown() { await self.director.heard(event) }
            }
            group.addTask { await self.keepTime() }
            group.addTask { await self.keepConfigurations() }
            if let presence = self.presence { group.addTask { await self.keepPresence(presence) } }
            await group.waitForAll()
        }
        for channel in channels { try? await channel.close() }
        waker.stop()
        hibernation?.closeAll()
        for listener in listeners { listener.drain() }
        let deadline = Instant.now + Self.drainTime
        while listeners.contains(where: { $0.connections > 0 }) || (hibernation?.connections ?? 0) > 0,
            Instant.now < deadline
        {
            try? await Task.sleep(for: .milliseconds(20))
        }
        for listener in listeners { listener.closeAll() }
    }

    /// Opens the hibernation server, and tells units of it from now on.
    private func listen(_ hibernation: HibernationListener) async throws(ServerError) -> any Channel {
        let settings = hibernation.settings
        let channel = try await hibernation.bind()
        let number = channel.localAddress?.port ?? settings.port
        services.hibernationPort.store(number, ordering: .relaxed)
        let port = VdPort(
            name: "hibernation",
            host: settings.host,
            port: settings.port,
            identity: nil,
            headerTimeout: settings.headerTimeout
        )
        onListening(port, number)
        return channel
    }

    /// Wakes what is due, twenty times a second, and looks after silent units every second.
    private func keepTime() async {
        var ticks = 0
        while (try? await cancelWhenGracefulShutdown({ try await Task.sleep(for: Self.tick) })) != nil {
            ticks += 1
            await director.tick(at: .now)
            for unit in changed(news) {
                await ptz.heard(unit)
                await capabilities.heard(unit)
            }
            await ptz.tick(at: .now)
            await recorder?.tick(at: .now)
            waker.tick(at: .now)
            nodeDrain.tick(at: .now)
            guard ticks % 20 == 0 else { continue }
            for unit in units.sweep(at: .now) {
                logger.notice("unit offline", metadata: ["unit": "\(unit)"])
            }
        }
    }

    /// Apart from what must not wait for a store.
    private func keepConfigurations() async {
        while (try? await cancelWhenGracefulShutdown({ try await Task.sleep(for: Self.tick) })) != nil {
            for unit in changed(configurationNews) { await configurations.heard(unit) }
            await configurations.tick(at: .now)
        }
    }

    /// Apart, because it waits for the store.
    private func keepPresence(_ presence: PresenceDesk) async {
        while (try? await cancelWhenGracefulShutdown({ try await Task.sleep(for: Self.presenceTick) }))
            != nil
        {
            await presence.tick(at: .now)
        }
    }

    /// The units that a listener has to look at.
    private func changed(_ feed: UnitNewsFeed) -> Set<UnitID> {
        let news = feed.take()
        guard news.hasOverflowed else { return news.links }
        return news.links.union(units.sessions(after: nil, limit: .max).map(\.unit))
    }

    /// Units connected now, for scheduling.
    package var connectedUnits: Int { units.connectedUnits }
}
