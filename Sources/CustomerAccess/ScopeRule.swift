import Bus
import HSSModel
import HTTPTypes
import ServerKit

/// Which scope a token needs for a call. What is in no list here is read with `read` and changed with `control`.
enum ScopeRule {
    static func needed(for method: HTTPRequest.Method, _ path: String) -> Scopes {
        let words = path.split(separator: "/").drop { $0 == "api" || $0 == "v1" }.map(String.init)
        let isReading = method == .get || method == .head
        return switch words.first {
        case "admin": .admin
        case "account", "sessions", "session", "bindings": .account
        case "households", "groups", "webhooks", "kept-clips": isReading ? .read : .account
        case "alarms" where words.last == "picture": .playback
        case "events": .read
        case "devices": device(words.dropFirst(2), isReading)
        default: isReading ? .read : .control
        }
    }

    /// Behind `devices/{id}`, with `channels/{n}` or without.
    private static func device(_ words: ArraySlice<String>, _ isReading: Bool) -> Scopes {
        let rest = words.first == "channels" && words.count > 2 ? words.dropFirst(2) : words
        return switch rest.first {
        case "shares": isReading ? .read : .account
        case "binding", "viewers", "kept-clips": .account
        case "live": isReading ? .read : .live
        case "picture", "snapshot": .live
        case "recordings", "playback": .playback
        default: isReading ? .read : .control
        }
    }

    /// RFC 6750, 3.1: `insufficient_scope`, and which one would do.
    static func refusal(_ needed: Scopes) -> Problem {
        let words = needed.words.joined(separator: " ")
        return Problem(
            .forbidden,
            type: "no-scope",
            detail: "This token may not be used for it: it needs the scope \(words).",
            members: ["scope": .text(words)],
            headers: [.wwwAuthenticate: #"Bearer error="insufficient_scope", scope="\#(words)""#]
        )
    }
}

/// `scope` of a body.
enum ScopeText {
    static func scopes(_ text: String?) throws -> Scopes? {
        guard let text else { return nil }
        guard text.utf8.count <= 128, let scopes = Scopes(text: text) else {
            let words = Scopes.allWords.joined(separator: " ")
            throw ManagementError.invalid(
                field: "scope",
                "expected some of \(words), with spaces between them"
            )
        }
        return scopes
    }
}
