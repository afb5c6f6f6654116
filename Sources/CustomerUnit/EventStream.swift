import AsyncHTTPClient
import NIOCore

/// Takes Server-Sent Events apart (WHATWG HTML, 9.2.6), as far as the platform uses them: `id` and `data`.
package struct EventLines {
    /// An event is at most 4 KiB of detail; a line without end is no event.
    static let longestLine = 65_536

    private var line: [UInt8] = []
    private var data: String?
    /// Of the last line that had one: where to go on.
    package private(set) var last: Int64?

    package init() {}

    /// The `data` of each event that is complete with these octets. Nil: a line is longer than any of the platform's.
    package mutating func append(_ bytes: some Sequence<UInt8>) -> [String]? {
        var events: [String] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                if line.count > Self.longestLine { return nil }
                continue
            }
            if line.isEmpty {
                if let data { events.append(data) }
                data = nil
            } else {
                read(String(decoding: line, as: UTF8.self))
            }
            line.removeAll(keepingCapacity: true)
        }
        return events
    }

    private mutating func read(_ line: String) {
        if line.hasPrefix("id: ") {
            last = Int64(line.dropFirst(4)) ?? last
        } else if line.hasPrefix("data: ") {
            data = String(line.dropFirst(6))
        }
    }
}

extension PlatformClient {
    private struct TicketAnswer: Codable, Sendable {
        var ticket: String
    }

    /// Follows the event stream from the event after `last` on, from now on without it, until `each` says false. When the
    /// connection or the login ends it goes on behind the last event, a few times without hearing any.
    ///
    /// `query`: filters, such as `kind=alarm`.
    package func events(
        after last: Int64?,
        _ query: [String],
        each: @Sendable (String) throws(CustomerError) -> Bool
    ) async throws(CustomerError) {
        let mostFailures = 5
        var last = last
        var failures = 0
        while true {
            let ticket: TicketAnswer = try await call(.post, "/events/ticket")
            let place = last.map { ["last_event_id=\($0)"] } ?? []
            let fields = (["ticket=\(ticket.ticket)"] + place + query).joined(separator: "&")
            let body = try await open(url: address("/api/v1/events?\(fields)"))
            var lines = EventLines()
            do {
                for try await buffer in body {
                    guard let events = lines.append(buffer.readableBytesView) else {
                        throw CustomerError.unexpected("an event without end")
                    }
                    last = lines.last ?? last
                    failures = 0
                    for event in events where try !each(event) { return }
                }
            } catch let error as CustomerError {
                throw error
            } catch {
                // The connection broke.
            }
            failures += 1
            guard failures <= mostFailures, !Task.isCancelled else {
                throw .unexpected("the event stream ended again and again")
            }
        }
    }
}
