import Bus
import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import NIOCore
import ServerKit
import Synchronization
import Vr

/// `GET` and `HEAD …/export.mp4` and `.ts`: any range as a file that is made while it is sent.
///
/// The same segments make the same bytes, so that a part can be asked for (RFC 9110, 14): it is made from the beginning on,
/// and what lies before it is left out. A length that is not known yet is found out by making the file once without sending
/// it: for `HEAD`, for parts, and for short files; a longer one comes in chunks the first time.
extension PlaybackDesk {
    func answerExport(
        _ format: ExportFormat,
        _ ticket: PlaybackTicket,
        _ range: Range<WallTime>,
        _ request: Request,
        _ isThere: @Sendable () -> Bool
    ) async throws -> Response {
        try demandRate(ticket)
        let pieces = try await played(of: ticket.recorded, in: range)
        guard !pieces.isEmpty else { throw PlaybackRefusal.nothing }
        let plan = ExportPlan(pieces, format)
        let slot: ExportSlot
        switch ExportSlot.take(exports, ticket.user) {
        case .success(let free): slot = free
        case .failure(let busy): throw PlaybackRefusal.busy(busy.refusal)
        }
        let wantsPart = request.headers[.range] != nil
        var size = sizes.size(of: plan.tag)
        if size == nil, wantsPart || request.method == .head || plan.bytes <= settings.measuredUnasked {
            var run = ExportRun(bytes, plan)
            let measured = try await measure(&run, ticket, isThere)
            sizes.keep(measured, of: plan.tag)
            size = measured
        }
        var headers = Self.headers(plan, range, ticket.recorded.channel)
        guard request.method != .head else {
            if let size { headers[.contentLength] = "\(size)" }
            return Response(status: .ok, headers: headers)
        }
        metrics.exports.add()
        guard let size else {
            // What cannot be made is told, as long as nothing was sent.
            let begun = try await begin(ExportRun(bytes, plan))
            return Response(status: .ok, headers: headers, body: body(plan, begun, ticket, nil, slot))
        }
        return try RangedResponse.make(request, size: size, tag: plan.tag, headers: headers) {
            body(plan, (ExportRun(bytes, plan), nil), ticket, $0, slot)
        }
    }

    private static func headers(
        _ plan: ExportPlan,
        _ range: Range<WallTime>,
        _ channel: ChannelAddress
    ) -> HTTPFields {
        // Of the names of a device no other characters are known than those that a file name takes, but for the colon.
        let unit = channel.unit.rawValue.replacing(":", with: "-")
        let time = "\(range.lowerBound.fileName)-\(range.upperBound.fileName)"
        let name = "\(unit)_\(channel.number)_\(time).\(plan.format.rawValue)"
        return [
            .contentType: plan.format.type, .acceptRanges: "bytes", .eTag: plan.tag,
            .cacheControl: "private, no-cache", .contentDisposition: "attachment; filename=\"\(name)\"",
            .accessControlAllowOrigin: "*", .xContentTypeOptions: "nosniff",
        ]
    }

    /// `part` nil: all of a file whose length is not known.
    private func body(
        _ plan: ExportPlan,
        _ begun: (ExportRun, ByteBuffer?),
        _ ticket: PlaybackTicket,
        _ part: Range<Int64>?,
        _ slot: ExportSlot
    ) -> ResponseBody {
        ResponseBody(contentLength: part.map { Int($0.count) }) { [self] writer in
            defer { withExtendedLifetime(slot) {} }
            var window = ByteWindow(part)
            do {
                var (run, first) = begun
                while !window.isOver {
                    let made: ByteBuffer
                    if let begun = first {
                        (made, first) = (begun, nil)
                    } else {
                        guard let next = try await run.next() else { break }
                        made = next
                    }
                    try await demandRight(ticket)
                    guard let wanted = window.cut(made) else { continue }
                    metrics.exportBytes.add(wanted.readableBytes)
                    try await writer.write(wanted)
                }
                // What was announced has to come: a connection that ends early says that it did not.
                guard window.isOver || part == nil else { throw PlaybackRefusal.damaged }
            } catch {
                metrics.brokenExports.add()
                throw error
            }
            if part == nil { sizes.keep(window.place, of: plan.tag) }
            try await writer.finish(nil)
        }
    }
}

/// Lets that part of some bytes through that was asked for.
struct ByteWindow {
    private let part: Range<Int64>
    /// What has come so far.
    private(set) var place: Int64 = 0

    init(_ part: Range<Int64>?) {
        self.part = part ?? 0..<Int64.max
    }

    /// Nothing more is wanted.
    var isOver: Bool { place >= part.upperBound }

    mutating func cut(_ buffer: ByteBuffer) -> ByteBuffer? {
        let all = place..<(place + Int64(buffer.readableBytes))
        place = all.upperBound
        let wanted = all.clamped(to: part)
        guard !wanted.isEmpty else { return nil }
        let start = buffer.readerIndex + Int(wanted.lowerBound - all.lowerBound)
        return buffer.getSlice(at: start, length: wanted.count)
    }
}

/// Lengths of files that were made once.
final class ExportSizes: Sendable {
    private static let most = 2000

    private struct State {
        var sizes: [String: Int64] = [:]
        /// The oldest first.
        var order: [String] = []
    }

    private let state = Mutex(State())

    func size(of tag: String) -> Int64? { state.withLock { $0.sizes[tag] } }

    func keep(_ size: Int64, of tag: String) {
        state.withLock { state in
            guard state.sizes.updateValue(size, forKey: tag) == nil else { return }
            state.order.append(tag)
            guard state.order.count > Self.most else { return }
            for old in state.order.prefix(Self.most / 10) { state.sizes[old] = nil }
            state.order.removeFirst(Self.most / 10)
        }
    }
}

extension WallTime {
    /// `20261121T080000Z`
    fileprivate var fileName: String {
        rfc3339Exact.prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
    }
}
