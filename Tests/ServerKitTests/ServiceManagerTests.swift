import Foundation
import Glibc
import Logging
import NIOCore
import NIOPosix
import ServerKit
import Synchronization
import Testing

/// Issue 6, "systemd unit (notify, watchdog, hardening)": the protocol of sd_notify(3), with a socket of the test in the
/// place of systemd's.
@Suite("The service manager") struct ServiceManagerTests {
    /// A datagram socket with a path, or with a name of Linux' abstract ones.
    private final class Manager: Sendable {
        private let descriptor: Int32
        private let path: String?
        let name: String

        init(isAbstract: Bool) throws {
            let unique = "vedette-\(UUID().uuidString)"
            name = isAbstract ? "@\(unique)" : "\(FileManager.default.temporaryDirectory.path)/\(unique)"
            path = isAbstract ? nil : name
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var octets = Array(name.utf8)
            if isAbstract { octets[0] = 0 } else { octets.append(0) }
            let address = withUnsafeBytes(of: sa_family_t(AF_UNIX)) { Array($0) } + octets
            let isBound = address.withUnsafeBytes { bytes -> Bool in
                guard let start = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else {
                    return false
                }
                return bind(descriptor, start, socklen_t(address.count)) == 0
            }
            try #require(isBound)
            // A test that fails ends.
            var limit = timeval(tv_sec: 60, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        }

        deinit {
            close(descriptor)
            if let path { unlink(path) }
        }

        /// The lines of the next message.
        func next() -> [String] {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return [] }
            return String(decoding: buffer[..<count], as: UTF8.self).components(separatedBy: "\n")
        }

        var isEmpty: Bool {
            var octet: UInt8 = 0
            return recv(descriptor, &octet, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK)) < 0
        }
    }

    @Test(arguments: [true, false]) func messagesArriveAtPathsAndAbstractNames(_ isAbstract: Bool) throws {
        let manager = try Manager(isAbstract: isAbstract)
        let notifier = try #require(ServiceNotifier(environment: ["NOTIFY_SOCKET": manager.name]))
        #expect(notifier.send(["READY=1", "STATUS=größer"]))
        #expect(manager.next() == ["READY=1", "STATUS=größer"])
    }

    @Test(arguments: ["", "@", "relative", "/" + String(repeating: "x", count: 200)])
    func otherNamesAreNone(_ name: String) {
        #expect(ServiceNotifier(environment: ["NOTIFY_SOCKET": name]) == nil)
        #expect(ServiceNotifier(environment: [:]) == nil)
    }

    @Test func aManagerThatIsGoneHoldsNobodyUp() throws {
        let notifier = try #require(
            ServiceNotifier(environment: ["NOTIFY_SOCKET": "/tmp/vedette-no-such-socket"])
        )
        #expect(!notifier.send(["READY=1"]))
    }

    @Test func theWatchdogIsForTheProcessThatItNames() {
        func interval(_ environment: [String: String]) -> Duration? {
            ServiceNotifier.watchdogInterval(environment: environment, process: 7)
        }
        #expect(interval([:]) == nil)
        #expect(interval(["WATCHDOG_USEC": "30000000"]) == .seconds(15))
        #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"]) == .seconds(15))
        #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"]) == nil)
        for wrong in ["0", "-1", "x", "", "99999999999999999999"] {
            #expect(interval(["WATCHDOG_USEC": wrong]) == nil)
        }
    }

    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static func link(
        _ manager: Manager,
        microseconds: Int,
        _ pulses: [(name: String, beat: ServiceManagerLink.Pulse)]
    ) -> ServiceManagerLink {
        ServiceManagerLink(
            environment: ["NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "\(microseconds)"],
            pulses: pulses,
            status: { "3 units connected" },
            logger: logger
        )
    }

    @Test func aSignOfLifeComesWhileEverythingAnswers() async throws {
        let manager = try Manager(isAbstract: true)
        let loops = ServiceManagerLink.eventLoops()
        let link = Self.link(manager, microseconds: 600_000_000, [("event loops", loops), ("b", { nil })])
        await link.beat()
        #expect(manager.next() == ["WATCHDOG=1", "STATUS=3 units connected"])
        link.ready()
        #expect(manager.next() == ["READY=1", "STATUS=3 units connected"])
        link.reloading()
        let lines = manager.next()
        #expect(lines.first == "RELOADING=1" && lines.contains { $0.hasPrefix("MONOTONIC_USEC=") })
    }

    /// What hangs is named, and nothing says that all is well.
    @Test func oneThatDoesNotAnswerEndsTheSignsOfLife() async throws {
        let manager = try Manager(isAbstract: true)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let gate = DispatchSemaphore(value: 0)
        await withCheckedContinuation { continuation in
            group.next().execute {
                continuation.resume()
                gate.wait()
            }
        }
        let hanging = Self.link(
            manager,
            microseconds: 200_000,
            [("loop", ServiceManagerLink.eventLoops(group))]
        )
        await hanging.beat()
        #expect(manager.next() == ["STATUS=loop does not answer"])
        gate.signal()
        let alive = Self.link(
            manager,
            microseconds: 600_000_000,
            [("loop", ServiceManagerLink.eventLoops(group))]
        )
        await alive.beat()
        #expect(manager.next().first == "WATCHDOG=1")
        let sick = Self.link(manager, microseconds: 600_000_000, [("a", { nil }), ("b", { "it is stuck" })])
        await sick.beat()
        #expect(manager.next() == ["STATUS=b: it is stuck"])
        #expect(manager.isEmpty)
        try await group.shutdownGracefully()
    }
}
