import Bus
import HSSModel
import HTTPTypes
import HostClock
package import Hummingbird
import ServerKit
import Vm

/// Where a viewer over HTTP comes from, as far as its listener knows.
package struct ViewerPeer: Sendable {
    package var address: String?
    package var isEncrypted: Bool

    package init(address: String? = nil, isEncrypted: Bool = false) {
        self.address = address
        self.isEncrypted = isEncrypted
    }
}

extension MediaService {
    /// `GET /live/{stream}.ts?ticket=…`: the stream as MPEG-TS from its last key frame on, without end.
    ///
    /// The ticket is checked once; it stands in the address because players send no headers. Works over HTTP/1.1 and
    /// HTTP/2. `peer` tells where a request comes from.
    package func addRoutes<Context: RequestContext>(
        to router: Router<Context>,
        peer: @escaping @Sendable (Context) -> ViewerPeer = { _ in ViewerPeer() }
    ) {
        router.get("live/{stream}.ts") { request, context in
            try self.watch(request, context.parameters.get("stream"), from: peer(context))
        }
        router.head("live/{stream}.ts") { request, context in
            _ = try self.admit(request, context.parameters.get("stream"))
            return Response(status: .ok, headers: Self.headers)
        }
        addHLSRoutes(to: router, peer: peer)
        addPictureRoutes(to: router)
    }

    private static var headers: HTTPFields {
        [.contentType: "video/mp2t", .cacheControl: "no-store"]
    }

    private func watch(_ request: Request, _ name: String?, from peer: ViewerPeer) throws -> Response {
        let ticket = try admit(request, name)
        return Response(
            status: .ok,
            headers: Self.headers,
            body: ResponseBody { [self] writer in
                try await serve(ticket, request, from: peer, &writer)
            }
        )
    }

    /// Neutral for the peer: what is wrong with a ticket is only counted.
    func admit(_ request: Request, _ name: String?, forPicture: Bool = false) throws -> Ticket {
        do throws(MediaRefusal) {
            guard let stream = name.flatMap(StreamID.init(rawValue:)) else { throw .notRunning }
            guard let text = request.uri.queryParameters["ticket"] else { throw .malformed }
            let ticket = try admission.playTicket(Secret(String(text)), of: stream)
            if forPicture {
                try table.check(pictureFor: ticket)
            } else {
                try table.check(viewer: ticket)
            }
            return ticket
        } catch {
            throw refuse(error)
        }
    }

    func refuse(_ refusal: MediaRefusal) -> Problem {
        metrics.count(refusal)
        switch refusal {
        case .notRunning: return Problem(.notFound, detail: "The stream is not running.")
        case .tooManyViewers, .tooManyStreams, .tooManyHandshakes, .shuttingDown, .olderEpoch,
            .transcoding:
            return Problem(
                .serviceUnavailable,
                detail: "The media server is busy.",
                headers: [.retryAfter: "5"]
            )
        case .malformed, .forged, .expired, .reused, .void, .wrongPurpose, .foreignStream, .foreignIssuer,
            .wrongSecret:
            return Problem(.unauthorized, detail: "The address is not valid any more. Ask for a new one.")
        }
    }

    @concurrent private func serve(
        _ ticket: Ticket,
        _ request: Request,
        from address: ViewerPeer,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        let viewer = HTTPViewer(limitInBytes: limits.viewerQueueInBytes, at: .now)
        // The place may be gone since the answer began.
        var peer = MediaPeer(
            address: address.address,
            isEncrypted: address.isEncrypted,
            tally: viewer.tally
        )
        peer.figures = { (viewer.queuedBytes, nil) }
        guard let place = try? table.join(ticket, .ts, from: peer, at: .now, stop: { viewer.end($0) })
        else {
            return try await writer.finish(nil)
        }
        place.hub.add(viewer)
        defer {
            place.hub.remove(viewer)
            viewer.end(.closedByPeer)
            table.leave(ticket.stream, viewer: place.id, viewer.endReason ?? .closedByPeer, at: .now)
        }
        let output = ViewerOutput(writer)
        let isComplete = try await request.body.consumeWithInboundCloseHandler { _ in
            await withTaskGroup { group in
                group.addTask { await output.write(everythingOf: viewer) }
                // A connection that takes nothing holds up the other task; ending the viewing frees it.
                group.addTask {
                    await viewer.waitUntilBroken()
                    return false
                }
                defer { group.cancelAll() }
                return await group.next() ?? false
            }
        } onInboundClosed: {
            viewer.end(.closedByPeer)
        }
        // Finishing a body would wait for ever for a viewer that takes nothing; throwing closes its connection.
        guard isComplete, viewer.endReason?.letsViewersFinish ?? false else { throw CancellationError() }
        try await writer.finish(nil)
    }
}

/// The body of one response, handed to the task that writes it.
///
/// `@unchecked`: Hummingbird's writers are values around a channel's outbound writer, which any task may use; their
/// protocol does not say so. One task writes at a time: the group that writes has ended before the body is finished.
private struct ViewerOutput: @unchecked Sendable {
    private let writer: any ResponseBodyWriter

    init(_ writer: any ResponseBodyWriter) {
        self.writer = writer
    }

    /// False: the connection is gone, or the viewing was broken off while it took nothing.
    @concurrent func write(everythingOf viewer: HTTPViewer) async -> Bool {
        var writer = writer
        var bell = viewer.makeBell()
        do {
            while let batches = await viewer.next(&bell) { try await writer.write(contentsOf: batches) }
            return true
        } catch {
            return false
        }
    }
}
