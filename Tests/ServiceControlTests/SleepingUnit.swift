import Bus
import HSSModel
import ServiceControl
import Testing
import Vd

/// A battery camera, byte for byte: enrolled as `cam-b`, with an identity of 16 digits.
struct SleepingUnit {
    static let name = "cam-b"
    static let mac = "1000000000000001"
    static let unit = UnitID(unchecked: name)
    static let channel = ChannelAddress(unit: unit, number: 0)
    static let secret = Secret("0123456789abcdef0123456789abcdef")

    let bench: SignallingBench

    static func settings(
        silence: Duration = .seconds(135),
        wakeTime: Duration = .seconds(15),
        headerTimeout: Duration = .seconds(10)
    ) throws -> SignallingSettings {
        var settings = SignallingBench.settings
        settings.hibernation = HibernationSettings(
            host: "127.0.0.1",
            port: 0,
            domain: "localhost",
            key: try #require(HibernationKey(secret)),
            silence: silence,
            wakeTime: wakeTime,
            headerTimeout: headerTimeout
        )
        return settings
    }

    static func run(
        settings: SignallingSettings? = nil,
        recording: RecordParts? = nil,
        _ body: (SleepingUnit) async throws -> Void
    ) async throws {
        try await SignallingBench.run(
            settings: try settings ?? Self.settings(),
            recording: recording
        ) { bench in
            bench.admission.enrol(name, mac: mac, password: "pw")
            try await body(SleepingUnit(bench: bench))
        }
    }

    var port: Int { bench.ports["hibernation"] ?? 0 }

    /// With `waits` the unit stands in the registry when this returns; one that is wanted may hear something else first.
    func login(reconnect: Int = 1, waits: Bool = true) async throws -> RawClient {
        let client = try await bench.client()
        try await client.send(
            SignallingBench.request(SignallingBench.target(Self.name, reconnect: reconnect))
        )
        #expect(await client.answer()?.status == 101)
        guard waits else { return client }
        try await client.send(frame: RawClient.Frame.ping, [])
        #expect(await client.frame()?.opcode == RawClient.Frame.pong)
        return client
    }

    /// The packet that the token handed out makes.
    static func heartbeat(_ mac: String = mac, token: String? = nil) throws -> [UInt8] {
        let identity = try #require(HibernationIdentity(MACIdentity(unchecked: mac)))
        let key = try #require(HibernationKey(secret))
        let secret = token.map { Secret($0) } ?? key.token(of: identity)
        return try #require(HibernationHeartbeat(identity: identity, token: secret)).encoded()
    }

    /// The network chip's connection, with the platform knowing of it.
    func sleep() async throws -> RawClient {
        let chip = try await RawClient(port)
        try await chip.send(try Self.heartbeat())
        #expect(await eventually { await isAsleep })
        return chip
    }

    var isAsleep: Bool {
        get async { await bench.presence(Self.name)?.asleep ?? false }
    }

    /// Answers what the platform asks, until `method` comes: it is not answered, but returned.
    static func serve(_ client: RawClient, until method: String) async throws -> (RPCRequest, seq: Int) {
        for _ in 0..<10 {
            let text = try #require(await client.text(), "the connection ended before \(method)")
            guard case .request(let request, let seq) = try RPCMessage(parsing: Array(text.utf8)) else {
                continue
            }
            if request.method == method { return (request, seq) }
            try await client.send(#"{"seq":\#(seq),"resp":{}}"#)
        }
        throw NotAsked(method: method)
    }

    struct NotAsked: Error { var method: String }
}
