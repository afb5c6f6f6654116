import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import NIOFoundationCompat
import ServerKit

/// Reads and writes the JSON of the API.
enum JSONBody {
    /// Nothing that the API takes is larger.
    private static let largestRequest = 65_536

    static func decode<Value: Decodable>(_ type: Value.Type, from request: Request) async throws -> Value {
        let media = request.headers[.contentType] ?? ""
        guard media.lowercased().hasPrefix("application/json") else {
            throw Problem(.unsupportedMediaType, detail: "Send Content-Type: application/json.")
        }
        let body = try await request.body.collect(upTo: largestRequest)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(type, from: Data(buffer: body))
        } catch {
            throw Self.problem(error)
        }
    }

    static func answer(_ value: some Encodable, _ status: HTTPResponse.Status = .ok) throws -> Response {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.withoutEscapingSlashes]
        let data = try encoder.encode(value)
        return Response(
            status: status,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data))
        )
    }

    private static func problem(_ error: any Error) -> Problem {
        func invalid(_ path: [any CodingKey], _ rule: String) -> Problem {
            let field = path.map { $0.stringValue.snakeCased }.joined(separator: ".")
            return Problem(
                .badRequest,
                type: "invalid",
                detail: field.isEmpty ? rule : "\(field): \(rule)",
                members: field.isEmpty ? [:] : ["field": .text(field)]
            )
        }
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            return invalid(context.codingPath + [key], "is required")
        case DecodingError.typeMismatch(_, let context):
            return invalid(context.codingPath, "has another type")
        case DecodingError.valueNotFound(_, let context):
            return invalid(context.codingPath, "must not be null")
        case DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty:
            return invalid(context.codingPath, "is not one of the allowed values")
        default: return invalid([], "The body is not JSON.")
        }
    }
}

extension String {
    fileprivate var snakeCased: String {
        reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
    }
}
