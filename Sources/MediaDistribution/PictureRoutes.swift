package import Bus
package import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import ServerKit
import Vm

/// `GET /live/{stream}.jpg?ticket=…&width=…`: the last key frame of a stream as JPEG. It counts as no viewer, because it
/// holds nothing: a grid of cameras may ask as often as it likes, and most answers are 304.
extension MediaService {
    private static let anyOrigin: HTTPFields = [.accessControlAllowOrigin: "*"]

    func addPictureRoutes<Context: RequestContext>(to router: Router<Context>) {
        router.get("live/{stream}.jpg") { request, context in
            try await self.picture(request, context.parameters.get("stream"))
        }
        router.head("live/{stream}.jpg") { request, context in
            try await self.picture(request, context.parameters.get("stream"))
        }
    }

    private func picture(_ request: Request, _ name: String?) async throws -> Response {
        do {
            let ticket = try admit(request, name, forPicture: true)
            let width = try PictureResponse.width(of: request)
            let picture = try await pictures.picture(of: ticket.stream, width: width)
            return PictureResponse.make(
                picture.jpeg,
                width: width,
                takenAt: picture.takenAt,
                at: .now,
                for: request,
                headers: Self.anyOrigin + [.accessControlExposeHeaders: "ETag, Last-Modified, Picture-Age"]
            )
        } catch let error as PictureError {
            throw Self.problem(error)
        } catch var problem as Problem {
            problem.headers.append(contentsOf: Self.anyOrigin)
            throw problem
        }
    }

    private static func problem(_ error: PictureError) -> Problem {
        var headers = anyOrigin
        switch error {
        case .none: return Problem(.notFound, type: "no-picture", detail: "No picture yet.", headers: headers)
        case .notSupported:
            return Problem(
                .notImplemented,
                type: "no-pictures",
                detail: "This platform makes no pictures of streams.",
                headers: headers
            )
        case .busy, .unavailable:
            headers[.retryAfter] = "1"
            return Problem(
                .serviceUnavailable,
                type: "busy",
                detail: "Too many pictures are being made.",
                headers: headers
            )
        case .unusable(let reason):
            return Problem(
                .badGateway,
                type: "unusable-picture",
                detail: "No picture can be made of the last key frame: \(reason).",
                headers: headers
            )
        }
    }
}

extension MediaService: StreamPictures {
    package func picture(of stream: StreamID, width: Int?) async throws(PictureError) -> Picture {
        try await pictures.picture(of: stream, width: width)
    }

    package func resized(_ picture: Picture, width: Int) async throws(PictureError) -> Picture {
        try await pictures.resized(picture, width: width)
    }
}

extension MediaService: KeyFramePictures {
    package func picture(
        ofKeyFrame bytes: [UInt8],
        _ coding: PictureCoding,
        takenAt: WallTime,
        width: Int?
    ) async throws(PictureError) -> Picture {
        try await pictures.picture(ofKeyFrame: bytes, coding, takenAt: takenAt, width: width)
    }
}
