import CustomerUnit
import Foundation
import Glibc
import HSSModel
import NIOCore
import NIOPosix
import Testing
import Vd

extension EndToEnd {
    /// Bad input from outside: a clear refusal, no crash, and healthy units undisturbed.
    @Suite("Hostile peers against a running platform") struct HostilePeersTests {
        @Test func floodsAndRubbishDisturbNobody() async throws {
            let platform = try await PlatformProcess(["VEDETTE_LIMITS_CONNECTIONS_PER_ADDRESS": "100"])
            let anna = try await platform.customer("anna")
            let unit = try await Camera.bound("cam-1", to: anna, on: platform)
            let before = try await platform.figure("process_resident_memory_bytes")

            try await flood(port: platform.vd, connections: 10_000)
            try await flood(port: platform.https, connections: 1000)
            try rubbish(port: platform.srt, count: 20_000)
            // Let go of what the flood held, so that the checks below come through the same address.
            try await eventually("the flood's connections are gone", within: 60) {
                (try? await platform.figure("vedette_connections_open{listener=\"vd\"}")) ?? 99 <= 1
            }

            #expect(!unit.isClosed, "the healthy unit lost its connection")
            try await unit.send(
                .request(Keepalive(macID: "00:11:22:33:44:55", state: .online, channels: []).request, seq: 1)
            )
            let devices: [DeviceAnswer] = try await anna.all("/devices")
            #expect(devices.first?.online == true)
            let after = try await platform.figure("process_resident_memory_bytes")
            #expect(after - before < 200e6, "memory grew from \(before) to \(after)")
            #expect(!platform.running.hasEnded)
            await anna.shutdown()
        }

        /// "a malformed packet … close the WebSocket" (deployed practice): that connection only.
        @Test(arguments: [
            "{", "[]", "null", "\u{0}", #"{"req":"Keepalive"}"#, String(repeating: "[", count: 60_000),
            #"{"req":"X","seq":1,"params":"# + String(repeating: #"{"a":"#, count: 5000) + "1",
        ]) func aMalformedPacketClosesItsConnectionOnly(packet: String) async throws {
            let platform = try await SharedPlatform.running()
            let name = "bad-\(UUID().uuidString.prefix(8))"
            let password = try await platform.enrol(name, mac: name)
            let bad = try await ManualUnit.logIn(platform, device: name, password: password)
            let good = try await SharedPlatform.healthyUnit()
            try await bad.send(text: Array(packet.utf8))
            try await eventually("the connection is closed") { bad.isClosed }
            #expect(!good.isClosed)
            #expect(!platform.running.hasEnded)
        }

        private func flood(port: Int, connections: Int) async throws {
            // In batches, all open at once within a batch; the kernel's backlog and the gate decide who stays.
            for _ in 0..<(connections / 500) {
                let channels = await withTaskGroup(of: (any Channel)?.self) { group in
                    for _ in 0..<500 {
                        group.addTask {
                            try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                                .connectTimeout(.seconds(5)).connect(host: "127.0.0.1", port: port).get()
                        }
                    }
                    var open: [any Channel] = []
                    for await channel in group { if let channel { open.append(channel) } }
                    return open
                }
                for channel in channels {
                    channel.writeAndFlush(
                        ByteBuffer(bytes: (0..<64).map { _ in UInt8.random(in: 0...255) }),
                        promise: nil
                    )
                    channel.close(promise: nil)
                }
            }
        }

        /// Truncated handshakes, absurd windows and noise on the SRT port.
        private func rubbish(port: Int, count: Int) throws {
            let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            for number in 0..<count {
                var bytes = (0..<Int.random(in: 0...96)).map { _ in UInt8.random(in: 0...255) }
                if number % 2 == 0, bytes.count >= 4 { bytes.replaceSubrange(0..<4, with: [0x80, 0, 0, 0]) }
                withUnsafePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        _ = sendto(
                            descriptor,
                            bytes,
                            bytes.count,
                            0,
                            $0,
                            socklen_t(MemoryLayout<sockaddr_in>.size)
                        )
                    }
                }
            }
        }
    }
}

/// One platform for tests that do not harm it.
private actor SharedPlatform {
    private static let shared = SharedPlatform()
    private var starting: Task<(PlatformProcess, ManualUnit), any Error>?

    static func running() async throws -> PlatformProcess { try await shared.get().0 }
    static func healthyUnit() async throws -> ManualUnit { try await shared.get().1 }

    private func get() async throws -> (PlatformProcess, ManualUnit) {
        if let starting { return try await starting.value }
        let task = Task {
            let platform = try await PlatformProcess()
            let password = try await platform.enrol("good", mac: "good")
            return (platform, try await ManualUnit.logIn(platform, device: "good", password: password))
        }
        starting = task
        return try await task.value
    }
}
