package import Bus
package import HSSModel
import HostClock
package import Logging
import SRTTransport
package import ServerKit
import ServiceLifecycle
import Vm

/// The media distribution unit (MDU): takes streams from units over SRT and gives them to customers over SRT and HTTP.
///
/// The port is open once the object is made; media moves while ``run()`` runs. Packets never leave the lanes' threads;
/// HTTP viewers get whole batches.
package final class MediaService: MediaDistributor, MediaAccounting, Service {
    /// The UDP port that is bound.
    package let port: Int

    let table: StreamTable
    let admission: Admission
    let metrics: MediaMetrics
    let limits: MediaLimits
    let hls: HLSSessions
    let renditions: RenditionWorkshop
    let fragments: FragmentMuxers
    let pictures: PictureDesk
    /// This run of this media server.
    let issuer: Ticket.Issuer
    private let settings: MediaSettings
    private let key: TicketKey
    private let lanes: [Lane]
    private let logger: Logger

    /// Opens the port. Throws where it is taken or a setting is out of its range.
    package init(
        _ settings: MediaSettings,
        metrics registry: MetricRegistry,
        logger: Logger
    ) throws(MediaStartError) {
        guard let key = TicketKey(settings.key) else { throw .shortKey }
        try settings.check()
        metrics = MediaMetrics(registry)
        var random = SystemRandomNumberGenerator()
        issuer = Ticket.Issuer(using: &random)
        renditions = RenditionWorkshop(
            settings.renditions,
            limits: settings.limits,
            metrics: metrics,
            registry: registry,
            logger: logger
        )
        table = StreamTable(
            limits: settings.limits,
            issuer: issuer,
            renditions: renditions,
            metrics: metrics,
            usage: UsageLedger(lingering: settings.limits.hlsSilence, metrics: registry),
            logger: logger
        )
        hls = HLSSessions(limits: settings.limits, table: table, metrics: metrics)
        fragments = FragmentMuxers(limits: settings.limits, table: table, metrics: metrics)
        pictures = Self.makePictures(settings, table, registry, logger)
        admission = Admission(settings, key: key, table: table, metrics: metrics)
        do throws(SRTError) {
            lanes = try Self.openLanes(settings, admission)
        } catch {
            throw error.isAddressInUse ? .portTaken(settings.port) : .socket("\(error)")
        }
        self.settings = settings
        self.key = key
        self.logger = logger
        limits = settings.limits
        let port = Int(lanes[0].listener.address.port)
        self.port = port
        registry.gauge(
            "vedette_srt_udp_drops",
            "Datagrams the kernel dropped because the port's buffer was full."
        ) { Double(UDPDrops.count(port: port)) }
    }

    /// Moves media until a graceful shutdown, which closes the listeners, then publishers, then viewers.
    package func run() async throws {
        for (number, lane) in lanes.enumerated() {
            try lane.start(number: number) { [self] in
                LaneLoop(
                    $0,
                    admission: admission,
                    table: table,
                    metrics: metrics,
                    settings: settings,
                    sweepsTable: number == 0
                )
            }
        }
        logger.notice("Listening for SRT", metadata: ["port": "\(port)", "lanes": "\(lanes.count)"])
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { [hls] in await hls.run() }
            tasks.addTask { [renditions] in await renditions.run() }
            tasks.addTask { [fragments] in await fragments.run() }
            tasks.addTask { [pictures] in await pictures.run() }
            // A cancellation ends it in the same order.
            try? await gracefulShutdown()
            table.shutDown(at: .now)
            for lane in lanes { lane.post(.stop) }
            for lane in lanes { await lane.waitUntilEnded() }
            hls.shutDown()
            renditions.shutDown()
            fragments.shutDown()
            pictures.shutDown()
        }
    }

    private static func makePictures(
        _ settings: MediaSettings,
        _ table: StreamTable,
        _ registry: MetricRegistry,
        _ logger: Logger
    ) -> PictureDesk {
        let metrics = PictureMetrics(registry)
        let path = settings.pictureProgramme
        if path == nil {
            logger.notice("No pictures of streams: vedette-codec does not lie beside this programme")
        }
        var codec = PictureCodec.Settings()
        codec.path = path
        codec.queue = settings.limits.pictureQueue
        var desk = PictureDesk.Settings()
        desk.cacheInBytes = settings.limits.pictureCacheInBytes
        return PictureDesk(
            desk,
            codec: PictureCodec(codec, metrics: metrics, logger: logger),
            limits: settings.limits,
            table: table,
            metrics: metrics
        )
    }

    private static func openLanes(
        _ settings: MediaSettings,
        _ admission: Admission
    ) throws(SRTError) -> [Lane] {
        let isShared = settings.lanes > 1
        if isShared { try UDPPort.checkFree(host: settings.host, port: settings.port) }
        var options = SRTOptions()
        options.reordersByTimestamp = false
        options.latencyMilliseconds = Int(settings.latency.wholeMilliseconds)
        options.enforcesEncryption = settings.encryption != .optional
        // As many messages as ``PacketReorder`` puts in order; at 8 Mbit/s some 2.7 s.
        options.flowWindow = PacketReorder.window
        options.receiveBufferInBytes = 3 << 20
        options.sendBufferInBytes = settings.limits.sendBufferInBytes
        var lanes: [Lane] = []
        for _ in 0..<settings.lanes {
            let number = lanes.first.map { Int($0.listener.address.port) } ?? settings.port
            let port = try UDPPort(host: settings.host, port: number, shared: isShared)
            lanes.append(
                try Lane(try SRTListener(on: port, options: options) { admission.judge($0) })
            )
        }
        return lanes
    }
}

