import Bus
import CentreManagement
import Foundation
import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import HummingbirdTesting
import NIOCore
import ServerKit
import Store
import Testing
import Vs

@Suite("Vs over HTTP, §9.3.1, Table I.1") struct SchedulingServiceTests {
    private struct Nodes: NodeDirectory {
        var nodes: [SignallingNode]
        func signallingNodes() async -> [SignallingNode] { nodes }
    }

    private struct Answer: Sendable {
        let status: Int
        let body: String
        let contentType: String?
    }

    private static let node = SignallingNode(
        name: NodeName(unchecked: "n1"),
        domain: "vd.example.org",
        plainPort: 0,
        securePort: 8444,
        connectedUnits: 0,
        capacity: 10,
        draining: false
    )

    private func service(
        _ centre: Centre,
        nodes: [SignallingNode] = [node],
        _ change: (inout SchedulingService.Settings) -> Void = { _ in }
    ) -> SchedulingService {
        var settings = SchedulingService.Settings(
            peerToPeer: .init(domain: "example.org", port: 3478),
            relay: .init(domain: "example.org", port: 3478)
        )
        change(&settings)
        return SchedulingService(
            devices: centre.store,
            nodes: Nodes(nodes: nodes),
            settings: settings,
            metrics: centre.metrics,
            logger: Centre.logger
        )
    }

    /// Through Hummingbird's router, without a socket.
    private func get(
        _ target: String,
        macIdentity: [String] = [],
        from service: SchedulingService
    ) async throws -> Answer {
        let router = Router()
        service.addRoutes(to: router) { _ in "192.0.2.1" }
        var headers = HTTPFields()
        if let name = HTTPField.Name("Mac-Identity") {
            for value in macIdentity { headers.append(HTTPField(name: name, value: value)) }
        }
        let sent = headers
        return try await Application(router: router).test(.router) { client in
            try await client.execute(uri: target, method: .get, headers: sent) { response in
                Answer(
                    status: response.status.code,
                    body: String(buffer: response.body),
                    contentType: response.headers[.contentType]
                )
            }
        }
    }

    @Test func answersWithEveryFieldOfTheTable() async throws {
        try await Centre.run { centre in
            _ = try await centre.device("cam", mac: "00:11:22:aa:bb:cc")
            let service = service(centre)
            let before = WallTime.now
            let answer = try await get(
                "/Vs/getServerAddr?macid=00-11-22-AA-BB-CC",
                macIdentity: ["001122aabbcc"],
                from: service
            )
            #expect(answer.status == 200)
            #expect(answer.contentType == "application/json; charset=utf-8")
            let time = try JSONDecoder().decode(SchedulingAnswer.self, from: Data(answer.body.utf8)).syncTime
            #expect((before...WallTime.now).contains(time))
            #expect(
                answer.body == """
                    {"HibernationDomain":"","P2p_passDomain":"example.org","P2p_passPort":3478,\
                    "PassDomain":"vd.example.org","PassPort":0,"Secure_PassPort":8444,\
                    "SignedLogin":1,"SyncTime":\(time.milliseconds),"TurnDomain":"example.org","TurnPort":3478}
                    """
            )
        }
    }

    @Test func answersOverARealConnection() async throws {
        try await Centre.run { centre in
            _ = try await centre.device("cam", mac: "00:11:22:aa:bb:cc")
            let router = Router()
            service(centre).addRoutes(to: router) { _ in "192.0.2.1" }
            try await Application(router: router).test(.live) { client in
                let response = try await client.execute(
                    uri: "/Vs/getServerAddr?macid=00%3a11:22:aa:bb:cc",
                    method: .get
                )
                #expect(response.status == .ok)
                let answer = try JSONDecoder().decode(
                    SchedulingAnswer.self,
                    from: Data(response.body.readableBytesView)
                )
                #expect(answer.signallingSecurePort == 8444)
                #expect(try await client.execute(uri: "/Vs/getServerAddr", method: .post).status == .notFound)
            }
        }
    }

    @Test func readsAnEscapedAddress() async throws {
        try await Centre.run { centre in
            _ = try await centre.device("cam", mac: "00:11:22:aa:bb:cc")
            let answer = try await get(
                "/Vs/getServerAddr?macid=00%3A11%3A22%3Aaa%3Abb%3Acc",
                from: service(centre)
            )
            #expect(answer.status == 200)
        }
    }

    @Test(arguments: [
        (target: "/Vs/getServerAddr", header: [String](), failure: SchedulingFailure.missingIdentity),
        (target: "/Vs/getServerAddr?MACID=cam", header: [], failure: .missingIdentity),
        (target: "/Vs/getServerAddr?macid=", header: [], failure: .malformedIdentity),
        (target: "/Vs/getServerAddr?macid", header: [], failure: .malformedIdentity),
        (target: "/Vs/getServerAddr?macid=mac-cam&macid=mac-cam", header: [], failure: .repeatedIdentity),
        (target: "/Vs/getServerAddr?macid=a%20b", header: [], failure: .malformedIdentity),
        (target: "/Vs/getServerAddr?macid=mac-cam", header: ["other"], failure: .differentIdentities),
        (
            target: "/Vs/getServerAddr?macid=mac-cam", header: ["mac-cam", "mac-cam"],
            failure: .repeatedIdentity
        ),
        (target: "/Vs/getServerAddr?macid=nobody", header: [], failure: .unknownUnit),
        (target: "/Vs/getServerAddr?macid=mac-off", header: [], failure: .unknownUnit),
    ]) func failuresCarryInfo(target: String, header: [String], failure: SchedulingFailure) async throws {
        try await Centre.run { centre in
            _ = try await centre.device("cam")
            _ = try await centre.device("off")
            _ = try await centre.registry.setDevice("off", disabled: true, by: Centre.root)
            let answer = try await get(target, macIdentity: header, from: service(centre))
            #expect(answer.status == failure.status)
            #expect(answer.body == #"{"info":"\#(failure.info)"}"#)
        }
    }

    @Test func deployedUnitsHaveTheirAddressUnlessSwitchedOff() async throws {
        try await Centre.run { centre in
            _ = try await centre.device("cam")
            let target = "/ovp/getServerAddr?macid=mac-cam"
            #expect(try await get(target, from: service(centre)).status == 200)
            let off = service(centre) { $0.deployedNames = false }
            #expect(try await get(target, from: off).status == 404)
        }
    }

    @Test func anAddressThatAsksTooOftenIsToldSo() async throws {
        try await Centre.run { centre in
            _ = try await centre.device("cam")
            let service = service(centre) {
                $0.burst = 3
                $0.requestsPerSecond = 0.001
            }
            var statuses: [Int] = []
            for _ in 0..<5 {
                statuses.append(try await get("/Vs/getServerAddr?macid=mac-cam", from: service).status)
            }
            #expect(statuses == [200, 200, 200, 429, 429])
            #expect(centre.metrics.exposition().contains(#"outcome="too_many_requests"} 2"#))
        }
    }

    @Test func aLostStoreAndAFullPlatformAreServerErrors() async throws {
        try await Centre.run { centre in
            _ = try await centre.device("cam")
            let full = try await get("/Vs/getServerAddr?macid=mac-cam", from: service(centre, nodes: []))
            #expect(full.status == 503)
            #expect(full.body.contains(SchedulingFailure.noServer.info))
            try centre.store.close()
            let away = try await get("/Vs/getServerAddr?macid=mac-cam", from: service(centre))
            #expect(away.status == 503)
            #expect(away.body.contains(SchedulingFailure.registryAway.info))
        }
    }
}
