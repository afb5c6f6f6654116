import Bus
import Foundation
import HSSModel
import HostClock
import Hummingbird
import Logging
import NIOCore
import SRTTransport
import ServerKit
import ServiceLifecycle
import Synchronization
import Vm

@testable import MediaDistribution

/// An MDU on free ports, with its HTTP side, for the length of one test.
struct RunningMedia: Sendable {
    static let key = Secret("a key of the tests, thirty-two octets long")

    let media: MediaService
    let metrics: MetricRegistry
    let httpPort: Int
    /// Where WebSockets open.
    let wsPort: Int
    let events: EventLog

    /// Settings for a test, which changes what it needs.
    static func settings(_ change: (inout MediaSettings) -> Void = { _ in }) -> MediaSettings {
        var settings = MediaSettings(key: key)
        settings.host = "127.0.0.1"
        settings.domain = "127.0.0.1"
        settings.port = 0
        change(&settings)
        return settings
    }

    static func run(
        _ settings: MediaSettings = settings(),
        ping: Duration = .seconds(20),
        _ body: @escaping @Sendable (RunningMedia) async throws -> Void
    ) async throws {
        let metrics = MetricRegistry()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let media = try MediaService(settings, metrics: metrics, logger: logger)
        let router = Router()
        media.addRoutes(to: router)
        let (ports, gotPort) = AsyncStream<Int>.makeStream()
        let app = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { gotPort.yield($0.localAddress?.port ?? 0) },
            logger: logger
        )
        let (wsPorts, gotWSPort) = AsyncStream<Int>.makeStream()
        let listener = HTTPListener(
            name: "http",
            host: "127.0.0.1",
            port: 0,
            identity: nil,
            limits: ListenerLimits(headerTimeout: .seconds(1), webSocketPing: ping),
            gate: ConnectionGate(limits: ListenerLimits(), listener: "http", metrics: metrics),
            metrics: metrics,
            responder: Router(context: BasicRequestContext.self).buildResponder(),
            webSockets: [media.webSocketRoute],
            logger: logger,
            onListening: { gotWSPort.yield($0) }
        )
        let events = EventLog(await media.events())
        let group = ServiceGroup(services: [app, listener, media], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var iterator = ports.makeAsyncIterator()
            let port = await iterator.next(isolation: nil) ?? 0
            var wsIterator = wsPorts.makeAsyncIterator()
            let wsPort = await wsIterator.next(isolation: nil) ?? 0
            tasks.addTask {
                try await body(
                    RunningMedia(
                        media: media,
                        metrics: metrics,
                        httpPort: port,
                        wsPort: wsPort,
                        events: events
                    )
                )
                await group.triggerGracefulShutdown()
            }
            do {
                try await tasks.next()
                try await tasks.next()
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
        }
    }

    func order(
        _ stream: StreamID,
        epoch: UInt64 = 1,
        maxBitrate: Int = 0,
        latency: Duration? = nil
    ) async throws -> String {
        let order = IngestOrder(
            stream: stream,
            source: ChannelAddress(unit: UnitID(unchecked: "unit"), number: 0),
            epoch: Epoch(epoch),
            maxBitrate: maxBitrate,
            latency: latency
        )
        return try await media.openIngest(order).url.reveal()
    }

    func play(_ stream: StreamID, lease: String = "lease") async throws -> (srt: String, http: String) {
        let addresses = try await media.play(
            stream,
            lease: LeaseID(unchecked: lease),
            validFor: .seconds(60)
        )
        let http = addresses.ts.reveal()
            .replacing("https://127.0.0.1:8443", with: "http://127.0.0.1:\(httpPort)")
        return (addresses.srt.reveal(), http)
    }

    /// ffmpeg in the part of a unit. `loops`: -1 without end.
    func publish(_ clip: URL, to address: String, loops: Int = 0) throws -> Tool {
        try Tool(
            "ffmpeg",
            [
                "-hide_banner", "-loglevel", "error", "-re", "-stream_loop", "\(loops)", "-i", clip.path,
                "-c", "copy", "-f", "mpegts", address,
            ]
        )
    }

    /// Sends as a unit does, a little at a time, and returns when everything has arrived.
    func send(
        _ bytes: some Collection<UInt8>,
        on socket: SRTSocket,
        messageInBytes: Int = SRTSocket.usualMessage
    ) async throws {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            for _ in 0..<20 where !rest.isEmpty {
                let message = rest.prefix(messageInBytes)
                if try message.withUnsafeBytes({ try socket.send($0) }) { rest.removeFirst(message.count) }
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        while socket.sendQueue.messages > 0 { try await Task.sleep(for: .milliseconds(5)) }
    }

    /// Calls as a unit or viewer of ours does, and waits for the answer.
    func connect(_ address: String) throws -> SRTSocket {
        let parsed = try SRTAddress(parsing: Secret(address))
        var options = SRTOptions(parsed)
        options.waits = true
        let socket = try SRTSocket(options)
        do {
            try socket.connect(to: try NetworkAddress.resolve(host: parsed.host, port: parsed.port)[0])
        } catch {
            socket.close()
            throw error
        }
        return socket
    }

    /// A figure of the exposition, 0 where it is missing.
    func metric(_ series: String) -> Double {
        metrics.exposition().split(separator: "\n").first { $0.hasPrefix(series + " ") }
            .flatMap { $0.split(separator: " ").last }.flatMap { Double($0) } ?? 0
    }
}

/// Set once, read from another thread.
final class Flag: Sendable {
    private let value = Atomic(false)

    func set() { value.store(true, ordering: .relaxed) }
    var isSet: Bool { value.load(ordering: .relaxed) }
}

/// Events in the order in which they came; a test waits for the one it needs.
actor EventLog {
    private var seen: [MediaEvent] = []
    private var position = 0
    private let iterator: Task<Void, Never>
    private var waiters:
        [(matches: @Sendable (MediaEvent) -> Bool, continuation: CheckedContinuation<MediaEvent?, Never>)] =
            []
    private var isOver = false

    init(_ events: AsyncStream<MediaEvent>) {
        let (link, give) = AsyncStream<MediaEvent>.makeStream()
        iterator = Task {
            for await event in events { give.yield(event) }
            give.finish()
        }
        Task { await self.collect(link) }
    }

    private func collect(_ events: AsyncStream<MediaEvent>) async {
        for await event in events {
            seen.append(event)
            let ready = waiters.filter { $0.matches(event) }
            waiters.removeAll { $0.matches(event) }
            for waiter in ready { waiter.continuation.resume(returning: event) }
        }
        isOver = true
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
        waiters = []
    }

    var all: [MediaEvent] { seen }

    /// The first event that matches, past or to come; `nil` when there will be none.
    func first(_ matches: @escaping @Sendable (MediaEvent) -> Bool) async -> MediaEvent? {
        if let event = seen.first(where: matches) { return event }
        guard !isOver else { return nil }
        return await withCheckedContinuation { waiters.append((matches, $0)) }
    }

    /// Waits until a stream has so many viewers.
    func viewers(_ count: Int) async -> Bool {
        await first { if case .viewerJoined(_, _, count) = $0 { true } else { false } } != nil
    }

    /// Waits until a viewer is gone, by its own doing.
    func left(_ lease: String) async -> Bool {
        await first {
            if case .viewerLeft(_, let left, _, .closedByPeer) = $0 { left.rawValue == lease } else { false }
        } != nil
    }

    func wait(for event: MediaEvent) async -> Bool {
        await first { $0 == event } != nil
    }
}
