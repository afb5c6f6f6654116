import Bus
import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import ServerKit

/// `GET …/picture?width=`: the latest picture of a channel, of the stream that runs or the one that is remembered. It asks
/// nothing of the unit; a picture of now is taken by `POST …/snapshot`.
extension CustomerAPI {
    func addPictureRoutes(to api: RouterGroup<PlatformContext>) {
        for path in ["devices/:id/picture", "devices/:id/channels/:n/picture"] {
            api.get(RouterPath(path)) { try await picture($0, $1) }
            api.head(RouterPath(path)) { try await picture($0, $1) }
        }
    }

    private func picture(_ request: Request, _ context: PlatformContext) async throws -> Response {
        try await answering {
            let channel = try await channel(context, needing: .live)
            let width = try PictureResponse.width(of: request)
            let picture = try await pictures.picture(of: channel, width: width)
            return PictureResponse.make(
                picture.jpeg,
                width: width,
                takenAt: picture.takenAt,
                at: .now,
                for: request
            )
        }
    }
}
