import Bus
import Foundation
import HSSModel
import HostClock
import Logging
import SRTTransport
import ServerKit
import Synchronization
import Testing
import Vm

@testable import MediaDistribution

/// Who must not get in, and that nobody else notices.
@Suite("What is not allowed is refused", .timeLimit(.minutes(4))) struct RefusalTests {
    private let stream = StreamID(unchecked: "cam1-0")

    private func refused(_ reason: String) -> String { "vedette_media_refused_total{reason=\"\(reason)\"}" }

    private func tables(_ clip: [UInt8]) -> ArraySlice<UInt8> { clip.prefix(26_320) }

    private func bytes() async throws -> [UInt8] {
        [UInt8](try Data(contentsOf: try await Clip.shared.value))
    }

    /// An address with a ticket of our own making.
    private func address(_ platform: RunningMedia, _ change: (inout Ticket) -> Void) throws -> String {
        var random = SystemRandomNumberGenerator()
        var ticket = Ticket(
            publishing: stream,
            epoch: Epoch(1),
            issuer: platform.media.issuer,
            expiresAt: .now + .seconds(60),
            nonce: Ticket.Nonce(using: &random)
        )
        change(&ticket)
        let key = try #require(TicketKey(RunningMedia.key))
        let access = StreamAccess(stream: stream, mode: .publish, ticket: key.seal(ticket))
        return SRTAddress(
            host: "127.0.0.1",
            port: platform.media.port,
            streamID: access.text.reveal(),
            passphrase: key.passphrase(of: stream, epoch: Epoch(1))
        ).text.reveal()
    }

    @Test func ticketsThatDoNotCount() async throws {
        let bytes = try await bytes()
        try await RunningMedia.run { platform in
            let other = StreamID(unchecked: "other")
            let expired = try address(platform) { $0.expiresAt = .now + .seconds(-1) }
            let foreign = try address(platform) { $0.stream = other }
            let play = try address(platform) {
                $0 = Ticket(
                    playing: $0.stream,
                    epoch: $0.epoch,
                    lease: LeaseID(unchecked: "l"),
                    expiresAt: $0.expiresAt,
                    nonce: $0.nonce
                )
            }
            let good = try address(platform) { _ in }
            let forged = good.replacing("%2Cs%3DAwE", with: "%2Cs%3DAwF")
            #expect(forged != good, "a ticket begins with version 3 and its purpose")
            for (address, reason) in [
                (expired, "expired"), (foreign, "foreign-stream"), (play, "wrong-purpose"),
                (forged, "forged"),
            ] {
                #expect(throws: SRTError.self, "\(reason)") { try platform.connect(address) }
                #expect(platform.metric(refused(reason)) == 1, "\(reason)")
            }
            // None of it has hurt the real one, which counts once.
            let unit = try platform.connect(good)
            try await platform.send(tables(bytes), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            #expect(throws: SRTError.self) { try platform.connect(good) }
            #expect(platform.metric(refused("reused")) == 1)
            unit.close()
        }
    }

    @Test func wrongAndMissingPassphrases() async throws {
        try await RunningMedia.run { platform in
            let good = try address(platform) { _ in }
            var parsed = try SRTAddress(parsing: Secret(good))
            for passphrase in [Secret("not the passphrase"), nil] {
                parsed.passphrase = passphrase
                let address = parsed.text.reveal()
                #expect(throws: SRTError.self) { try platform.connect(address) }
            }
            // The ticket was not used up by them.
            try platform.connect(good).close()
        }
    }

    /// With `optional` a peer in the clear is welcome, one with another passphrase is not.
    @Test func optionalEncryptionStillChecksPassphrases() async throws {
        let bytes = try await bytes()
        let settings = RunningMedia.settings { $0.encryption = .optional }
        try await RunningMedia.run(settings) { platform in
            var wrong = try SRTAddress(parsing: Secret(try address(platform) { _ in }))
            wrong.passphrase = Secret("not the passphrase")
            var options = SRTOptions(wrong)
            options.waits = true
            options.enforcesEncryption = false
            let deaf = try SRTSocket(options)
            try? deaf.connect(to: try NetworkAddress.resolve(host: "127.0.0.1", port: platform.media.port)[0])
            var clear = wrong
            clear.passphrase = nil
            clear.streamID = try SRTAddress(parsing: Secret(try address(platform) { _ in })).streamID
            options = SRTOptions(clear)
            options.waits = true
            options.enforcesEncryption = false
            let unit = try SRTSocket(options)
            try unit.connect(to: try NetworkAddress.resolve(host: "127.0.0.1", port: platform.media.port)[0])
            try await platform.send(tables(bytes), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            #expect(platform.metric(refused("wrong-secret")) == 1)
            unit.close()
            deaf.close()
        }
    }

    /// `close` voids every ticket of the stream, used or not.
    @Test func closingVoidsTickets() async throws {
        let bytes = try await bytes()
        try await RunningMedia.run { platform in
            let first = try await platform.order(stream)
            let second = try await platform.order(stream)
            let unit = try platform.connect(first)
            try await platform.send(tables(bytes), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let play = try await platform.play(stream)
            await platform.media.close(stream)
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPlatform)))
            #expect(throws: SRTError.self) { try platform.connect(second) }
            #expect(throws: SRTError.self) { try platform.connect(play.srt) }
            #expect(platform.metric(refused("void")) == 2)
            #expect(try await status(play.http) == 401)
            await #expect(throws: MediaError.noSuchStream(stream)) { try await platform.play(stream) }
            await #expect(throws: MediaError.self) { try await platform.order(stream) }
            try platform.connect(try await platform.order(stream, epoch: 2)).close()
        }
    }

    /// Taking one lease back ends its viewers over either protocol and voids its tickets; others see nothing of it.
    @Test func dismissingEndsOneLeaseOnly() async throws {
        let bytes = try await bytes()
        try await RunningMedia.run { platform in
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(tables(bytes), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let (annas, berts) = (LeaseID(unchecked: "anna"), LeaseID(unchecked: "bert"))
            let anna = try await platform.play(stream, lease: annas.rawValue)
            let bert = try await platform.play(stream, lease: berts.rawValue)
            let overSRT = try platform.connect(anna.srt)
            #expect(await platform.events.wait(for: .viewerJoined(stream, annas, viewers: 1)))
            let overHTTP = try Tool("curl", ["-sN", "-o", "/dev/null", anna.http])
            #expect(await platform.events.wait(for: .viewerJoined(stream, annas, viewers: 2)))
            let other = try platform.connect(bert.srt)
            #expect(await platform.events.wait(for: .viewerJoined(stream, berts, viewers: 3)))

            await platform.media.dismiss([annas], of: stream)
            #expect(
                await platform.events.wait(for: .viewerLeft(stream, annas, viewers: 1, .dismissed))
            )
            await overHTTP.waitForExit()
            #expect(try await status(anna.http) == 401)
            #expect(throws: SRTError.self) { try platform.connect(anna.srt) }
            #expect(platform.metric(refused("void")) == 2)
            #expect(await platform.media.streams().map(\.viewers) == [1])
            #expect(try await status(bert.http, "-I") == 200)
            overSRT.close()
            other.close()
            unit.close()
        }
    }

    @Test func viewersOverHTTP() async throws {
        let bytes = try await bytes()
        try await RunningMedia.run { platform in
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(tables(bytes), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let play = try await platform.play(stream)
            let base = "http://127.0.0.1:\(platform.httpPort)/live"
            #expect(try await status(play.http, "-I") == 200)
            #expect(try await status(base + "/cam1-0.ts") == 401)
            #expect(try await status(base + "/cam1-0.ts?ticket=AAAA") == 401)
            #expect(try await status(play.http.replacing("cam1-0", with: "cam2-0")) == 401)
            #expect(try await status(base + "/..%2F.ts?ticket=AAAA") == 404)
            let body = try await Tool.run("curl", ["-s", base + "/cam1-0.ts"])
            #expect(body.contains("\"status\":401"))
            unit.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            #expect(try await status(play.http) == 404)
            #expect(await platform.media.streams().isEmpty)
        }
    }

    @Test func limitsAreToldAndKept() async throws {
        let bytes = try await bytes()
        let settings = RunningMedia.settings {
            $0.limits.streams = 1
            $0.limits.viewersPerStream = 1
        }
        try await RunningMedia.run(settings) { platform in
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(tables(bytes), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let one = try await platform.play(stream)
            let curl = try Tool("curl", ["-sS", "-o", "/dev/null", one.http])
            #expect(await platform.events.viewers(1))
            #expect(try await status(one.http) == 503)
            #expect(throws: SRTError.self) { try platform.connect(one.srt) }
            await #expect(throws: MediaError.self) { try await platform.play(stream) }
            await #expect(throws: MediaError.busy("1 streams")) {
                try await platform.order(StreamID(unchecked: "second"))
            }
            curl.signal(SIGKILL)
            unit.close()
        }
    }

    @Test func oneAddressMayNotFlood() async throws {
        let settings = RunningMedia.settings {
            $0.limits.handshakesPerSecond = 0.001
            $0.limits.handshakeBurst = 2
        }
        try await RunningMedia.run(settings) { platform in
            let rubbish = "srt://127.0.0.1:\(platform.media.port)?streamid=nothing"
            for _ in 0..<3 { #expect(throws: SRTError.self) { try platform.connect(rubbish) } }
            #expect(platform.metric(refused("malformed")) == 2)
            #expect(platform.metric(refused("rate")) == 1)
        }
    }

    @Test func aTakenPortIsNamed() throws {
        var settings = MediaSettings(key: RunningMedia.key)
        settings.host = "127.0.0.1"
        settings.port = 0
        let first = try MediaService(settings, metrics: MetricRegistry(), logger: .init(label: "test"))
        settings.port = first.port
        for lanes in [1, 2] {
            settings.lanes = lanes
            #expect {
                _ = try MediaService(settings, metrics: MetricRegistry(), logger: .init(label: "test"))
            } throws: {
                "\($0)".contains("UDP port \(first.port) is taken")
            }
        }
        settings.key = Secret("short")
        #expect(throws: MediaStartError.self) {
            _ = try MediaService(settings, metrics: MetricRegistry(), logger: .init(label: "test"))
        }
    }

    /// The memory of used tickets ends with the media server: what it handed out counts no more, used or not. A customer
    /// may come back with the address that he has.
    @Test func aRestartVoidsPublishTicketsAndKeepsPlayTickets() async throws {
        let bytes = try await bytes()
        let addresses = Mutex<(used: String, unused: String, play: String)>(("", "", ""))
        let firstPort = Mutex(0)
        try await RunningMedia.run { platform in
            let used = try await platform.order(stream)
            let unused = try await platform.order(stream)
            let unit = try platform.connect(used)
            try await platform.send(tables(bytes), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let play = try await platform.play(stream).srt
            addresses.withLock { $0 = (used, unused, play) }
            firstPort.withLock { $0 = platform.media.port }
            unit.close()
        }
        // libsrt frees a port some time after it was closed.
        let old = "127.0.0.1:\(firstPort.withLock { $0 })"
        let (used, unused, play) = addresses.withLock { $0 }
        try await RunningMedia.run { platform in
            let new = "127.0.0.1:\(platform.media.port)"
            for address in [used, unused] {
                #expect(throws: SRTError.self) { try platform.connect(address.replacing(old, with: new)) }
            }
            #expect(platform.metric(refused("foreign-issuer")) == 2)
            // The stream goes on under its name with a ticket of the new run.
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(tables(bytes), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let viewer = try platform.connect(play.replacing(old, with: new))
            #expect(await platform.events.viewers(1))
            for socket in [unit, viewer] { socket.close() }
        }
    }

    /// HEAD (RFC 9110, 9.3.2): as GET, without a body, and without what GET does beside: no session is opened for it.
    @Test func playersMayAskWithoutTaking() async throws {
        let clip = try await Clip.shared.value
        try await RunningMedia.run { platform in
            let stream = StreamID(unchecked: "cam1-0")
            let unit = try platform.publish(clip, to: try await platform.order(stream), loops: -1)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let index = try await platform.hls(stream)
            #expect(try await status(index, "-I") == 200)
            #expect(try await status(index.replacing("ticket=", with: "ticket=x"), "-I") == 401)
            #expect(await platform.media.streams().map(\.viewers) == [0])
            let player = try await HLSPlayerOfTests(platform, stream)
            let playlist = try await player.playlist().text
            let segment = try #require(playlist.split(separator: "\n").first { $0.hasSuffix(".m4s") })
            // The playlist grows meanwhile; a segment does not change.
            #expect(try await status(player.base + "live.m3u8", "-I") == 200)
            let address = player.base + segment
            let head = try await Tool.run("curl", ["-sI", address]).lowercased()
            let size = try await Tool.run(
                "curl",
                ["-s", "-o", "/dev/null", "-w", "%{size_download}", address]
            )
            #expect(head.contains("200 ok") && head.contains("content-type: video/mp4"), "\(head)")
            #expect(head.contains("content-length: \(size)\r\n"), "\(head) \(size)")
            #expect(try await status(player.base + "9999.m4s", "-I") == 404)
            unit.signal(SIGKILL)
        }
    }

    private func status(_ url: String, _ options: String...) async throws -> Int {
        let text = try await Tool.run(
            "curl",
            ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5"] + options + [url]
        )
        return Int(text) ?? 0
    }
}
