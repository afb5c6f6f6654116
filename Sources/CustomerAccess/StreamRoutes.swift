import Bus
import HSSModel
import HTTPTypes
import Hummingbird
import Logging
import ServerKit

/// Streams that run: for operators with everybody's connections, for owners with how their own picture does.
extension CustomerAPI {
    func addStreamRoutes(to api: RouterGroup<PlatformContext>) {
        let streams = api.group("admin/streams")
        streams.get { request, context in
            try Self.requireOperator(context)
            return try await answering { try await listStreams(request) }
        }
        streams.get(":stream") { request, context in
            try Self.requireOperator(context)
            return try await answering { try await showStream(try stream(context), request) }
        }
        streams.delete(":stream") { _, context in
            try Self.requireOperator(context)
            let caller = try context.caller()
            return try await answering { try await kickPublisher(of: try stream(context), by: caller) }
        }
        streams.delete(":stream/viewers/:viewer") { _, context in
            try Self.requireOperator(context)
            let caller = try context.caller()
            return try await answering { try await kickViewer(context, by: caller) }
        }
        api.get("devices/:id/channels/:n/live") { _, context in
            try await answering { try await showLive(context) }
        }
        api.delete("devices/:id/channels/:n/viewers/:user") { _, context in
            try await answering { try await endViewing(context) }
        }
    }

    // MARK: Operators

    private func listStreams(_ request: Request) async throws -> Response {
        let streams = await media.streams().sorted { $0.stream < $1.stream }
        return try await page(
            request,
            name: { $0.stream.rawValue },
            body: { StreamBody($0) },
            read: { after, limit in
                Array(streams.filter { after == nil || $0.stream.rawValue > after ?? "" }.prefix(limit))
            }
        )
    }

    /// The limits of a page hold for the viewers: asking libsrt for each connection's figures is the cost of it.
    private func showStream(_ id: StreamID, _ request: Request) async throws -> Response {
        let (limit, cursor) = try pageOf(request)
        let after = try cursor.map { text in
            guard let viewer = ViewerID(text) else {
                throw ManagementError.invalid(field: "cursor", "expected the next_cursor of a page")
            }
            return viewer
        }
        guard let detail = await media.stream(id, viewersAfter: after, limit: limit + 1) else {
            throw ManagementError.notFound("stream \(id)")
        }
        let shown = detail.viewers.prefix(limit)
        let users = await control.holders(of: shown.map(\.lease), on: id)
        return try JSONBody.answer(
            StreamDetailBody(
                stream: StreamBody(detail.stream),
                format: detail.format.map { StreamFormatBody($0) },
                publisher: detail.publisher.map { PublisherBody($0) },
                renditions: detail.renditions.map { RenditionBody($0) },
                items: shown.map { ViewerBody($0, user: users[$0.lease]) },
                nextCursor: detail.viewers.count > limit ? shown.last?.id.description : nil
            )
        )
    }

    private func kickPublisher(of id: StreamID, by caller: Principal) async throws -> Response {
        guard let detail = await media.stream(id, viewersAfter: nil, limit: 0),
            await media.kickPublisher(of: id)
        else {
            throw ManagementError.notFound("stream \(id) with a publisher")
        }
        logger.notice("an operator ended a push", metadata: ["stream": "\(id)", "user": "\(caller.user)"])
        return try JSONBody.answer(
            KickedBody(streamId: id.rawValue, viewers: detail.stream.viewers),
            .accepted
        )
    }

    private func kickViewer(_ context: PlatformContext, by caller: Principal) async throws -> Response {
        let id = try stream(context)
        let text = try context.parameters.require("viewer")
        guard let viewer = ViewerID(text), await media.kick(viewer, of: id) else {
            throw ManagementError.notFound("viewer \(text.prefix(20)) of stream \(id)")
        }
        logger.notice(
            "an operator ended a viewer",
            metadata: ["stream": "\(id)", "viewer": "\(viewer)", "user": "\(caller.user)"]
        )
        return Response(status: .noContent)
    }

    private func stream(_ context: PlatformContext) throws -> StreamID {
        let text = try context.parameters.require("stream")
        guard let stream = StreamID(rawValue: text) else {
            throw ManagementError.notFound("stream \(text.prefix(64))")
        }
        return stream
    }

    // MARK: Owners

    private func showLive(_ context: PlatformContext) async throws -> Response {
        let channel = try await channel(context)
        let live = await control.liveStatus(of: channel)
        var detail: StreamDetail?
        if let stream = live.stream {
            detail = await media.stream(stream, viewersAfter: nil, limit: 0)
        }
        return try JSONBody.answer(LiveStatusBody(live, detail, showsUsers: try await isOwner(context)))
    }

    private func endViewing(_ context: PlatformContext) async throws -> Response {
        let channel = try await channel(context)
        guard try await isOwner(context) else {
            throw Problem(.forbidden, type: "no-right", detail: "Only the owner may end what others watch.")
        }
        let text = try context.parameters.require("user")
        guard let user = UserName(rawValue: text), await control.dismiss(user, from: channel) else {
            throw ManagementError.notFound("user \(text.prefix(64)) among those who watch channel \(channel)")
        }
        return Response(status: .noContent)
    }

    private func isOwner(_ context: PlatformContext) async throws -> Bool {
        let caller = try context.caller()
        guard caller.role != .operator else { return true }
        return try await visible(context).device.owner == caller.user
    }
}
