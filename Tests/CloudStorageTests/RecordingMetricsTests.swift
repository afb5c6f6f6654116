import ServerKit
import Testing

@testable import CloudStorage

@Suite("Figures of recording") struct RecordingMetricsTests {
    @Test func whatIsSavedIsCounted() {
        let registry = MetricRegistry()
        let metrics = RecordingMetrics(registry)
        metrics.saved.add()
        #expect(registry.exposition().contains(#"vedette_record_segments_total{outcome="saved"} 1"#))
    }
}
