import ServerKit

/// Figures of live pictures as customers see them.
struct LiveMetrics: Sendable {
    let granted: Counter
    let failed: Counter
    let pushes: Counter
    let startTime: Histogram

    init(_ registry: MetricRegistry) {
        let name = "vedette_live_requests_total"
        let help = "Requests for a live picture by outcome."
        granted = registry.counter(name, help, labels: [("outcome", "granted")])
        failed = registry.counter(name, help, labels: [("outcome", "failed")])
        pushes = registry.counter("vedette_live_pushes_total", "PushLive messages sent.")
        startTime = registry.histogram(
            "vedette_live_start_seconds",
            "From a customer's request to the running stream."
        )
    }
}
