import Foundation
import Glibc
import Synchronization
import TestSupport

/// A UDP relay between one caller and a server on this machine that loses what it is told to lose.
final class LossyLink: Sendable {
    enum Direction: Sendable { case toServer, toCaller }

    /// What is lost: a share of everything, by a seed, or whatever a rule says.
    enum Loss: Sendable {
        case share(Double, seed: UInt64)
        case rule(@Sendable (Direction, UnsafeRawBufferPointer) -> Bool)
    }

    let port: Int
    private let caller: Int32
    private let server: Int32
    private let isStopped = Atomic(false)
    private let lost = Atomic(0)

    init(to serverPort: Int, losing loss: Loss) throws {
        let caller = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        let server = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        (self.caller, self.server) = (caller, server)
        var address = Self.loopback(0)
        var target = Self.loopback(serverPort)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let results = [
            Self.withSockaddr(&address) { bind(caller, $0, length) },
            Self.withSockaddr(&address) { getsockname(caller, $0, &length) },
            Self.withSockaddr(&target) { connect(server, $0, length) },
        ]
        port = Int(UInt16(bigEndian: address.sin_port))
        guard results.allSatisfy({ $0 == 0 }) else {
            throw Tool.Failure(description: "the lossy link has no sockets: \(results)")
        }
        for descriptor in [caller, server] {
            var size: Int32 = 4 << 20
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
        }
        Thread.detachNewThread { [self] in run(loss) }
    }

    /// Datagrams lost so far.
    var losses: Int { lost.load(ordering: .relaxed) }

    func stop() { isStopped.store(true, ordering: .relaxed) }

    private func run(_ loss: Loss) {
        var random = SeededGenerator(seed: 0)
        if case .share(_, let seed) = loss { random = SeededGenerator(seed: seed) }
        var from = Self.loopback(0)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2000, alignment: 8)
        defer {
            buffer.deallocate()
            close(caller)
            close(server)
        }
        var waiting = [caller, server].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while !isStopped.load(ordering: .relaxed) {
            guard poll(&waiting, 2, 50) > 0 else { continue }
            for (index, direction) in [Direction.toServer, .toCaller].enumerated()
            where waiting[index].revents != 0 {
                let count =
                    direction == .toServer
                    ? Self.withSockaddr(&from) { address in
                        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                        return recvfrom(
                            caller,
                            buffer.baseAddress,
                            2000,
                            Int32(MSG_DONTWAIT),
                            address,
                            &length
                        )
                    } : recv(server, buffer.baseAddress, 2000, Int32(MSG_DONTWAIT))
                guard count > 0 else { continue }
                let datagram = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                let isLost =
                    switch loss {
                    case .share(let share, _): Double.random(in: 0..<1, using: &random) < share
                    case .rule(let rule): rule(direction, datagram)
                    }
                if isLost {
                    lost.wrappingAdd(1, ordering: .relaxed)
                } else if direction == .toServer {
                    _ = send(server, buffer.baseAddress, count, 0)
                } else {
                    _ = Self.withSockaddr(&from) { sendto(caller, buffer.baseAddress, count, 0, $0, 16) }
                }
            }
        }
    }

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func withSockaddr<Result>(
        _ address: inout sockaddr_in,
        _ body: (UnsafeMutablePointer<sockaddr>) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
        }
    }
}
