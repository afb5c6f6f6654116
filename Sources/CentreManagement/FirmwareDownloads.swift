import Blobs
import HSSModel
import HTTPTypes
import HostClock
package import Hummingbird
import NIOCore
import ServerKit
import Synchronization

extension FirmwareLibrary {
    private static let addressesRemembered = 50_000
    /// Requests of one network address: a unit on a bad line comes again and again.
    private static let requestsPerSecond = 20.0
    private static let burst = 200
    private static let chunk = 256 << 10

    /// `GET` and `HEAD /firmware/<token>`: what a unit was given as `url` of `UpgradeFirmware` (Table I.2-7), with ranges
    /// (RFC 9110, 14), so that a unit resumes what a lost connection cut off. `remoteAddress` gives the network
    /// address of the client, for rates.
    package func addRoutes<Context: RequestContext>(
        to router: Router<Context>,
        remoteAddress: @escaping @Sendable (Context) -> String
    ) {
        let rates = Mutex(
            RateLimiter<NetworkPrefix>(
                perSecond: Self.requestsPerSecond,
                burst: Self.burst,
                capacity: Self.addressesRemembered
            )
        )
        let admit: @Sendable (Context) throws -> Void = { context in
            guard rates.withLock({ $0.admit(NetworkPrefix(remoteAddress(context)), at: .now) }) else {
                throw Problem(
                    .tooManyRequests,
                    type: "rate",
                    detail: "This address sends too many requests.",
                    headers: [.retryAfter: "1"]
                )
            }
        }
        router.get("firmware/:token") { request, context in
            try admit(context)
            return try await self.answer(context.parameters.get("token"), request)
        }
        router.head("firmware/:token") { _, context in
            try admit(context)
            do throws(DownloadRefusal) {
                let grant = try self.grant(context.parameters.get("token"))
                let firmware = try await self.image(of: grant)
                var headers = Self.headers(of: firmware.sha256)
                headers[.contentLength] = "\(firmware.size)"
                return Response(status: .ok, headers: headers)
            } catch {
                throw self.problem(error)
            }
        }
    }

    private func grant(_ token: String?) throws(DownloadRefusal) -> FirmwareKey.Grant {
        guard let grant = key.grant(of: token ?? "", at: .now) else { throw .unknown }
        return grant
    }

    private func answer(_ token: String?, _ request: Request) async throws -> Response {
        let download: Download
        do throws(DownloadRefusal) {
            download = try await self.download(try grant(token))
        } catch {
            throw problem(error)
        }
        let size = download.reader.size
        let range = ByteRange(
            header: request.headers[.range],
            condition: request.headers[.ifRange],
            tag: Self.tag(of: download.firmware.sha256),
            size: size
        )
        var headers = Self.headers(of: download.firmware.sha256)
        switch range {
        case .whole: return Response(status: .ok, headers: headers, body: body(download, 0..<size))
        case .part(let part):
            headers[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)"
            return Response(status: .partialContent, headers: headers, body: body(download, part))
        case .unsatisfiable:
            throw Problem(
                .rangeNotSatisfiable,
                detail: "The image has \(size) bytes.",
                headers: [.contentRange: "bytes */\(size)"]
            )
        }
    }

    private func body(_ download: Download, _ part: Range<Int64>) -> ResponseBody {
        ResponseBody(contentLength: Int(part.count)) { [metrics] writer in
            var place = part.lowerBound
            while place < part.upperBound {
                let count = Int(min(Int64(Self.chunk), part.upperBound - place))
                let bytes = try await download.reader.read(at: place, count: count)
                place += Int64(bytes.readableBytes)
                metrics.bytes.add(bytes.readableBytes)
                try await writer.write(bytes)
            }
            metrics.downloads.add()
            try await writer.finish(nil)
        }
    }

    /// An image never changes: its checksum is its strong entity tag. The address is a key, and is kept by nobody.
    private static func headers(of sha256: String) -> HTTPFields {
        [
            .contentType: "application/octet-stream", .acceptRanges: "bytes", .eTag: tag(of: sha256),
            .cacheControl: "private, no-store",
        ]
    }

    private static func tag(of sha256: String) -> String { "\"\(sha256)\"" }

    private func problem(_ refusal: DownloadRefusal) -> Problem {
        switch refusal {
        case .unknown:
            metrics.refused.add()
            return Problem(.notFound, detail: "There is no such firmware address, or its time is over.")
        case .busy:
            return Problem(
                .serviceUnavailable,
                type: "busy",
                detail: "Too many units fetch firmware at the moment.",
                headers: [.retryAfter: "\(Int(settings.retryAfter.inSeconds))"]
            )
        case .failed:
            return Problem(
                .serviceUnavailable,
                detail: "The firmware cannot be read now.",
                headers: [.retryAfter: "30"]
            )
        }
    }
}
