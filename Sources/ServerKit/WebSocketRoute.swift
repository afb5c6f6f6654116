package import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// Where a listener opens WebSockets in place of answering.
package struct WebSocketRoute: Sendable {
    /// Who asks, and for what.
    package struct Opening: Sendable {
        package var request: Request
        /// Network address without its port.
        package var remoteAddress: String?
        package var isEncrypted: Bool
    }

    /// What is done with the WebSocket once it is open; it is closed when this returns.
    package typealias Service = @Sendable (WebSocket) async -> Void

    let matches: @Sendable (_ path: String) -> Bool
    let admit: @Sendable (Opening) async throws -> Service

    /// - Parameters:
    ///   - matches: whether a path is one of this route's.
    ///   - admit: judges before the WebSocket opens. What it throws is answered in plain HTTP, as a ``Problem``. A cookie
    ///     must not open anything here: browsers let every page open a WebSocket to everywhere.
    package init(
        matches: @escaping @Sendable (_ path: String) -> Bool,
        admit: @escaping @Sendable (Opening) async throws -> Service
    ) {
        self.matches = matches
        self.admit = admit
    }
}

/// The routes of one listener.
struct WebSocketDoor: Sendable {
    let routes: [WebSocketRoute]
    let isEncrypted: Bool
    let pingInterval: Duration

    func upgrade(for request: Request) -> WebSocketUpgrade? {
        guard !routes.isEmpty, request.method == .get else { return nil }
        let path = request.uri.path
        return routes.first { $0.matches(path) }.map {
            WebSocketUpgrade(route: $0, pingInterval: pingInterval)
        }
    }

    /// Returns when the WebSocket is over, or what is to be answered instead.
    func serve(
        _ request: Request,
        with upgrade: WebSocketUpgrade,
        on channel: any Channel,
        _ logger: Logger
    ) async -> Response? {
        let opening = WebSocketRoute.Opening(
            request: request,
            remoteAddress: channel.remoteAddress?.ipAddress,
            isEncrypted: isEncrypted
        )
        do {
            try await upgrade.run(opening, channel)
            return nil
        } catch {
            var response = Problem.answering(error, logger).response
            if Self.isLast(request) { response.headers[.connection] = "close" }
            return response
        }
    }

    /// NIO reads nothing more of a connection behind a request for an upgrade.
    static func isLast(_ request: Request) -> Bool { request.headers[.upgrade] != nil }
}