// MARK: Reference point Sm

extension MediaService {
    package func openIngest(_ order: IngestOrder) async throws(MediaError) -> IngestAddress {
        let now = WallTime.now
        try table.order(order, at: now)
        var random = SystemRandomNumberGenerator()
        let ticket = Ticket(
            publishing: order.stream,
            epoch: order.epoch,
            issuer: issuer,
            expiresAt: now + limits.publishTicketLifetime,
            nonce: Ticket.Nonce(using: &random)
        )
        return IngestAddress(url: address(of: ticket, .publish, latency: table.latency(of: order.stream)))
    }

    package func close(_ stream: StreamID) async {
        table.close(stream, at: .now)
    }

    package func dismiss(_ leases: [LeaseID], of stream: StreamID) async {
        table.dismiss(Set(leases), of: stream, at: .now)
    }

    package func checkOffer(of rendition: Rendition) async throws(MediaError) {
        guard rendition != .original, let reason = renditions.whyNot else { return }
        throw .noTranscoding(reason)
    }

    package func play(
        _ stream: StreamID,
        lease: LeaseID,
        rendition: Rendition,
        validFor: Duration
    ) async throws(MediaError) -> PlayAddresses {
        var random = SystemRandomNumberGenerator()
        let ticket = Ticket(
            playing: stream,
            epoch: try table.epochForViewers(of: stream, rendition: rendition),
            lease: lease,
            rendition: rendition,
            expiresAt: .now + min(max(validFor, .seconds(1)), limits.longestPlayTicketLifetime),
            nonce: Ticket.Nonce(using: &random)
        )
        let host = URLHost.text(settings.domain)
        let base = "\(host):\(settings.httpsPort)/live/\(stream.rawValue)"
        let query = "?ticket=\(key.seal(ticket).reveal())"
        return PlayAddresses(
            srt: address(of: ticket, .request, latency: settings.latency),
            ts: Secret("https://\(base).ts\(query)"),
            hls: Secret("https://\(base)/index.m3u8\(query)"),
            ws: Secret("wss://\(base).ws\(query)"),
            jpeg: Secret("https://\(base).jpg\(query)"),
            expiresAt: ticket.expiresAt
        )
    }

    package func streams() async -> [StreamStatus] { table.statuses(at: .now) }

    package func stream(
        _ stream: StreamID,
        viewersAfter viewer: ViewerID?,
        limit: Int
    ) async -> StreamDetail? {
        table.detail(of: stream, viewersAfter: viewer, limit: limit, at: .now)
    }

    package func kick(_ viewer: ViewerID, of stream: StreamID) async -> Bool {
        table.kick(viewer, of: stream, at: .now)
    }

    package func kickPublisher(of stream: StreamID) async -> Bool {
        table.kickPublisher(of: stream, at: .now)
    }

    package func trim(_ lease: LeaseID, of stream: StreamID, to count: Int) async {
        table.trim(lease, of: stream, to: count, at: .now)
    }

    package func events() async -> AsyncStream<MediaEvent> { table.subscribe() }

    package func usage(settling settled: Int64?) async -> MediaUsage {
        table.usage.report(settling: settled, at: .now)
    }

    package func hasUsage(of unit: UnitID) async -> Bool { table.usage.has(unit) }

    private func address(of ticket: Ticket, _ mode: StreamAccess.Mode, latency: Duration) -> Secret {
        let isEncrypted = settings.encryption != .off
        return SRTAddress(
            host: settings.domain,
            port: port,
            streamID: StreamAccess(stream: ticket.stream, mode: mode, ticket: key.seal(ticket)).text.reveal(),
            passphrase: isEncrypted ? key.passphrase(of: ticket.stream, epoch: ticket.epoch) : nil,
            keyLength: isEncrypted ? settings.keyLength : nil,
            latencyMilliseconds: Int(latency.wholeMilliseconds)
        ).text
    }
}
