import Bus
import HSSModel
import HTTPTypes
import ServerKit
import Vd

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
        case .codeRequired:
            Problem(
                .unauthorized,
                type: "totp-required",
                detail: "Send a code of your authenticator, or a recovery code, as code.",
                headers: [.wwwAuthenticate: "Bearer"]
            )
        case .noRight: Problem(.forbidden, type: "no-right", detail: description)
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
        case .overBitrate: Problem(.gatewayTimeout, type: "over-bitrate", detail: description)
        case .unusable(_, let reason):
            Problem(
                .gatewayTimeout,
                type: "unusable-stream",
                detail: description,
                members: ["reason": .text(reason.rawValue)]
            )
        case .userLimit:
            Problem(
                .tooManyRequests,
                type: "viewer-limit",
                detail: description,
                headers: .retryAfter(.seconds(60))
            )
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

extension UnitCallError {
    /// Errors of Table 9-1 by which the unit says that it is not at fault: the request does not fit it.
    private static let requestsAtFault: Set = [11, 12, 13, 101, 102, 103]

    var problem: Problem {
        switch self {
        case .offline: Problem(.gatewayTimeout, type: "unit-offline", detail: description)
        case .asleep: Problem(.gatewayTimeout, type: "unit-asleep", detail: description)
        case .silent: Problem(.gatewayTimeout, type: "unit-silent", detail: description)
        case .busy:
            Problem(.serviceUnavailable, type: "busy", detail: description, headers: .retryAfter(.seconds(5)))
        case .refused(let code, _):
            Problem(
                Self.requestsAtFault.contains(code) || (400..<500).contains(code) ? .conflict : .badGateway,
                type: "refused-by-unit",
                detail: description,
                members: ["unit_error": .number(code)]
            )
        case .malformedAnswer(let error):
            Problem(
                .badGateway,
                type: "malformed-answer",
                detail: description,
                members: ["field": .text(error.field)]
            )
        case .unsupported(let capability):
            Problem(
                .conflict,
                type: "unsupported",
                detail: description,
                members: ["capability": .text(capability)]
            )
        case .noSuchChannel: Problem(.notFound, detail: description)
        }
    }
}

extension ActivityError {
    var problem: Problem {
        switch self {
        case .notFound: Problem(.notFound, detail: description)
        case .nothingCame: Problem(.gatewayTimeout, type: "no-upload", detail: description)
        case .busy:
            Problem(.serviceUnavailable, type: "busy", detail: description, headers: .retryAfter(.seconds(5)))
        case .limit: Problem(.tooManyRequests, type: "limit", detail: description)
        case .unavailable: Problem(.serviceUnavailable, detail: "What is kept is not available; try again.")
        case .invalid(let field, let rule): ManagementError.invalid(field: field, rule).problem
        }
    }
}

extension ConfigurationError {
    var problem: Problem {
        switch self {
        case .unit(let error): error.problem
        case .invalid(let error): ManagementError.invalid(field: error.field, error.rule).problem
        case .unavailable: Problem(.serviceUnavailable, detail: "The registry is not available; try again.")
        }
    }
}

extension UnitUploadError {
    var problem: Problem {
        switch self {
        case .unit(let error): error.problem
        case .invalid(let error): ManagementError.invalid(field: error.field, error.rule).problem
        case .upload(let error): error.problem
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
        case .noTranscoding: Problem(.notImplemented, type: "no-transcoding", detail: description)
        case .transcodingBusy:
            Problem(
                .serviceUnavailable,
                type: "transcoding-busy",
                detail: description,
                headers: .retryAfter(.seconds(10))
            )
        case .transcodingFailed:
            Problem(
                .serviceUnavailable,
                type: "transcoding-failed",
                detail: description,
                headers: .retryAfter(.seconds(30))
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

extension PictureError {
    var problem: Problem {
        switch self {
        case .none: Problem(.notFound, type: "no-picture", detail: "There is no picture of this channel yet.")
        case .notSupported: Problem(.notImplemented, type: "no-pictures", detail: description)
        case .busy:
            Problem(.serviceUnavailable, type: "busy", detail: description, headers: .retryAfter(.seconds(1)))
        case .unusable: Problem(.badGateway, type: "unusable-picture", detail: description)
        case .unavailable:
            Problem(
                .serviceUnavailable,
                detail: "Pictures are not available; try again.",
                headers: .retryAfter(.seconds(5))
            )
        }
    }
}

extension RecordingError {
    var problem: Problem {
        switch self {
        case .notFound: Problem(.notFound, detail: description)
        case .conflict: Problem(.conflict, detail: description)
        case .damaged: Problem(.notFound, type: "damaged", detail: description)
        case .unavailable:
            Problem(
                .serviceUnavailable,
                detail: "Recordings are not available; try again.",
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
