import Bus
import Foundation
import HSSModel
import Logging
import ServerKit
import ServiceControl
import ServiceLifecycle
import Store
import Testing
import Vd

/// An SCU on ports of its own, with a registry and a media server of the test. Three devices are enrolled:
/// `cam-1` and `cam-2` with two channels each, and `cam-off`, which is disabled; the password of each is `pw`.
struct SignallingBench {
    static let mac1 = "00:11:22:33:44:01"
    static let mac2 = "00:11:22:33:44:02"
    static let channel = ChannelAddress(unit: UnitID(unchecked: "cam-1"), number: 0)
    static let anna = UserName(unchecked: "anna")

    let service: SignallingService
    let admission: FakeAdmission
    let media: FakeMedia
    let metrics: MetricRegistry
    let ports: [String: Int]
    /// What clients have to trust.
    let authority: String
    private let group: ServiceGroup

    /// Units are not asked for anything on their login, so that what a test sees is what it asked for.
    static var settings: SignallingSettings {
        SignallingSettings(node: NodeName(unchecked: "test"), documentQueries: 0)
    }

    /// Runs `body` while the SCU serves, then shuts it down gracefully.
    static func run(
        settings: SignallingSettings = SignallingBench.settings,
        limits: ListenerLimits = ListenerLimits(),
        tls: Bool = false,
        servers: [any UnitRequestServer] = [],
        documents: (any UnitDocumentStore & LogTaskStore)? = nil,
        uploads: (any UploadPoint)? = nil,
        presence: PresenceJournal? = nil,
        moves: (any MoveStore)? = nil,
        recording: RecordParts? = nil,
        _ body: (SignallingBench) async throws -> Void
    ) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let metrics = MetricRegistry()
        let admission = FakeAdmission()
        admission.enrol("cam-1", mac: mac1, password: "pw")
        admission.enrol("cam-2", mac: mac2, password: "pw")
        admission.enrol("cam-off", mac: "00:11:22:33:44:03", password: "pw", disabled: true)
        let media = FakeMedia()
        let folder = NSTemporaryDirectory() + "vedette-scu-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var ports = [
            VdPort(
                name: "vd.plain",
                host: "127.0.0.1",
                port: 0,
                identity: nil,
                headerTimeout: limits.headerTimeout
            )
        ]
        var authority = ""
        if tls {
            let source = ServerIdentity.Source.local(dataFolder: folder, domain: "localhost")
            let identity = try ServerIdentity(source, logger: logger)
            authority = try #require(identity.authorityPath)
            var secure = ports[0]
            secure.name = "vd"
            secure.identity = identity
            ports.append(secure)
        }
        let (listening, announce) = AsyncStream.makeStream(of: (String, Int).self)
        let gate = ConnectionGate(limits: limits, listener: "vd", metrics: metrics)
        let service = SignallingService(
            settings: settings,
            ports: ports,
            gate: gate,
            admission: admission,
            media: media,
            servers: servers,
            documents: documents,
            uploads: uploads,
            presence: presence,
            moves: moves,
            recording: recording,
            metrics: metrics,
            logger: logger
        ) { announce.yield(($0.name, $1)) }
        let group = ServiceGroup(services: [service], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var bound: [String: Int] = [:]
            for await (name, port) in listening {
                bound[name] = port
                if bound.count == ports.count + (settings.hibernation == nil ? 0 : 1) { break }
            }
            let bench = SignallingBench(
                service: service,
                admission: admission,
                media: media,
                metrics: metrics,
                ports: bound,
                authority: authority,
                group: group
            )
            let outcome = await Result { try await body(bench) }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            try outcome.get()
        }
        #expect(gate.open == 0, "a shutdown leaves no connection behind")
    }

    func shutDown() async { await group.triggerGracefulShutdown() }

    // MARK: Units

    var port: Int { ports["vd.plain"] ?? 0 }

    func client(tls: Bool = false, reads: Bool = true) async throws -> RawClient {
        try await RawClient(
            tls ? ports["vd"] ?? 0 : port,
            authority: tls ? authority : nil,
            reads: reads
        )
    }

    /// The handshake of Table 9-3, byte for byte.
    static func request(_ target: String, more: [String] = upgrade) -> [UInt8] {
        Array(
            (["GET \(target) HTTP/1.1", "Host: localhost"] + more + ["", ""]).joined(separator: "\r\n").utf8
        )
    }

    /// The key of the example in RFC 6455, 1.3.
    static let upgrade = [
        "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]

    static func target(
        _ unit: String = "cam-1",
        password: String = "pw",
        path: String = "/Vd",
        reconnect: Int = 0
    ) -> String {
        "\(path)?login_code=\(unit)&login_passwd=\(password)&hardware_model=H%201&firmware_model=2.0"
            + "&sdk=3&reconnect=\(reconnect)"
    }

    /// What the port answers to one request on a connection of its own.
    func answer(
        _ target: String,
        more: [String] = upgrade,
        tls: Bool = false
    ) async throws -> RawClient.Answer? {
        let client = try await client(tls: tls)
        try await client.send(Self.request(target, more: more))
        let answer = await client.answer()
        await client.close()
        return answer
    }

    /// A unit that has logged in.
    func unit(
        _ unit: String = "cam-1",
        path: String = "/Vd",
        tls: Bool = false,
        reads: Bool = true
    ) async throws -> RawClient {
        let client = try await client(tls: tls, reads: reads)
        try await client.send(Self.request(Self.target(unit, path: path)))
        guard reads else { return client }
        #expect(await client.answer()?.status == 101)
        // The 101 leaves before the unit stands in the registry; what answers a ping stands there.
        try await client.send(frame: RawClient.Frame.ping, [])
        #expect(await client.frame()?.opcode == RawClient.Frame.pong)
        return client
    }

    static func keepalive(
        _ seq: Int,
        mac: String = mac1,
        state: Int = 1,
        stream: String = "",
        record: String = "",
        alarm: Int = 0
    ) -> String {
        """
        {"req":"Keepalive","params":{"mac_id":"\(mac)","state":1,"channels":[{"channel":0,"state":\(state),\
        "stream_id":"\(stream)","record_session":"\(record)","alarm":\(alarm)}]},"seq":\(seq)}
        """
    }

    func presence(_ unit: String = "cam-1") async -> UnitPresence? {
        let unit = UnitID(unchecked: unit)
        return await service.presence(of: [unit])[unit]
    }
}

extension Result where Failure == any Error {
    /// What became of an asynchronous body.
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
