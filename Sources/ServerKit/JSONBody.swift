import Foundation
import HTTPTypes
package import Hummingbird
import NIOCore

extension Request {
    /// The body as JSON with names in snake_case.
    ///
    /// Throws a ``Problem``: 415 for another type, 413 beyond `limit` bytes, 400 for what is not JSON, nests
    /// deeper than ``JSONDepth/deepest`` or lacks a member. The detail names the member, never the value: it may
    /// be a password.
    package func json<Value: Decodable>(_ type: Value.Type, upTo limit: Int) async throws -> Value {
        try Self.decode(type, from: try await json(upTo: limit))
    }

    /// The body's bytes, said to be JSON by its type, and not more than `limit` of them.
    package func json(upTo limit: Int) async throws -> [UInt8] {
        // Curl's default, and what sends no type at all, is refused on purpose: a page of a foreign site could
        // send both without asking (CSRF), JSON not.
        let media = headers[.contentType].map { $0.prefix { $0 != ";" }.lowercased() }
        guard media?.trimmingCharacters(in: .whitespaces) == "application/json" else {
            throw Problem(.unsupportedMediaType, detail: "Send the body as application/json.")
        }
        let tooLarge = Problem(.contentTooLarge, detail: "The body may have at most \(limit) bytes.")
        if let length = headers[.contentLength].flatMap({ Int($0) }), length > limit { throw tooLarge }
        let buffer: ByteBuffer
        do {
            buffer = try await body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        }
        return Array(buffer.readableBytesView)
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws(Problem) -> Value {
        guard JSONDepth.isAllowed(bytes) else {
            throw Problem(.badRequest, detail: "The body nests deeper than \(JSONDepth.deepest) levels.")
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(type, from: Data(bytes))
        } catch let error as DecodingError {
            throw problem(error)
        } catch {
            throw Problem(.badRequest, detail: "The body is not JSON.")
        }
    }

    /// The member that is wrong stands in the detail and, for programs, in `field`.
    private static func problem(_ error: DecodingError) -> Problem {
        func invalid(_ keys: [any CodingKey], _ rule: String) -> Problem {
            let field = keys.map { $0.intValue.map { "[\($0)]" } ?? snakeCase($0.stringValue) }
                .joined(separator: ".")
            return Problem(
                .badRequest,
                type: "invalid",
                detail: "\(field) \(rule)",
                members: ["field": .text(field)]
            )
        }
        switch error {
        case .keyNotFound(let key, let context): return invalid(context.codingPath + [key], "is missing.")
        case .valueNotFound(_, let context) where !context.codingPath.isEmpty:
            return invalid(context.codingPath, "must not be null.")
        case .typeMismatch(_, let context) where !context.codingPath.isEmpty:
            return invalid(context.codingPath, "has the wrong type.")
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            return invalid(context.codingPath, "is not acceptable.")
        default: return Problem(.badRequest, detail: "The body is not the JSON that is expected here.")
        }
    }

    private static func snakeCase(_ name: String) -> String {
        name.map { $0.isUppercase ? "_" + $0.lowercased() : String($0) }.joined()
    }
}

/// JSON's nesting, counted before a parser recurses into it.
package enum JSONDepth {
    package static let deepest = 32

    package static func isAllowed(_ bytes: [UInt8]) -> Bool {
        var depth = 0
        var isText = false
        var isEscaped = false
        for byte in bytes {
            if isText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isText = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isText = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                if depth > deepest { return false }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
        }
        return true
    }
}
