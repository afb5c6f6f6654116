internal import CLibSRT
internal import Glibc
package import HSSModel
internal import Synchronization

/// What a caller says of itself before its connection exists. Everything in it is hostile.
package struct SRTHandshake: Sendable {
    package let peer: NetworkAddress?
    /// At most 512 octets.
    package let streamID: String
}

/// What becomes of a handshake.
package enum SRTVerdict: Sendable, Equatable {
    /// Go on. With a passphrase the peer must have the same one; a connection without it is in the clear.
    /// `flowWindow`: packets that the peer may have in flight, by which libsrt sizes its lists of what was lost on receipt;
    /// `nil` leaves the listener's.
    /// `latencyMilliseconds`: of this connection; the larger one of both ends counts, and `nil` leaves the listener's.
    case admit(passphrase: Secret?, flowWindow: Int? = nil, latencyMilliseconds: Int? = nil)
    case refuse(SRTRejection)
}

/// A socket that listens. Handshakes are judged by a closure before they cost anything.
package final class SRTListener: Sendable {
    /// Outlives every callback: libsrt does not tell when the last one has ended, so it is never released.
    /// There are as many as the process ever opens listeners.
    private final class Judge: Sendable {
        /// A structure: a lock around a bare closure wraps it once more each time it is read, for good.
        struct Decision {
            var decide: (@Sendable (SRTHandshake) -> SRTVerdict)?
        }

        let decision: Mutex<Decision>

        init(_ decide: @escaping @Sendable (SRTHandshake) -> SRTVerdict) {
            decision = Mutex(Decision(decide: decide))
        }
    }

    package let socket: SRTSocket
    package let address: NetworkAddress
    private let judge: Judge

    /// Listens on `port`, which it takes over and closes in the end. `judge` runs on libsrt's receive thread, which
    /// serves every peer of the port: it must not wait.
    ///
    /// Passphrases come from `judge`; the buffers of accepted connections from `options`, because libsrt lets only the
    /// listener set them.
    package init(
        on port: consuming UDPPort,
        options: SRTOptions,
        backlog: Int = 1024,
        judge decide: @escaping @Sendable (SRTHandshake) -> SRTVerdict
    ) throws(SRTError) {
        var options = options
        options.passphrase = nil
        options.streamID = nil
        socket = try SRTSocket(options)
        judge = Judge(decide)
        address = port.address
        do throws(SRTError) {
            try port.give(to: socket)
            let opaque = Unmanaged.passRetained(judge).toOpaque()
            guard srt_listen_callback(socket.id, Self.callback, opaque) == 0 else {
                throw SRTError(operation: "judge handshakes")
            }
            guard srt_listen(socket.id, Int32(clamping: backlog)) == 0 else {
                throw SRTError(operation: "listen")
            }
        } catch {
            socket.close()
            throw error
        }
    }

    deinit { close() }

    /// The next connection that was admitted, `nil` when none waits.
    package func accept() -> SRTSocket? {
        let accepted = srt_accept(socket.id, nil, nil)
        return accepted == SRT_INVALID_SOCK ? nil : SRTSocket(id: accepted)
    }

    /// Accepted connections live on.
    package func close() {
        judge.decision.withLock { $0.decide = nil }
        socket.close()
    }

    private static let callback:
        @convention(c) (
            UnsafeMutableRawPointer?, Int32, Int32, UnsafePointer<sockaddr>?, UnsafePointer<CChar>?
        ) -> Int32 = { opaque, id, _, peer, streamID in
            guard let opaque else { return -1 }
            let judge = Unmanaged<Judge>.fromOpaque(opaque).takeUnretainedValue()
            let handshake = SRTHandshake(
                peer: peer.flatMap(NetworkAddress.init(copying:)),
                streamID: streamID.map { String(cString: $0) } ?? ""
            )
            let socket = SRTSocket(id: id)
            let decide = judge.decision.withLock { $0.decide }
            switch decide?(handshake) ?? .refuse(SRTRejection(code: SRT_REJX_DOWN)) {
            case .refuse(let reason):
                srt_setrejectreason(id, reason.code)
                return -1
            case .admit(let passphrase, let flowWindow, let latency):
                do throws(SRTError) {
                    if let flowWindow { try socket.set(SRTO_FC, Int32(clamping: flowWindow)) }
                    if let latency { try socket.set(SRTO_LATENCY, Int32(clamping: latency)) }
                    if let passphrase { try socket.set(SRTO_PASSPHRASE, passphrase.reveal()) }
                    return 0
                } catch {
                    srt_setrejectreason(id, SRT_REJX_ISE)
                    return -1
                }
            }
        }
}
