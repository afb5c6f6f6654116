import ServerKit

/// Figures of recording, for operators.
struct RecordingMetrics {
    let saved: Counter
    let savedBytes: Counter

    init(_ registry: MetricRegistry) {
        saved = registry.counter("vedette_record_segments_total", "Segments that were saved.")
        savedBytes = registry.counter("vedette_record_bytes_total", "Bytes of segments that were saved.")
    }
}
