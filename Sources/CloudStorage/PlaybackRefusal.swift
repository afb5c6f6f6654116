import Blobs
import Bus
import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import Logging
import MediaFormats
import ServerKit
import Vr

/// Why nothing is played. Forged, expired, foreign and withdrawn are told alike.
enum PlaybackRefusal: Error {
    case ticket
    case range
    /// Nothing is recorded there for whoever asks.
    case nothing
    case busy(ExportSlots.Refusal)
    /// Too many requests of one user.
    case rate
    /// What is stored lies about its times.
    case uncuttable
    case unsatisfiable(Int64)
    /// What the index promises is not there, or cannot be read.
    case damaged
}

extension PlaybackDesk {
    /// The ticket of a request for the channel of its path.
    func ticket(of request: Request, _ context: some RequestContext) async throws -> PlaybackTicket {
        let ticket = try await ticket(String(request.uri.queryParameters["ticket"] ?? ""), for: .open)
        let channel = ticket.recorded.channel
        guard context.parameters.get("id") == channel.unit.rawValue,
            context.parameters.get("n") ?? "0" == "\(channel.number)"
        else { throw PlaybackRefusal.ticket }
        return ticket
    }

    /// Judges the signature, then the right of its user at this moment.
    func ticket(_ text: String, for purpose: PlaybackTicket.Purpose) async throws -> PlaybackTicket {
        let ticket: PlaybackTicket
        do throws(RecordFailure) {
            ticket = try PlaybackTicket(parsing: text, key: key, at: .now)
        } catch {
            throw PlaybackRefusal.ticket
        }
        guard ticket.purpose == purpose, try await access.isAllowed(ticket.recorded, ticket.user) else {
            throw PlaybackRefusal.ticket
        }
        return ticket
    }

    /// `from` and `to` of a request; without them the range of the ticket, which it may not leave.
    func range(of request: Request, within ticket: PlaybackTicket) throws -> Range<WallTime> {
        func time(_ name: Substring) throws -> WallTime? {
            guard let text = request.uri.queryParameters[name] else { return nil }
            // A plus in a query may stand for a space.
            guard let time = WallTime(rfc3339: String(text.replacing(" ", with: "+"))) else {
                throw PlaybackRefusal.range
            }
            return time
        }
        let from = try time("from") ?? ticket.range.lowerBound
        let to = try time("to") ?? ticket.range.upperBound
        guard from < to, from >= ticket.range.lowerBound, to <= ticket.range.upperBound else {
            throw PlaybackRefusal.range
        }
        return from..<to
    }

    /// Errors become problems, which a page of another origin may read.
    func answering(_ body: () async throws -> Response) async throws -> Response {
        do {
            return try await body()
        } catch let refusal as PlaybackRefusal {
            throw problem(refusal)
        } catch let error as RecordingError {
            throw Self.problem(error)
        }
    }

    /// A browser's player may stand on any page; what it fetches is opened by the address alone.
    static let anyOrigin: HTTPFields = [.accessControlAllowOrigin: "*"]

    private static func problem(_ error: RecordingError) -> Problem {
        var headers = anyOrigin
        switch error {
        case .notFound, .damaged: return Problem(.notFound, detail: error.description, headers: headers)
        case .conflict:
            return Problem(.conflict, type: "too-long", detail: error.description, headers: headers)
        case .unavailable:
            headers[.retryAfter] = "5"
            return Problem(.serviceUnavailable, detail: error.description, headers: headers)
        }
    }

    private func problem(_ refusal: PlaybackRefusal) -> Problem {
        var headers = Self.anyOrigin
        switch refusal {
        case .ticket:
            metrics.refused.add()
            return Problem(
                .forbidden,
                type: "playback-ticket",
                detail: "The ticket does not count, its time is over, or the right to play was withdrawn.",
                headers: headers
            )
        case .range:
            return Problem(
                .badRequest,
                type: "invalid",
                detail: "from and to: expected times of RFC 3339 within those of the ticket",
                headers: headers
            )
        case .nothing:
            return Problem(
                .notFound,
                type: "nothing-recorded",
                detail: "Nothing is recorded there.",
                headers: headers
            )
        case .busy(let which):
            headers[.retryAfter] = "10"
            return Problem(
                which == .one ? .tooManyRequests : .serviceUnavailable,
                type: "busy",
                detail: which == .one
                    ? "You have as many downloads as one user may; wait for one to end."
                    : "Too many downloads are made at the moment.",
                headers: headers
            )
        case .rate:
            headers[.retryAfter] = "1"
            return Problem(
                .tooManyRequests,
                type: "rate",
                detail: "You ask for recordings too often; slow down.",
                headers: headers
            )
        case .uncuttable:
            return Problem(
                .conflict,
                type: "cannot-cut",
                detail: "This recording cannot be cut there; begin elsewhere, or take export.ts.",
                headers: headers
            )
        case .unsatisfiable(let size):
            headers[.contentRange] = "bytes */\(size)"
            return Problem(
                .rangeNotSatisfiable,
                detail: "There are \(size) bytes.",
                headers: headers
            )
        case .damaged:
            return Problem(
                .notFound,
                type: "damaged",
                detail: "This recording is damaged or was just removed.",
                headers: headers
            )
        }
    }

    /// What went wrong while a segment was read.
    func readFailed(_ error: any Error) -> any Error {
        switch error {
        case BlobError.notFound(let blob):
            // Retention may have been faster than whoever plays.
            logger.notice("a segment has no bytes any more", metadata: ["blob": "\(blob)"])
            return PlaybackRefusal.damaged
        case is ExportFailure: return PlaybackRefusal.uncuttable
        case let error as BlobError:
            logger.error("a segment cannot be read", metadata: ["reason": "\(error)"])
            return RecordingError.unavailable("its bytes cannot be read")
        default: return error
        }
    }
}
