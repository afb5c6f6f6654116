import Foundation
import Glibc
import HSSModel
import HostClock
import SRTTransport
import Synchronization
import Vm

/// Many viewers over SRT in one thread, over a few ports that they share: what watches must cost little, for it runs beside
/// what is watched.
final class SRTAudience: Sendable {
    private static let tick: UInt32 = 5000  // µs
    /// Local ports; each is two threads of libsrt, with a receive buffer of its own.
    static let ports = 4

    private struct Visit: Sendable {
        var number: UInt64
        var options: SRTOptions
        var server: NetworkAddress
        var sink: @Sendable (UnsafeRawBufferPointer) -> Void
        var ended: CheckedContinuation<Void, Never>
    }

    private struct Inbox {
        var visits: [Visit] = []
        var leaving: Set<UInt64> = []
        var lastNumber: UInt64 = 0
        var isClosed = false
    }

    private let inbox = Mutex(Inbox())
    private let firstPort: Int

    init(firstPort: Int) {
        self.firstPort = firstPort
        Thread { [self] in run() }.start()
    }

    /// Watches until the stream ends, could not be opened, or the task is cancelled.
    func watch(_ url: String, _ sink: @escaping @Sendable (UnsafeRawBufferPointer) -> Void) async throws {
        let address = try SRTAddress(parsing: Secret(url))
        var options = SRTOptions(address)
        // Without a thread for each; `PacketReorder` does what is lost by it.
        options.reordersByTimestamp = false
        options.receiveBufferInBytes = 3 << 20
        options.flowWindow = 4096
        let server = try NetworkAddress.resolve(host: "127.0.0.1", port: address.port)[0]
        let number = inbox.withLock { inbox in
            inbox.lastNumber += 1
            return inbox.lastNumber
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let visit = Visit(
                    number: number,
                    options: options,
                    server: server,
                    sink: sink,
                    ended: continuation
                )
                let isAccepted = inbox.withLock { inbox in
                    if !inbox.isClosed { inbox.visits.append(visit) }
                    return !inbox.isClosed
                }
                if !isAccepted { continuation.resume() }
            }
        } onCancel: {
            inbox.withLock { _ = $0.leaving.insert(number) }
        }
        inbox.withLock { _ = $0.leaving.remove(number) }
    }

    /// Ends every visit, and the thread.
    func close() {
        inbox.withLock { $0.isClosed = true }
    }

    // MARK: The thread

    private func run() {
        var open: [Connection] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: SRTSocket.longestMessage, alignment: 1)
        defer { buffer.deallocate() }
        while true {
            let (visits, leaving, isClosed) = inbox.withLock { inbox in
                defer { inbox.visits = [] }
                return (inbox.visits, inbox.leaving, inbox.isClosed)
            }
            for visit in visits {
                let port = firstPort + Int(visit.number % UInt64(Self.ports))
                guard !leaving.contains(visit.number) else {
                    visit.ended.resume()
                    continue
                }
                do { open.append(try Connection(visit, from: port)) } catch {
                    say("  ! a call over SRT: \(error)")
                    visit.ended.resume()
                }
            }
            let now = Instant.now
            open.removeAll { connection in
                guard
                    isClosed || leaving.contains(connection.visit.number)
                        || !connection.receive(into: buffer, at: now)
                else { return false }
                connection.socket.close()
                connection.visit.ended.resume()
                return true
            }
            if isClosed { return }
            usleep(Self.tick)
        }
    }

    private final class Connection {
        let visit: Visit
        let socket: SRTSocket
        private var hasConnected = false
        private var order = PacketReorder(holeDeadline: .milliseconds(300))

        init(_ visit: Visit, from port: Int) throws {
            let socket = try SRTSocket(visit.options)
            do {
                try socket.bind(to: NetworkAddress.resolve(host: "127.0.0.1", port: port)[0])
                try socket.connect(to: visit.server)
            } catch {
                socket.close()
                throw error
            }
            self.visit = visit
            self.socket = socket
        }

        /// False: it is over.
        func receive(into buffer: UnsafeMutableRawBufferPointer, at now: Instant) -> Bool {
            switch socket.state {
            case .connecting: return true
            case .connected: break
            case .opening, .listening, .broken:
                if !hasConnected { say("  ! a call over SRT: \(socket.rejection)") }
                return false
            }
            hasConnected = true
            guard socket.hasMessages else { return true }
            do {
                for _ in 0..<max(1, socket.receivable) {
                    guard let (length, sequence) = try socket.receive(into: buffer) else { break }
                    let message = UnsafeRawBufferPointer(rebasing: buffer[..<length])
                    order.push(message, sequence: sequence, at: now, deliver: visit.sink)
                }
                order.giveUpHoles(at: now, deliver: visit.sink)
                return true
            } catch {
                return false
            }
        }
    }
}
