import HSSModel
import HTTPTypes
import ServerKit

/// Why an upload is not taken.
enum UploadRefusal: Error, Equatable {
    /// Never made, used or expired: alike for whoever guesses.
    case unknown
    /// The same address is in use at this moment.
    case inUse
    case tooLarge(limit: Int64)
    /// A picture that is no JPEG.
    case notAPicture
    case incomplete
    /// The address expired long before the upload came to its end.
    case tooSlow
    case tooMany
    case noSpace
    case failed

    var problem: Problem {
        switch self {
        case .unknown: Problem(.notFound, detail: "There is no such upload address, or it is used up.")
        case .inUse:
            Problem(
                .conflict,
                type: "upload-in-use",
                detail: "Another upload to this address is under way.",
                headers: [.retryAfter: "5"]
            )
        case .tooLarge(let limit):
            Problem(.contentTooLarge, detail: "At most \(limit) bytes are taken here.")
        case .notAPicture:
            Problem(.unsupportedMediaType, detail: "A picture in JPEG is expected here.")
        case .incomplete: Problem(.badRequest, detail: "Fewer bytes came than were announced.")
        case .tooSlow: Problem(.requestTimeout, detail: "The address expired during the upload.")
        case .tooMany:
            Problem(
                .serviceUnavailable,
                type: "busy",
                detail: "Too many uploads at a time.",
                headers: [.retryAfter: "5"]
            )
        case .noSpace: Problem(.insufficientStorage, detail: "No space is left.")
        case .failed:
            Problem(
                .serviceUnavailable,
                detail: "The upload cannot be stored now.",
                headers: [.retryAfter: "30"]
            )
        }
    }
}

extension HTTPResponse.Status {
    /// RFC 4918, 11.5.
    fileprivate static let insufficientStorage = HTTPResponse.Status(
        code: 507,
        reasonPhrase: "Insufficient Storage"
    )
}
