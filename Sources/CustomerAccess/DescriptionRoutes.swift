import APIDescription
import HTTPTypes
import Hummingbird
import NIOCore
import ServerKit

/// The description of the API, for programs and for people. It is no secret, and needs no login.
extension CustomerAPI {
    /// Made with the first request: a platform whose description nobody reads does not spend the time. A text that is not well
    /// formed is a bug, which tests find.
    private static let files = Result { try DescriptionFiles() }

    func addDescriptionRoutes(to api: RouterGroup<PlatformContext>) {
        let paths: [(RouterPath, @Sendable (DescriptionFiles) -> DescriptionFiles.File)] = [
            ("", { $0.page }), ("page.css", { $0.style }), ("openapi.yaml", { $0.yaml }),
            ("openapi.json", { $0.json }),
        ]
        for (path, file) in paths {
            for method in [HTTPRequest.Method.get, .head] {
                api.on(path, method: method) { request, _ in
                    Self.answer(file(try Self.files.get()), to: request)
                }
            }
        }
    }

    private static func answer(_ file: DescriptionFiles.File, to request: Request) -> Response {
        var headers: HTTPFields = [
            .contentType: file.type, .eTag: file.tag, .cacheControl: "no-cache",
            .xContentTypeOptions: "nosniff",
            // The page needs its style sheet, and nothing else may come in or frame it.
            .contentSecurityPolicy:
                "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ]
        guard !EntityTag(file.tag).isKnown(to: request) else {
            headers[.contentType] = nil
            return Response(status: .notModified, headers: headers)
        }
        guard request.method != .head else {
            headers[.contentLength] = "\(file.bytes.count)"
            return Response(status: .ok, headers: headers)
        }
        return Response(
            status: .ok,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: file.bytes))
        )
    }
}
