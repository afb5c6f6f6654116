import Crypto
import HTTPTypes
package import Hummingbird
import NIOCore

/// The web console at `/`: a page and what it loads, as they stand in `Resources`, carried by the program itself.
///
/// It is a client of the public API like any other and knows nothing of the platform: no route here reads anything that
/// the caller sent but the path and `If-None-Match`.
package struct WebConsole: Sendable {
    private let page: ConsoleAsset
    private let assets: [String: ConsoleAsset]
    /// Of all that the console consists of: part of every address, so that what has one is never out of date.
    private let version: String
    private let headers: HTTPFields

    /// `media`: origins from which pictures come besides the console's own, such as `https://media.example.org:8443`.
    package init(media: [String]) {
        let files = ConsoleFiles.all
        version = ConsoleAsset.digest(
            of: ConsoleFiles.page + files.flatMap { Array($0.name.utf8) + $0.bytes }
        )
        assets = Dictionary(
            files.map { ($0.name, ConsoleAsset(name: $0.name, bytes: $0.bytes)) },
            uniquingKeysWith: { first, _ in first }
        )
        let text = String(decoding: ConsoleFiles.page, as: UTF8.self)
        page = ConsoleAsset(
            name: "index.html",
            bytes: Array(text.replacing("/console/VERSION/", with: "/console/\(version)/").utf8)
        )
        headers = ConsoleSecurity.headers(media: media)
    }

    package func addRoutes(to router: Router<some RequestContext>) {
        for method in [HTTPRequest.Method.get, .head] {
            router.on("/", method: method) { request, _ in
                // Asked for each time, answered with 304: an upgrade of the platform is seen at once.
                answer(page, caching: "no-cache", to: request)
            }
            router.on("/console/:version/:file", method: method) { request, context -> Response in
                guard context.parameters.get("version") == version,
                    let asset = context.parameters.get("file").flatMap({ assets[$0] })
                else { throw HTTPError(.notFound) }
                return answer(asset, caching: "public, max-age=31536000, immutable", to: request)
            }
        }
    }

    private func answer(_ asset: ConsoleAsset, caching: String, to request: Request) -> Response {
        var headers = headers
        headers[.eTag] = asset.tag
        headers[.cacheControl] = caching
        let known = request.headers[.ifNoneMatch]?.split(separator: ",") ?? []
        guard !known.contains(where: { $0.hasSuffix(asset.tag) }) else {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = asset.type
        headers[.contentLength] = "\(asset.bytes.count)"
        guard request.method != .head else { return Response(status: .ok, headers: headers) }
        return Response(
            status: .ok,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: asset.bytes))
        )
    }
}

/// One file as it is sent.
struct ConsoleAsset: Sendable {
    let bytes: [UInt8]
    let type: String
    /// Quoted, as in `ETag`.
    let tag: String

    init(name: String, bytes: [UInt8]) {
        self.bytes = bytes
        type = Self.types[name.split(separator: ".").last ?? ""] ?? "application/octet-stream"
        tag = "\"\(Self.digest(of: bytes))\""
    }

    private static let types: [Substring: String] = [
        "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "css": "text/css; charset=utf-8", "svg": "image/svg+xml",
        "webmanifest": "application/manifest+json",
    ]

    /// 64 bits of SHA-256, in hexadecimal: enough to tell versions apart.
    static func digest(of bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).prefix(8).map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }.joined()
    }
}
