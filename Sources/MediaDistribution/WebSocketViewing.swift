import Bus
import HSSModel
import HostClock
import Hummingbird
import NIOCore
import NIOWebSocket
package import ServerKit
import Vm

extension MediaService {
    /// `GET /live/{stream}.ws?ticket=…`: the stream as fragmented MP4 over a WebSocket, from its last key frame on.
    ///
    /// A text message tells what comes, in JSON; binary messages follow: one initialisation segment, then fragments, each
    /// of them one message. Where the stream changes, the next text message tells. The ticket is checked before the
    /// WebSocket opens, and stands in the address because browsers send no headers; cookies open nothing.
    package var webSocketRoute: WebSocketRoute {
        WebSocketRoute { path in
            Self.streamName(in: path) != nil
        } admit: { [self] opening in
            let ticket = try admit(opening.request, Self.streamName(in: opening.request.uri.path))
            let peer = ViewerPeer(address: opening.remoteAddress, isEncrypted: opening.isEncrypted)
            return { [self] socket in await show(ticket, on: socket, to: peer) }
        }
    }

    private static func streamName(in path: String) -> String? {
        guard path.hasPrefix("/live/"), path.hasSuffix(".ws") else { return nil }
        let name = path.dropFirst("/live/".count).dropLast(".ws".count)
        return name.isEmpty || name.contains("/") ? nil : String(name)
    }

    @concurrent private func show(_ ticket: Ticket, on socket: WebSocket, to peer: ViewerPeer) async {
        let viewer = HTTPViewer(limitInBytes: limits.viewerQueueInBytes, at: .now)
        let seat: FragmentMuxers.Seat
        do throws(MediaRefusal) {
            // The place may be gone since the answer began.
            seat = try fragments.join(ticket, viewer, from: peer)
        } catch {
            metrics.count(error)
            return socket.close(WebSocketClose(WebSocketErrorCode(codeNumber: 1013), error.rawValue))
        }
        socket.ended.whenSuccess { viewer.end(MediaEnd($0)) }
        await withTaskGroup { group in
            group.addTask { await Self.write(everythingOf: viewer, to: socket) }
            // A connection that takes nothing holds up the other task; closing it frees it.
            group.addTask {
                await viewer.waitUntilBroken()
                if let reason = viewer.endReason { socket.close(WebSocketClose(reason)) }
            }
            await group.next()
            group.cancelAll()
        }
        let reason = viewer.endReason ?? .closedByPeer
        socket.close(WebSocketClose(reason))
        fragments.leave(seat, viewer, reason)
    }

    /// Until the viewing has ended, or the connection.
    @concurrent private static func write(everythingOf viewer: HTTPViewer, to socket: WebSocket) async {
        var bell = viewer.makeBell()
        while let frames = await viewer.next(&bell) {
            guard (try? await socket.write(frames)) != nil else { return }
        }
    }
}

extension MediaEnd {
    init(_ end: WebSocketEnd) {
        self =
            switch end {
            case .closedByPeer, .closedByUs: .closedByPeer
            case .silent: .silent
            case .faulty: .malformed
            case .goingAway: .shuttingDown
            }
    }
}

extension WebSocketClose {
    /// The registered code that tells a program whether to come back (RFC 6455, 7.4), and the word of the API.
    init(_ reason: MediaEnd) {
        let code: WebSocketErrorCode =
            switch reason {
            case .closedByPeer, .closedByPlatform, .publisherGone: .normalClosure
            case .shuttingDown: .goingAway
            case .dismissed, .userLimit, .closedByOperator: .policyViolation
            // "Try again later."
            case .tooSlow, .silent, .transcodingFailed, .formatChanged:
                WebSocketErrorCode(codeNumber: 1013)
            case .malformed: .protocolError
            case .displaced, .overBitrate, .noProgramme, .noMedia, .unsupportedCodec: .unexpectedServerError
            }
        self.init(code, reason.rawValue)
    }
}
