import HSSModel
import HTTPTypes
import Hummingbird
package import Logging
import ServiceLifecycle

/// `/metrics`, `/healthz` and `/readyz` on a port of their own, in plain HTTP for the operator's network.
package struct MetricsListener: Service {
    private let listener: HTTPListener

    package init(
        host: String,
        port: Int,
        metrics: MetricRegistry,
        readiness: Readiness,
        logger: Logger,
        onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        // A scraper and a few people: a flood here must not take descriptors from the service.
        let limits = ListenerLimits(connections: 64, connectionsPerAddress: 32, drainTimeout: .seconds(1))
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: ProblemMiddleware())
        router.get("metrics") { _, _ in
            Self.answer(.ok, "text/plain; version=0.0.4; charset=utf-8", metrics.exposition())
        }
        router.get("healthz") { _, _ in Self.answer(.ok, "application/json", "{\"status\":\"alive\"}\n") }
        router.get("readyz") { _, _ in
            let problems = await readiness.problems().sorted { $0.key < $1.key }
            guard !problems.isEmpty else {
                return Self.answer(.ok, "application/json", "{\"status\":\"ready\"}\n")
            }
            let members = problems.map { "\(JSONText.quote($0.key)):\(JSONText.quote($0.value))" }
            let body = "{\"status\":\"not ready\",\"problems\":{\(members.joined(separator: ","))}}\n"
            return Self.answer(.serviceUnavailable, "application/json", body)
        }
        listener = HTTPListener(
            name: "metrics",
            host: host,
            port: port,
            identity: nil,
            limits: limits,
            gate: ConnectionGate(limits: limits, listener: "metrics", metrics: metrics),
            metrics: metrics,
            responder: router.buildResponder(),
            logger: logger,
            onListening: onListening
        )
    }

    package func run() async throws {
        try await listener.run()
    }

    private static func answer(_ status: HTTPResponse.Status, _ type: String, _ body: String) -> Response {
        Response(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: body))
        )
    }
}
