import ServerKit
import Vr

/// Figures of retention, for operators.
struct RetentionMetrics {
    private let segments: [RetentionPass.Reason: Counter]
    private let bytes: [RetentionPass.Reason: Counter]
    let refused: Counter
    let failures: Counter
    private let storedSegments: Gauge
    private let storedBytes: Gauge
    private let freeBytes: Gauge

    init(_ registry: MetricRegistry) {
        func counters(_ name: String, _ help: String) -> [RetentionPass.Reason: Counter] {
            Dictionary(
                uniqueKeysWithValues: RetentionPass.Reason.allCases.map {
                    ($0, registry.counter(name, help, labels: [("reason", $0.rawValue)]))
                }
            )
        }
        segments = counters("vedette_retention_segments_total", "Segments that retention dropped.")
        bytes = counters("vedette_retention_bytes_total", "Their bytes.")
        refused = registry.counter(
            "vedette_retention_refusals_total",
            "Segments that were refused because no room could be made."
        )
        failures = registry.counter(
            "vedette_retention_failures_total",
            "Walks of retention that could not be finished."
        )
        storedSegments = registry.gauge("vedette_recordings_segments", "Segments that are stored.")
        storedBytes = registry.gauge("vedette_recordings_bytes", "Their bytes.")
        freeBytes = registry.gauge(
            "vedette_recordings_disk_free_bytes",
            "What the disk of recordings has free."
        )
    }

    func count(_ reason: RetentionPass.Reason, bytes size: Int64) {
        segments[reason]?.add()
        bytes[reason]?.add(Int(clamping: size))
    }

    func show(_ usage: RetentionUsage, segments: Int, free: Int64) {
        storedSegments.set(segments)
        storedBytes.set(Int(clamping: usage.total))
        freeBytes.set(Int(clamping: free))
    }
}
