import HTTPTypes
import Hummingbird
import ServerKit

/// The whole of something, or the part that was asked for (RFC 9110, 14).
enum RangedResponse {
    static func make(
        _ request: Request,
        size: Int64,
        tag: String,
        headers: HTTPFields,
        body: (Range<Int64>) -> ResponseBody
    ) throws -> Response {
        let part = ByteRange(
            header: request.headers[.range],
            condition: request.headers[.ifRange],
            tag: tag,
            size: size
        )
        switch part {
        case .whole: return Response(status: .ok, headers: headers, body: body(0..<size))
        case .part(let part):
            var headers = headers
            headers[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)"
            return Response(status: .partialContent, headers: headers, body: body(part))
        case .unsatisfiable: throw PlaybackRefusal.unsatisfiable(size)
        }
    }
}
