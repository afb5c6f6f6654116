package import HSSModel

/// The stream ID of an SRT caller in the syntax of the SRT access control guidelines:
/// `#!::r=<stream>,m=publish|request,s=<ticket>`.
package struct StreamAccess: Sendable, Equatable {
    package enum Mode: String, Sendable {
        case publish
        case request
    }

    package var stream: StreamID
    package var mode: Mode
    package var ticket: Secret

    package init(stream: StreamID, mode: Mode, ticket: Secret) {
        self.stream = stream
        self.mode = mode
        self.ticket = ticket
    }

    /// Reads what a caller sent. `nil`: not this syntax, a key twice, a key missing, or more than 512 octets.
    /// Keys that we do not know (`u`, `h`, `t` …) are passed over. Without `m` the guidelines assume `request`.
    ///
    /// FFmpeg before 6 sends what stands in the address without decoding it: a stream ID that begins with `%23` is
    /// decoded here.
    package init?(parsing received: String) {
        let prefix = "#!::"
        guard received.utf8.count <= SRTAddress.longestStreamID else { return nil }
        let decoded = received.hasPrefix("%23") ? PercentCoding.decode(received[...]) : received
        guard let text = decoded, text.hasPrefix(prefix) else { return nil }
        var stream: StreamID?
        var mode: Mode?
        var ticket: Secret?
        for pair in text.dropFirst(prefix.count).split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            let value = String(parts[1])
            switch parts[0] {
            case "r":
                guard stream == nil, let name = StreamID(rawValue: value) else { return nil }
                stream = name
            case "m":
                guard mode == nil, let named = Mode(rawValue: value) else { return nil }
                mode = named
            case "s":
                guard ticket == nil, !value.isEmpty else { return nil }
                ticket = Secret(value)
            default:
                continue
            }
        }
        guard let stream, let ticket else { return nil }
        self.init(stream: stream, mode: mode ?? .request, ticket: ticket)
    }

    package var text: Secret {
        Secret("#!::r=\(stream.rawValue),m=\(mode.rawValue),s=\(ticket.reveal())")
    }
}
