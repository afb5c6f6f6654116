import Blobs
import Bus
import HSSModel
import HTTPTypes
import HostClock
package import Hummingbird
import MediaFormats
import NIOCore
import ServerKit
import Store
import Vr

/// What is played and downloaded without a login: every address carries a ticket.
///
///     /api/v1/devices/{id}/channels/{n}/playback.m3u8, export.mp4, export.ts ?ticket=…&from=…&to=…
///     /playback/{ticket}/media.m3u8
///     /playback/{ticket}/{session}/{start}.ts
extension PlaybackDesk {
    private static let playlistType = "application/vnd.apple.mpegurl"
    private static let chunk = 256 << 10

    package func addRoutes<Context: RequestContext>(to router: Router<Context>) {
        for path in ["api/v1/devices/:id", "api/v1/devices/:id/channels/:n"] {
            router.get(RouterPath(path + "/playback.m3u8")) { request, context in
                try await self.answering { try await self.open(request, context) }
            }
            for format in ExportFormat.allCases {
                let file = RouterPath(path + "/export.\(format.rawValue)")
                router.get(file) { request, context in
                    try await self.answering { try await self.export(format, request, context) }
                }
                router.head(file) { request, context in
                    try await self.answering { try await self.export(format, request, context) }
                }
            }
        }
        router.get("playback/:ticket/media.m3u8") { _, context in
            try await self.answering { try await self.media(context) }
        }
        for method in [HTTPRequest.Method.get, .head] {
            router.on("playback/:ticket/:session/:file", method: method) { request, context in
                try await self.answering { try await self.segment(request, context) }
            }
        }
    }

    // MARK: Playlists

    private func open(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let ticket = try await ticket(of: request, context)
        let range = try range(of: request, within: ticket)
        let pieces = try await played(of: ticket.recorded, in: range)
        let isGrowing = try await isGrowing(ticket.recorded, range) && !pieces.reach(range.upperBound)
        guard !pieces.isEmpty || isGrowing else { throw PlaybackRefusal.nothing }
        let view = PlaybackTicket(
            purpose: .view,
            user: ticket.user,
            recorded: ticket.recorded,
            range: range,
            expiresAt: .now + settings.viewTime
        )
        metrics.playlists.add()
        let playlist = PlaybackPlaylist(pieces: pieces, start: range.lowerBound, isGrowing: isGrowing)
        let address = "/playback/\(view.text(key: key).reveal())/media.m3u8"
        return Self.answer(playlist.multivariant(address))
    }

    private func media(_ context: some RequestContext) async throws -> Response {
        let ticket = try await self.ticket(context.parameters.get("ticket") ?? "", for: .view)
        // What comes between the two looks is found with the next playlist.
        let isRecorded = try await isGrowing(ticket.recorded, ticket.range)
        let pieces = try await played(of: ticket.recorded, in: ticket.range)
        let isGrowing = isRecorded && !pieces.reach(ticket.range.upperBound)
        return Self.answer(
            PlaybackPlaylist(pieces: pieces, start: ticket.range.lowerBound, isGrowing: isGrowing).media
        )
    }

