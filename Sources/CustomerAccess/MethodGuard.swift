import HTTPTypes
import Hummingbird
import ServerKit

/// Passes routes on to a router and remembers them, so that a known path with another method is answered with 405
/// and what is allowed (RFC 9110, 15.5.6), where the router alone would say 404.
final class MethodGuard: RouterMethods {
    private static let methods: [HTTPRequest.Method] = [.get, .post, .put, .patch, .delete]

    private let router: Router<PlatformContext>
    private var known: [String: [HTTPRequest.Method]] = [:]

    init(_ router: Router<PlatformContext>) {
        self.router = router
    }

    func on<Responder: HTTPResponder>(
        _ path: RouterPath,
        method: HTTPRequest.Method,
        responder: Responder
    ) -> Self where Responder.Context == PlatformContext {
        router.on(path, method: method, responder: responder)
        known[path.description, default: []].append(method)
        return self
    }

    func add(middleware: any MiddlewareProtocol<Request, Response, PlatformContext>) -> Self {
        router.add(middleware: middleware)
        return self
    }

    /// After the last route.
    func refuseOtherMethods() {
        for (path, allowed) in known {
            let names = allowed.map(\.rawValue).sorted().joined(separator: ", ")
            for method in Self.methods where !allowed.contains(method) {
                router.on(RouterPath(path), method: method) { _, _ -> Response in
                    throw Problem(
                        .methodNotAllowed,
                        detail: "This address takes \(names).",
                        headers: [.allow: names]
                    )
                }
            }
        }
    }
}
