package import HSSModel
package import HTTPTypes
package import Hummingbird
import NIOCore

/// A JPEG over HTTP that changes now and then: who has it already is told so in a few octets (RFC 9110, 13).
package enum PictureResponse {
    package static let age = HTTPField.Name("Picture-Age")

    /// `width`: the one that was asked for, which is part of the name under which the picture is cached.
    /// `Picture-Age` is in seconds: a picture may be days old.
    package static func make(
        _ jpeg: [UInt8],
        width: Int?,
        takenAt: WallTime,
        at now: WallTime,
        for request: Request,
        headers more: HTTPFields = [:]
    ) -> Response {
        let tag = "\"\(takenAt.milliseconds)-\(width ?? 0)-\(jpeg.count)\""
        var headers: HTTPFields = [
            .eTag: tag, .lastModified: "\(HTTPDate(takenAt))", .cacheControl: "private, no-cache",
            .xContentTypeOptions: "nosniff",
        ]
        if let age { headers[age] = String(max(0, (now - takenAt).components.seconds)) }
        headers.append(contentsOf: more)
        guard !isKnown(tag, takenAt, to: request) else {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = "image/jpeg"
        headers[.contentLength] = String(jpeg.count)
        guard request.method != .head else { return Response(status: .ok, headers: headers) }
        return Response(
            status: .ok,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: jpeg))
        )
    }

    /// A tag that is given decides alone (RFC 9110, 13.2.2).
    private static func isKnown(_ tag: String, _ time: WallTime, to request: Request) -> Bool {
        if request.headers[.ifNoneMatch] != nil { return EntityTag(tag).isKnown(to: request) }
        guard let since = request.headers[.ifModifiedSince].flatMap({ HTTPDate($0) }) else { return false }
        return HTTPDate(time).seconds <= since.seconds
    }

    /// `width` of a request, in pixels: 16 to 8192. `nil`: the whole size.
    package static func width(of request: Request) throws(Problem) -> Int? {
        guard let text = request.uri.queryParameters["width"] else { return nil }
        guard let width = Int(text), (16...8192).contains(width) else {
            throw Problem(
                .badRequest,
                type: "invalid",
                detail: "width: expected 16 to 8192",
                members: ["field": .text("width")]
            )
        }
        return width
    }
}
