import SRTTransport
import Vm

/// Why a publisher or viewer is not let in: exact for our figures, neutral for the peer.
enum MediaRefusal: String, Error, CaseIterable, Sendable {
    case malformed, forged, expired, reused, void
    case wrongPurpose = "wrong-purpose"
    case foreignStream = "foreign-stream"
    case foreignIssuer = "foreign-issuer"
    case notRunning = "not-running"
    case olderEpoch = "older-epoch"
    case wrongSecret = "wrong-secret"
    case tooManyHandshakes = "rate"
    case tooManyStreams = "streams"
    case tooManyViewers = "viewers"
    case shuttingDown = "shutting-down"
    /// There is no room for one more rendition, or it was given up a short while ago.
    case transcoding

    init(_ error: TicketError) {
        self =
            switch error {
            case .forged: .forged
            case .expired: .expired
            case .wrongPurpose: .wrongPurpose
            case .foreignStream: .foreignStream
            case .reused: .reused
            case .void: .void
            case .foreignIssuer: .foreignIssuer
            }
    }

    /// What the peer hears. Whatever is wrong with a ticket has one answer, so that nothing can be probed.
    var rejection: SRTRejection {
        switch self {
        case .malformed: .badRequest
        case .forged, .expired, .reused, .void, .wrongPurpose, .foreignStream, .foreignIssuer, .wrongSecret:
            .unauthorized
        case .notRunning: .notFound
        case .olderEpoch: .conflict
        case .tooManyHandshakes, .tooManyStreams, .tooManyViewers, .shuttingDown, .transcoding: .overload
        }
    }
}
