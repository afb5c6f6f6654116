import Bus
import Foundation
import Glibc
import HSSModel
import SRTTransport
import ServerKit
import Testing

@testable import MediaDistribution

@Suite("Peers that misbehave", .timeLimit(.minutes(4))) struct HostilePeerTests {
    private let stream = StreamID(unchecked: "cam1-0")

    @Test func aPublisherOfGarbageIsClosed() async throws {
        try await RunningMedia.run { platform in
            let unit = try platform.connect(try await platform.order(stream))
            // No octet is a sync byte.
            try await platform.send([UInt8](repeating: 0xAA, count: 100_000), on: unit)
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .malformed)))
            #expect(await !platform.events.all.contains(.published(stream, Epoch(1))))
            unit.close()
        }
    }

    @Test func aPublisherThatFallsSilentIsClosed() async throws {
        let bytes = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        let settings = RunningMedia.settings {
            $0.limits.silence = .seconds(4)
            $0.limits.grace = .seconds(1)
        }
        try await RunningMedia.run(settings) { platform in
            let mute = try platform.connect(try await platform.order(StreamID(unchecked: "mute")))
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(bytes.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let viewer = try platform.connect(try await platform.play(stream).srt)
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .silent)))
            #expect(
                await platform.events.wait(for: .unpublished(StreamID(unchecked: "mute"), Epoch(1), .silent))
            )
            // Nobody came back in time.
            let left = MediaEvent.viewerLeft(
                stream,
                LeaseID(unchecked: "lease"),
                viewers: 0,
                .publisherGone
            )
            #expect(await platform.events.wait(for: left))
            for socket in [mute, unit, viewer] { socket.close() }
        }
    }

    /// One viewer takes nothing and is dropped; another misses no picture.
    @Test func aSlowViewerSlowsNobody() async throws {
        let clip = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        let settings = RunningMedia.settings {
            $0.limits.viewerQueueInBytes = 200_000
            $0.limits.picturesInBytes = 200_000
            $0.limits.slowness = .seconds(1)
        }
        try await RunningMedia.run(settings) { platform in
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(clip.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let stuck = try StuckHTTPViewer(try await platform.play(stream, lease: "stuck").http)
            #expect(await platform.events.viewers(1))
            let folder = try temporaryFolder()
            let file = folder.appending(path: "good.ts").path
            let good = try Tool(
                "curl",
                ["-sS", "-o", file, try await platform.play(stream, lease: "good").http]
            )
            #expect(await platform.events.viewers(2))
            // More than the socket buffers of the stuck one hold.
            try await platform.send(clip.dropFirst(26_320), on: unit)
            for _ in 0..<40 { try await platform.send(clip, on: unit) }
            let gone = await platform.events.first {
                if case .viewerLeft(_, let lease, _, .tooSlow) = $0 {
                    lease.rawValue == "stuck"
                } else {
                    false
                }
            }
            #expect(gone != nil)
            unit.close()
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            await platform.media.close(stream)
            await good.waitForExit()
            #expect(try await Clip.probe(file).pictures.count == 41 * Clip.frames)
            #expect(platform.metric("vedette_media_batches_skipped_total") > 0)
            stuck.close()
        }
    }

    /// Datagrams that are nothing, and handshakes that would make libsrt allocate: nothing happens, and a real unit is
    /// served. Over IPv4 and over IPv6, where the filter sees the same offsets.
    @Test(arguments: ["127.0.0.1", "::"]) func rubbishDoesNothing(_ host: String) async throws {
        let bytes = [UInt8](try Data(contentsOf: try await Clip.shared.value))
        let settings = RunningMedia.settings {
            $0.host = host
            $0.lanes = host == "::" ? 2 : 1
        }
        try await RunningMedia.run(settings) { platform in
            let sender = try RawUDP(port: platform.media.port, isIPv6: host == "::")
            defer { sender.close() }
            var random = SystemRandomNumberGenerator()
            for length in 0..<1400 {
                var datagram = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
                // Every third looks like a control packet, every sixth like a handshake.
                if length > 16, length % 3 == 0 {
                    datagram.replaceSubrange(0..<2, with: [0x80, UInt8(length % 6)])
                }
                sender.send(datagram)
            }
            // The induction is answered as long as its flow window is sane, whatever its sub-type says.
            for (window, subtype, isAnswered) in [
                (UInt32(8192), UInt8(0), true), (65_537, 0, false), (0xFFFF_FFFF, 0, false),
                (65_537, 7, false),
                (65_536, 0, true),
            ] {
                sender.drain()
                sender.send(RawUDP.induction(flowWindow: window, subtype: subtype))
                #expect(sender.isAnswered() == isAnswered, "window \(window)")
            }
            let unit = try platform.connect(try await platform.order(stream))
            try await platform.send(bytes.prefix(26_320), on: unit)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            unit.close()
        }
    }
}

/// Asks for a stream and never reads the answer.
private struct StuckHTTPViewer {
    private let descriptor: Int32

    init(_ url: String) throws {
        let parsed = try #require(URL(string: url))
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var buffer: Int32 = 4096
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &buffer, 4)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(parsed.port ?? 0).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, 16) }
        }
        try #require(connected == 0)
        let request = "GET \(parsed.path)?\(parsed.query ?? "") HTTP/1.1\r\nHost: a\r\n\r\n"
        try #require(write(descriptor, request, request.utf8.count) == request.utf8.count)
    }

    func close() { Glibc.close(descriptor) }
}

/// A stranger with a UDP socket.
private struct RawUDP {
    private let descriptor: Int32

    init(port: Int, isIPv6: Bool) throws {
        descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        let connected: Int32
        if isIPv6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = UInt16(port).bigEndian
            address.sin6_addr = in6addr_loopback
            connected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, 28) }
            }
        } else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            connected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, 16) }
            }
        }
        try #require(connected == 0)
    }

    func send(_ datagram: [UInt8]) { _ = Glibc.send(descriptor, datagram, datagram.count, 0) }

    func drain() {
        var buffer = [UInt8](repeating: 0, count: 2000)
        while recv(descriptor, &buffer, 2000, Int32(MSG_DONTWAIT)) > 0 {}
    }

    /// Whether anything comes back within a second, or a fifth of one for silence.
    func isAnswered() -> Bool {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&wanted, 1, 500) == 1
    }

    func close() { Glibc.close(descriptor) }

    /// The first packet of a caller (draft-sharabayko-srt-01, 4.3.1.1).
    static func induction(flowWindow: UInt32, subtype: UInt8) -> [UInt8] {
        var words: [UInt32] = [0x8000_0000 | UInt32(subtype), 0, 0, 0]
        words += [4, 2, 1234, 1500, flowWindow, 1, 4321, 0, 0x0100_007F, 0, 0, 0]
        return words.flatMap { word in withUnsafeBytes(of: word.bigEndian) { Array($0) } }
    }
}
