import Bus
import HSSModel
import Logging

/// The end of one connection, for figures and the log.
struct MediaEnding: Sendable {
    enum Role: String, CaseIterable, Sendable { case publisher, viewer }

    var role: Role
    var stream: StreamID
    var kind: MediaProtocol
    var reason: MediaEnd
    var duration: Duration
    var octets: UInt64

    /// One line each: a publisher's where an operator may have to act on it, a viewer's for whoever looks closely.
    func log(to logger: Logger) {
        let level: Logger.Level =
            switch role {
            case .publisher: reason.isRejection || reason == .malformed ? .notice : .info
            case .viewer: .debug
            }
        logger.log(
            level: level,
            "\(role.rawValue) ended",
            metadata: [
                "stream": "\(stream)", "protocol": "\(kind.rawValue)", "reason": "\(reason.rawValue)",
                "seconds": "\(duration.wholeMilliseconds / 1000)", "octets": "\(octets)",
            ]
        )
    }
}

extension MediaEnd {
    /// A viewer may first show what it was sent.
    var letsViewersFinish: Bool {
        switch self {
        case .closedByPlatform, .publisherGone, .shuttingDown: true
        case .closedByPeer, .silent, .displaced, .tooSlow, .malformed, .overBitrate, .noProgramme, .noMedia,
            .unsupportedCodec, .closedByOperator, .dismissed, .userLimit, .transcodingFailed, .formatChanged:
            false
        }
    }
}
