import Bus
import HSSModel
import HTTPTypes
import Hummingbird
import MediaFormats
import NIOCore
import ServerKit
import Vr

/// Parts of segments: the edges of what is played, and tails that a later segment covers. Each is cut while it is sent, so
/// that none is in memory as a whole, and holds a place: a part costs reading its segment.
extension PlaybackDesk {
    func answerPart(
        _ row: SegmentRow,
        _ range: Range<WallTime>,
        _ ticket: PlaybackTicket,
        _ request: Request,
        _ isThere: @Sendable () -> Bool
    ) async throws -> Response {
        guard let piece = Timeline([TimelineSegment(row)]).pieces(in: range).first else {
            throw PlaybackRefusal.nothing
        }
        try demandRate(ticket)
        let slot: ExportSlot
        switch ExportSlot.take(parts, ticket.user) {
        case .success(let free): slot = free
        case .failure(let busy): throw PlaybackRefusal.busy(busy.refusal)
        }
        // Behind another segment nothing may be shown twice: no lead.
        let plan = ExportPlan([PlayedPiece(piece, row)], .ts, mayLead: false)
        let headers: HTTPFields = [
            .contentType: "video/mp2t", .cacheControl: "private, max-age=3600",
            .accessControlAllowOrigin: "*", .xContentTypeOptions: "nosniff",
        ]
        var run = ExportRun(bytes, plan, with: TransportStreamExport(keepsTimes: true))
        guard request.method != .head else {
            let size = try await measure(&run, ticket, isThere)
            withExtendedLifetime(slot) {}
            return Response(status: .ok, headers: headers.adding(.contentLength, "\(size)"))
        }
        // What cannot be read is told, as long as nothing was sent.
        let begun = try await begin(run)
        return Response(
            status: .ok,
            headers: headers,
            body: ResponseBody { [self] writer in
                defer { withExtendedLifetime(slot) {} }
                var (run, next) = begun
                while let buffer = next {
                    try await demandRight(ticket)
                    metrics.bytes.add(buffer.readableBytes)
                    try await writer.write(buffer)
                    next = try await run.next()
                }
                try await writer.finish(nil)
            }
        )
    }

    /// A run with its first bytes.
    func begin(_ run: ExportRun) async throws -> (ExportRun, ByteBuffer?) {
        var run = run
        do {
            let first = try await run.next()
            return (run, first)
        } catch {
            throw readFailed(error)
        }
    }

    /// How long it is. Ends where whoever asked has gone.
    func measure(
        _ run: inout ExportRun,
        _ ticket: PlaybackTicket,
        _ isThere: @Sendable () -> Bool
    ) async throws -> Int64 {
        var size: Int64 = 0
        do {
            while let buffer = try await run.next() {
                size += Int64(buffer.readableBytes)
                try await demandRight(ticket)
                guard isThere() else { throw CancellationError() }
            }
        } catch {
            throw readFailed(error)
        }
        return size
    }

    /// A right that was withdrawn ends what is being made or sent.
    func demandRight(_ ticket: PlaybackTicket) async throws {
        guard try await access.isAllowed(ticket.recorded, ticket.user) else { throw PlaybackRefusal.ticket }
    }

    func demandRate(_ ticket: PlaybackTicket) throws {
        guard rates.admit(ticket.user) else { throw PlaybackRefusal.rate }
    }
}

extension HTTPFields {
    fileprivate func adding(_ name: HTTPField.Name, _ value: String) -> HTTPFields {
        var fields = self
        fields[name] = value
        return fields
    }
}
