import Foundation
import HSSModel
import NIOCore
import NIOHTTP1
import NIOWebSocket
import PremisesUnit
import TestSupport
import Testing
import Vd

@Suite("Units on a real network", .timeLimit(.minutes(4)), .serialized) struct UnitFleetTests {
    static func credentials(_ count: Int = 1) throws -> [UnitCredentials] {
        try UnitCredentials.numbered(
            device: "cam%d",
            macIdentity: "M-%d",
            password: Secret("p w&d"),
            count: count
        )
    }

    /// Runs a fleet while `body` acts; then cancels it and waits for its end.
    static func withFleet(
        _ options: PremisesUnitOptions,
        _ body: (AsyncStream<UnitReport>) async throws -> Void
    ) async throws {
        let (reports, tell) = AsyncStream<UnitReport>.makeStream()
        let fleet = try UnitFleet(options) { tell.yield($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await fleet.run() }
            try await body(reports)
            group.cancelAll()
        }
    }

    @Test("Vs and Vd over TLS: identity, login, server information, heartbeat in the interval that was told")
    func logsInAndKeepsInTouch() async throws {
        let certificate = try TestCertificate()
        let platform = try await FakePlatform(certificate: certificate)
        let options = PremisesUnitOptions(
            platform: platform.address,
            units: try Self.credentials(),
            authorityFile: certificate.certificatePath,
            bindCode: "the-code"
        )
        try await Self.withFleet(options) { _ in
            var seen: [String] = []
            var heartbeats = 0
            for await event in platform.events {
                switch event {
                case .scheduling(let uri, let macIdentity):
                    #expect(uri == "/Vs/getServerAddr?macid=M-1")
                    #expect(macIdentity == "M-1")
                    seen.append("scheduling")
                case .login(let uri, _):
                    #expect(uri.hasPrefix("/Vd?login_code=cam1&login_passwd=p%20w%26d&hardware_model="))
                    #expect(uri.hasSuffix("&reconnect=0"))
                    seen.append("login")
                case .message(.event(let event), _):
                    #expect(event == Bind(macID: "M-1", bindID: "the-code").event)
                    seen.append("Bind")
                case .message(.request(let request, let seq), let connection):
                    if heartbeats == 0 { seen.append(request.method) }
                    if request.method == GetServerInfo.name {
                        let info = ServerInfo(heartbeatSeconds: 1)
                        connection.send(.answer(.success(info.object), seq: seq))
                    } else {
                        heartbeats += 1
                        connection.send(.answer(.success(.empty), seq: seq))
                    }
                default:
                    Issue.record("\(event)")
                    return
                }
                if heartbeats == 3 { break }
            }
            #expect(seen == ["scheduling", "login", "Bind", "GetServerInfo", "Keepalive"])
        }
        await platform.shutdown()
    }

    @Test("a certificate that is not trusted, or is another host's, ends the attempt before anything is said")
    func untrustedPlatformsAreLeft() async throws {
        let trusted = try TestCertificate()
        let foreign = try TestCertificate(names: "DNS:other.example")
        for (certificate, authority) in [(try TestCertificate(), trusted), (foreign, foreign)] {
            let platform = try await FakePlatform(certificate: certificate)
            let options = PremisesUnitOptions(
                platform: platform.address,
                units: try Self.credentials(),
                authorityFile: authority.certificatePath
            )
            try await Self.withFleet(options) { reports in
                for await report in reports {
                    if case .schedulingFailed(let reason) = report.event {
                        #expect(
                            reason.contains("TLS handshake failed") || reason.contains("certificate"),
                            "\(reason)"
                        )
                        break
                    }
                    #expect(report.event == .scheduling)
                }
            }
            await platform.shutdown()
        }
    }

    @Test("a refused login is named and tried again")
    func refusedLogins() async throws {
        let platform = try await FakePlatform(refuseLogin: .unauthorized)
        let options = PremisesUnitOptions(platform: platform.address, units: try Self.credentials())
        try await Self.withFleet(options) { reports in
            for await report in reports {
                if case .disconnected(let reason) = report.event {
                    #expect(
                        reason
                            == "the platform does not take this device ID with its password, signature or certificate"
                    )
                }
                if case .waiting(_, let attempt) = report.event {
                    #expect(attempt == 1)
                    break
                }
                #expect(report.event != .connected)
            }
        }
        await platform.shutdown()
    }

    @Test("a connection that the platform breaks is made again with reconnect=1")
    func brokenConnectionsReturn() async throws {
        let platform = try await FakePlatform()
        let options = PremisesUnitOptions(platform: platform.address, units: try Self.credentials())
        try await Self.withFleet(options) { _ in
            var logins: [Bool] = []
            for await event in platform.events {
                guard case .login(let uri, let connection) = event else { continue }
                logins.append(uri.hasSuffix("reconnect=1"))
                if logins.count == 2 { break }
                connection.close()
            }
            #expect(logins == [false, true])
        }
        await platform.shutdown()
    }

    @Test(
        "what is no packet of Vd closes the connection",
        arguments: [
            #"{"req":"PushLive""#, "[]", "{}", #"{"seq":7,"resp":{}}"#, "\u{0}",
            String(repeating: "[", count: 60_000),
        ]
    )
    func malformedPacketsCloseTheConnection(text: String) async throws {
        let platform = try await FakePlatform()
        let options = PremisesUnitOptions(platform: platform.address, units: try Self.credentials())
        try await Self.withFleet(options) { reports in
            for await event in platform.events {
                if case .login(_, let connection) = event { connection.send(Array(text.utf8)) }
                if case .closed = event { break }
            }
            for await report in reports {
                if case .disconnected = report.event { break }
            }
        }
        await platform.shutdown()
    }

    @Test("a packet of more than 64 KiB and a binary one close the connection too", arguments: [true, false])
    func wrongFramesCloseTheConnection(isBinary: Bool) async throws {
        let platform = try await FakePlatform()
        let options = PremisesUnitOptions(platform: platform.address, units: try Self.credentials())
        try await Self.withFleet(options) { _ in
            for await event in platform.events {
                if case .login(_, let connection) = event {
                    if isBinary {
                        connection.send(Array("{}".utf8), opcode: .binary)
                    } else {
                        connection.send([UInt8](repeating: 32, count: 70_000))
                    }
                }
                if case .closed = event { break }
            }
        }
        await platform.shutdown()
    }

    @Test func theGarbageFaultReachesThePlatform() async throws {
        let platform = try await FakePlatform()
        var options = PremisesUnitOptions(platform: platform.address, units: try Self.credentials())
        options.faults.sendsGarbage = true
        try await Self.withFleet(options) { _ in
            for await event in platform.events {
                if case .malformed = event { break }
            }
        }
        await platform.shutdown()
    }

    @Test("three hundred units in one process, all of which say goodbye")
    func manyUnits() async throws {
        let platform = try await FakePlatform()
        let count = 300
        let options = PremisesUnitOptions(
            platform: platform.address,
            units: try Self.credentials(count),
            startsPerSecond: 1000
        )
        try await Self.withFleet(options) { _ in
            var units: Set<String> = []
            for await event in platform.events {
                if case .message(.request(let request, let seq), let connection) = event {
                    connection.send(.answer(.success(.empty), seq: seq))
                    if request.method == Keepalive.name {
                        units.insert(try Keepalive(request.parameters).macID)
                    }
                }
                if units.count == count { break }
            }
        }
        var closed = 0
        for await event in platform.events {
            if case .closed = event { closed += 1 }
            if closed == count { break }
        }
        await platform.shutdown()
    }

    @Test(
        "files and options that cannot work are named at once",
        arguments: [
            (PremisesUnitOptions(platform: "https://h", units: []), "units"),
            (PremisesUnitOptions(platform: "https://h", units: one, channels: 0), "channels"),
            (PremisesUnitOptions(platform: "https://h", units: one, channels: 257), "channels"),
            (
                PremisesUnitOptions(platform: "https://h", units: one, authorityFile: "/nonexistent.pem"),
                "/nonexistent.pem"
            ),
            (
                PremisesUnitOptions(platform: "https://h", units: one, videoFile: "/nonexistent.ts"),
                "/nonexistent.ts"
            ),
            (
                PremisesUnitOptions(platform: "https://h", units: one, videoFile: "/etc/hostname"),
                "/etc/hostname"
            ),
        ]
    )
    func brokenOptions(options: PremisesUnitOptions, name: String) throws {
        let error = #expect(throws: UnitSetupError.self) { try UnitFleet(options) { _ in } }
        #expect(error?.description.hasPrefix(name) == true, "\(String(describing: error))")
    }

    @Test(arguments: ["h:1", "ftp://h", "https://", "https://h/path", "https://u@h", "https://h?x"])
    func brokenAddresses(platform: String) async throws {
        let fleet = try UnitFleet(PremisesUnitOptions(platform: platform, units: one)) { _ in }
        await #expect(throws: UnitSetupError.self) { try await fleet.run() }
    }
}

private let one = [
    UnitCredentials(
        device: UnitID(unchecked: "cam"),
        macIdentity: MACIdentity(unchecked: "M"),
        password: Secret("x")
    )
]
