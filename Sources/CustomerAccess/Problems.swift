import Bus
import HSSModel
import HTTPTypes
import ServerKit

// What customers hear of errors of the rooms behind the API.

extension ManagementError {
    var problem: Problem {
        switch self {
        case .unauthenticated:
            Problem(
                .unauthorized,
                detail: "The user, password or token is not valid.",
                headers: [.wwwAuthenticate: "Bearer"]
            )
        case .lockedOut(let delay):
            Problem(.tooManyRequests, type: "locked-out", detail: description, headers: .retryAfter(delay))
        case .forbidden: Problem(.forbidden, detail: "Only an operator may do this.")
        case .notFound: Problem(.notFound, detail: description)
        case .conflict: Problem(.conflict, detail: description)
        case .invalid(let field, _):
            Problem(.badRequest, type: "invalid", detail: description, members: ["field": .text(field)])
        case .limit: Problem(.tooManyRequests, type: "limit", detail: description)
        case .unavailable: Problem(.serviceUnavailable, detail: "The registry is not available; try again.")
        }
    }
}

extension LiveError {
    /// CONTRACT: "504 with the unit's or the network's reason".
    var problem: Problem {
        switch self {
        case .unitOffline: Problem(.gatewayTimeout, type: "unit-offline", detail: description)
        case .unitAsleep: Problem(.gatewayTimeout, type: "unit-asleep", detail: description)
        case .noSuchChannel: Problem(.notFound, detail: description)
        case .channelUnavailable: Problem(.gatewayTimeout, type: "channel-unavailable", detail: description)
        case .refusedByUnit(let code, _):
            Problem(
                .gatewayTimeout,
                type: "refused-by-unit",
                detail: description,
                members: ["unit_error": .number(code)]
            )
        case .unitSilent: Problem(.gatewayTimeout, type: "unit-silent", detail: description)
        case .noPublish: Problem(.gatewayTimeout, type: "no-publish", detail: description)
        case .withdrawn: Problem(.notFound, detail: description)
        case .media:
            Problem(
                .serviceUnavailable,
                type: "media",
                detail: description,
                headers: .retryAfter(.seconds(5))
            )
        case .busy:
            Problem(.serviceUnavailable, type: "busy", detail: description, headers: .retryAfter(.seconds(5)))
        }
    }
}

extension MediaError {
    var problem: Problem {
        switch self {
        case .noSuchStream:
            Problem(
                .gatewayTimeout,
                type: "stream-ended",
                detail: "The stream ended while it was asked for; ask again."
            )
        case .busy, .unavailable:
            Problem(
                .serviceUnavailable,
                type: "media",
                detail: description,
                headers: .retryAfter(.seconds(5))
            )
        }
    }
}

extension HTTPFields {
    static func retryAfter(_ delay: Duration) -> HTTPFields {
        [.retryAfter: "\(Swift.max(1, Int(delay.inSeconds.rounded(.up))))"]
    }
}
