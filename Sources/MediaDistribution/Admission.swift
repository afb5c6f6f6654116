import HSSModel
import HostClock
import SRTTransport
import ServerKit
import Synchronization
import Vm

/// Judges peers at the door: the handshake in libsrt's listen callback, where a refusal costs nothing, and the
/// connection again when it stands, because the world may have changed in between.
final class Admission: Sendable {
    /// A viewer sends nothing; libsrt allows no less. Saves 80 KB for each.
    private static let flowWindowOfViewers = 32

    private let key: TicketKey
    private let encryption: MediaSettings.Encryption
    private let table: StreamTable
    private let metrics: MediaMetrics
    private let handshakes: Mutex<RateLimiter<SIMD16<UInt8>>>

    init(_ settings: MediaSettings, key: TicketKey, table: StreamTable, metrics: MediaMetrics) {
        self.key = key
        self.table = table
        self.metrics = metrics
        encryption = settings.encryption
        handshakes = Mutex(
            RateLimiter(
                perSecond: settings.limits.handshakesPerSecond,
                burst: settings.limits.handshakeBurst,
                capacity: 65_536
            )
        )
    }

    /// Runs on libsrt's receive thread: looks up, computes one signature, never waits.
    func judge(_ handshake: SRTHandshake) -> SRTVerdict {
        do throws(MediaRefusal) {
            if let peer = handshake.peer {
                let isWithinRate = handshakes.withLock { $0.admit(peer.peerKey, at: .now) }
                guard isWithinRate else { throw .tooManyHandshakes }
            }
            let ticket = try openTicket(of: handshake.streamID)
            let flowWindow: Int?
            var latency: Int?
            switch ticket.purpose {
            case .publish:
                try table.check(publisher: ticket)
                flowWindow = nil
                latency = Int(table.latency(of: ticket.stream).wholeMilliseconds)
            case .play:
                try table.check(viewer: ticket)
                flowWindow = Self.flowWindowOfViewers
            }
            let isEncrypted = encryption != .off
            let passphrase = isEncrypted ? key.passphrase(of: ticket.stream, epoch: ticket.epoch) : nil
            return .admit(passphrase: passphrase, flowWindow: flowWindow, latencyMilliseconds: latency)
        } catch {
            metrics.count(error)
            return .refuse(error.rejection)
        }
    }

    /// The ticket of a connection that stands.
    func ticket(of socket: SRTSocket) throws(MediaRefusal) -> Ticket {
        // Where encryption is optional libsrt lets a peer with another passphrase in, deaf and dumb.
        guard socket.keyState != .wrongSecret else { throw .wrongSecret }
        return try openTicket(of: socket.streamID)
    }

    /// The play ticket of an HTTP request.
    func playTicket(_ text: Secret, of stream: StreamID) throws(MediaRefusal) -> Ticket {
        try open(text, for: .play, of: stream)
    }

    private func openTicket(of streamID: String) throws(MediaRefusal) -> Ticket {
        guard let access = StreamAccess(parsing: streamID) else { throw .malformed }
        return try open(access.ticket, for: access.mode == .publish ? .publish : .play, of: access.stream)
    }

    private func open(
        _ text: Secret,
        for purpose: Ticket.Purpose,
        of stream: StreamID
    ) throws(MediaRefusal) -> Ticket {
        do throws(TicketError) {
            return try key.open(text, for: purpose, of: stream, at: .now)
        } catch {
            throw MediaRefusal(error)
        }
    }
}
