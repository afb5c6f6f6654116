import Bus
import HSSModel
import ServerKit
import ServiceControl
import Testing
import Vd

@Suite("Hibernation server, device documents") struct HibernationServerTests {
    /// "hibernation server host:port", "hb_interval (usual: 60 s)", "hb_token at most 16 characters".
    @Test func aUnitOfSixteenDigitsIsToldWhereToSleep() async throws {
        try await SleepingUnit.run { sleeper in
            let unit = try await sleeper.login()
            try await unit.send(
                #"{"req":"GetServerInfo","params":{"mac_id":"\#(SleepingUnit.mac)","state":1},"seq":1}"#
            )
            let info = try await info(unit)
            #expect(info.hibernation == "localhost:\(sleeper.port)" && info.heartbeatSeconds == 60)
            let token = try #require(info.heartbeatToken)
            #expect(token.reveal().utf8.count == 16)
            // What was handed out opens the server.
            let chip = try await RawClient(sleeper.port)
            try await chip.send(try SleepingUnit.heartbeat(token: token.reveal()))
            await unit.close()
            #expect(await eventually { await sleeper.isAsleep })
            await chip.close()
        }
    }

    /// A MAC address has no room in `macid`.
    @Test func aUnitWithAnotherIdentityIsNot() async throws {
        try await SleepingUnit.run { sleeper in
            let unit = try await sleeper.bench.unit()
            try await unit.send(
                #"{"req":"GetServerInfo","params":{"mac_id":"\#(SignallingBench.mac1)","state":1},"seq":1}"#
            )
            let info = try await info(unit)
            #expect(info == ServerInfo(heartbeatSeconds: 10))
            await unit.close()
        }
    }

    private func info(_ unit: RawClient) async throws -> ServerInfo {
        let text = try #require(await unit.text())
        guard case .answer(.success(let result), 1) = try RPCMessage(parsing: Array(text.utf8)) else {
            throw SleepingUnit.NotAsked(method: "GetServerInfo")
        }
        return try ServerInfo(result)
    }

    /// "A broken TCP connection is not an offline; 135 s without a heartbeat is."
    @Test func aBrokenConnectionIsNoOfflineAndSilenceIs() async throws {
        var settings = try SleepingUnit.settings(silence: .seconds(3))
        settings.offlineAfter = .seconds(2)
        try await SleepingUnit.run(settings: settings) { sleeper in
            let unit = try await sleeper.login()
            let chip = try await sleeper.sleepAfter(unit)
            await chip.close()
            // Well beyond what a socket that closes takes to be noticed.
            let again = try await RawClient(sleeper.port)
            #expect(await sleeper.isAsleep)
            try await again.send(try SleepingUnit.heartbeat())
            #expect(await sleeper.isAsleep)
            #expect(await eventually { await sleeper.bench.presence(SleepingUnit.name) == nil })
            #expect(await again.bytes(1) == nil, "the silent connection is closed")
        }
    }

    /// After a restart of the platform nothing but the heartbeat tells of the unit.
    @Test func aHeartbeatIsEnoughAfterARestart() async throws {
        try await SleepingUnit.run { sleeper in
            let chip = try await sleeper.sleep()
            let sessions = await sleeper.bench.service.sessions(after: nil, limit: 10)
            #expect(sessions.map(\.unit) == [SleepingUnit.unit])
            #expect(sessions.first?.presence.connected == false)
            await chip.close()
        }
    }

    @Test func aLoginIsTheEndOfSleep() async throws {
        try await SleepingUnit.run { sleeper in
            let chip = try await sleeper.sleep()
            let unit = try await sleeper.login()
            #expect(await !sleeper.isAsleep)
            // What its network chip goes on saying does not make it sleep.
            try await chip.send(try SleepingUnit.heartbeat())
            #expect(await sleeper.bench.presence(SleepingUnit.name)?.connected == true)
            await unit.close()
            await chip.close()
        }
    }

    @Test func oneUnitHasOneConnection() async throws {
        try await SleepingUnit.run { sleeper in
            let first = try await sleeper.sleep()
            let second = try await sleeper.sleep()
            #expect(await first.bytes(1) == nil, "displaced")
            #expect(await sleeper.isAsleep)
            await second.close()
        }
    }

    @Test(arguments: [
        "wrong token", "unknown unit", "foreign token", "disabled unit", "garbage", "another unit later",
    ]) func everyMistakeEndsTheSameWay(mistake: String) async throws {
        try await SleepingUnit.run { sleeper in
            let admission = sleeper.bench.admission
            admission.enrol("cam-c", mac: "1000000000000002", password: "pw")
            admission.enrol("cam-d", mac: "1000000000000003", password: "pw", disabled: true)
            let stranger = try await RawClient(sleeper.port)
            switch mistake {
            case "wrong token": try await stranger.send(try SleepingUnit.heartbeat(token: "0123456789abcdef"))
            case "unknown unit": try await stranger.send(try SleepingUnit.heartbeat("9999999999999999"))
            case "foreign token":
                let own = try HibernationHeartbeat(parsing: try SleepingUnit.heartbeat("1000000000000002"))
                try await stranger.send(try SleepingUnit.heartbeat(token: own.token.reveal()))
            case "disabled unit": try await stranger.send(try SleepingUnit.heartbeat("1000000000000003"))
            case "garbage": try await stranger.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            default:
                try await stranger.send(try SleepingUnit.heartbeat("1000000000000002"))
                try await stranger.send(try SleepingUnit.heartbeat())
            }
            #expect(await stranger.bytes(1) == nil, "closed without a word")
            #expect(await !sleeper.isAsleep)
            #expect(sleeper.bench.metrics.exposition().contains("vedette_hibernation_refused_total{reason="))
        }
    }

    /// Half a packet holds a connection no longer than half a login.
    @Test func halfAPacketIsNotWaitedFor() async throws {
        let settings = try SleepingUnit.settings(headerTimeout: .milliseconds(300))
        try await SleepingUnit.run(settings: settings) { sleeper in
            let half = try await RawClient(sleeper.port)
            try await half.send(Array(try SleepingUnit.heartbeat().prefix(39)))
            #expect(await half.bytes(1) == nil)
        }
    }

    @Test func aPacketInPiecesIsAPacket() async throws {
        try await SleepingUnit.run { sleeper in
            let slow = try await RawClient(sleeper.port)
            for byte in try SleepingUnit.heartbeat() { try await slow.send([byte]) }
            #expect(await eventually { await sleeper.isAsleep })
            await slow.close()
        }
    }

    @Test func aDeviceThatWasDisabledSleepsNoMore() async throws {
        try await SleepingUnit.run { sleeper in
            let chip = try await sleeper.sleep()
            await sleeper.bench.service.disconnect(SleepingUnit.unit)
            #expect(await chip.bytes(1) == nil)
            #expect(await sleeper.bench.presence(SleepingUnit.name) == nil)
        }
    }
}

extension SleepingUnit {
    /// The unit closes Vd and its network chip takes over.
    func sleepAfter(_ unit: RawClient) async throws -> RawClient {
        await unit.close()
        return try await sleep()
    }
}
