package import HTTPTypes
package import Hummingbird

/// A method and a path as the router has it, `/api/v1/devices/:id`.
package struct ServedRoute: Hashable, Sendable {
    package var method: String
    package var path: String
}

/// Passes routes on to a router and remembers them, so that a known path with another method is answered with 405
/// and what is allowed (RFC 9110, 15.5.6), where the router alone would say 404.
package final class MethodGuard<Context: RequestContext>: RouterMethods {
    private static var methods: [HTTPRequest.Method] {
        let draft = HTTPRequest.Method("QUERY").map { [$0] } ?? []
        return [.get, .head, .post, .put, .patch, .delete, .options, .trace] + draft
    }

    private let router: Router<Context>
    private var known: [String: [HTTPRequest.Method]] = [:]

    package init(_ router: Router<Context>) {
        self.router = router
    }

    /// All that came through here so far.
    package var served: [ServedRoute] {
        known.flatMap { path, methods in methods.map { ServedRoute(method: $0.rawValue, path: path) } }
    }

    package func on<Responder: HTTPResponder>(
        _ path: RouterPath,
        method: HTTPRequest.Method,
        responder: Responder
    ) -> Self where Responder.Context == Context {
        router.on(path, method: method, responder: responder)
        known[path.description, default: []].append(method)
        return self
    }

    package func add(middleware: any MiddlewareProtocol<Request, Response, Context>) -> Self {
        router.add(middleware: middleware)
        return self
    }

    /// After the last route. `headers` go with each refusal.
    package func refuseOtherMethods(headers: HTTPFields = [:]) {
        for (path, allowed) in known {
            let names = allowed.map(\.rawValue).sorted().joined(separator: ", ")
            var headers = headers
            headers[.allow] = names
            let problem = Problem(.methodNotAllowed, detail: "This address takes \(names).", headers: headers)
            for method in Self.methods where !allowed.contains(method) {
                router.on(RouterPath(path), method: method) { _, _ -> Response in throw problem }
            }
        }
    }
}