    private static func answer(_ playlist: String) -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: playlistType, .cacheControl: "no-store", .accessControlAllowOrigin: "*",
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(string: playlist))
        )
    }

    /// Recording goes on at the edge of the range, or ended there a moment ago.
    private func isGrowing(
        _ recorded: RecordedChannel,
        _ range: Range<WallTime>
    ) async throws(RecordingError) -> Bool {
        let settled = WallTime.now + (.zero - settings.settling)
        guard range.upperBound > settled, range.lowerBound < .now else { return false }
        let last = max(range.lowerBound, settled)..<max(range.upperBound, .now)
        return try await storing { () async throws(StoreError) in
            try await self.sessions.recordSessions(of: recorded, in: last, limit: 1)
        }.isEmpty == false
    }

    // MARK: Segments

    private func segment(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let ticket = try await self.ticket(context.parameters.get("ticket") ?? "", for: .view)
        guard let session = context.parameters.get("session").flatMap(RecordSessionID.init(rawValue:)),
            let name = context.parameters.get("file").flatMap({ SegmentName(String($0)) })
        else { throw PlaybackRefusal.nothing }
        let row = try await row(name, of: session, for: ticket)
        metrics.segments.add()
        if let part = try cut(of: row, request) { return try await cut(row, part, ticket, request) }
        let reader: any BlobReader
        do { reader = try await bytes.open(row.blob) } catch { throw readFailed(error) }
        return try answer(reader, row, ticket, request)
    }

    /// The index lists it for this channel and this owner, and it lies within the ticket's range.
    private func row(
        _ name: SegmentName,
        of session: RecordSessionID,
        for ticket: PlaybackTicket
    ) async throws -> SegmentRow {
        let instant = name.start..<(name.start + .milliseconds(1))
        let found = try await storing { () async throws(StoreError) in
            try await self.segments.savedSegments(
                of: ticket.recorded,
                in: instant,
                // Of those that overlap, the ones that start here come last.
                after: nil,
                limit: Self.mostOverlapping,
                newestFirst: true
            )
        }
        guard let row = found.first(where: { $0.name == name && $0.session == session }),
            row.start < ticket.range.upperBound, row.end > ticket.range.lowerBound
        else { throw PlaybackRefusal.nothing }
        return row
    }

    private static var mostOverlapping: Int { 64 }

    private func answer(
        _ reader: any BlobReader,
        _ row: SegmentRow,
        _ ticket: PlaybackTicket,
        _ request: Request
    ) throws -> Response {
        let size = reader.size
        let tag = "\"\(row.blob)\""
        // It never changes: a player may keep it, but no cache that others share, who may not see it.
        var headers: HTTPFields = [
            .contentType: "video/mp2t", .acceptRanges: "bytes", .eTag: tag,
            .cacheControl: "private, max-age=3600, immutable", .accessControlAllowOrigin: "*",
            .xContentTypeOptions: "nosniff",
        ]
        guard request.method != .head else {
            headers[.contentLength] = "\(size)"
            return Response(status: .ok, headers: headers)
        }
        return try RangedResponse.make(request, size: size, tag: tag, headers: headers) { body(reader, $0) }
    }

    private func body(_ reader: any BlobReader, _ part: Range<Int64>) -> ResponseBody {
        ResponseBody(contentLength: Int(part.count)) { [metrics] writer in
            var place = part.lowerBound
            while place < part.upperBound {
                let count = Int(min(Int64(Self.chunk), part.upperBound - place))
                let bytes = try await reader.read(at: place, count: count)
                guard bytes.readableBytes > 0 else { throw PlaybackRefusal.damaged }
                place += Int64(bytes.readableBytes)
                metrics.bytes.add(bytes.readableBytes)
                try await writer.write(bytes)
            }
            try await writer.finish(nil)
        }
    }

    // MARK: Parts of segments

    /// `from` and `to` of a segment's address, in milliseconds; nil: all of it.
    private func cut(of row: SegmentRow, _ request: Request) throws -> Range<WallTime>? {
        func time(_ name: Substring) throws -> WallTime? {
            guard let text = request.uri.queryParameters[name] else { return nil }
            guard let value = Int64(text), (row.start.milliseconds...row.end.milliseconds).contains(value)
            else {
                throw PlaybackRefusal.nothing
            }
            return WallTime(milliseconds: value)
        }
        let (from, to) = (try time("from"), try time("to"))
        guard from != nil || to != nil else { return nil }
        let (begin, end) = (from ?? row.start, to ?? row.end)
        guard begin < end else { throw PlaybackRefusal.nothing }
        return begin..<end
    }

    private func cut(
        _ row: SegmentRow,
        _ range: Range<WallTime>,
        _ ticket: PlaybackTicket,
        _ request: Request
    ) async throws -> Response {
        guard row.size <= Self.largestCut else { throw PlaybackRefusal.damaged }
        guard let piece = Timeline([TimelineSegment(row)]).pieces(in: range).first else {
            throw PlaybackRefusal.nothing
        }
        // Behind another segment nothing may be shown twice: no lead.
        let plan = ExportPlan([PlayedPiece(piece, row)], .ts, mayLead: false)
        var output = ByteBuffer()
        do {
            var run = ExportRun(bytes, plan, with: TransportStreamExport(keepsTimes: true))
            while let buffer = try await run.next() { output.writeImmutableBuffer(buffer) }
        } catch {
            throw readFailed(error)
        }
        var headers: HTTPFields = [
            .contentType: "video/mp2t", .cacheControl: "private, max-age=3600",
            .accessControlAllowOrigin: "*", .xContentTypeOptions: "nosniff",
        ]
        guard request.method != .head else {
            headers[.contentLength] = "\(output.readableBytes)"
            return Response(status: .ok, headers: headers)
        }
        metrics.bytes.add(output.readableBytes)
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: output))
    }

    /// It is made in memory.
    private static var largestCut: Int64 { 64 << 20 }

    // MARK: Files

    private func export(
        _ format: ExportFormat,
        _ request: Request,
        _ context: some RequestContext
    ) async throws -> Response {
        let ticket = try await ticket(of: request, context)
        return try await answerExport(format, ticket, try range(of: request, within: ticket), request)
    }
}
