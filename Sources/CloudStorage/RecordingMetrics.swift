import HSSModel
import ServerKit
import Vr

/// Figures of recording, for operators.
struct RecordingMetrics {
    let saved: Counter
    let savedBytes: Counter
    let dropped: Counter
    let lostByUnits: Counter
    let receivedBytes: Counter
    let uploads: Gauge
    let openSessions: Gauge
    let sync: Histogram
    let failures: Counter
    let orphans: Counter
    let findings: Counter
    private let refused: [Refusal: Counter]

    /// Why a request or an upload was not done, as coarse as an operator wants to know it.
    private enum Refusal: String, CaseIterable {
        case request, address, state, clock, quota, space, busy, storage
    }

    init(_ registry: MetricRegistry) {
        func segments(_ outcome: String) -> Counter {
            registry.counter(
                "vedette_record_segments_total",
                "Segments by what became of them.",
                labels: [("outcome", outcome)]
            )
        }
        saved = segments("saved")
        dropped = segments("dropped")
        lostByUnits = segments("lost_by_unit")
        savedBytes = registry.counter("vedette_record_bytes_total", "Bytes of segments that were saved.")
        receivedBytes = registry.counter(
            "vedette_record_received_bytes_total",
            "Bytes of segments that came."
        )
        uploads = registry.gauge("vedette_record_uploads", "Segments that are being uploaded.")
        openSessions = registry.gauge(
            "vedette_record_open_sessions",
            "Record sessions of which something is open."
        )
        sync = registry.histogram(
            "vedette_record_sync_seconds",
            "How long the bytes of a segment take to the disk."
        )
        failures = registry.counter("vedette_record_failures_total", "Steps of recordings that failed.")
        orphans = registry.counter("vedette_record_orphans_total", "Blobs without a row that were deleted.")
        findings = registry.counter("vedette_record_check_findings_total", "What checks of recordings found.")
        refused = Dictionary(
            uniqueKeysWithValues: Refusal.allCases.map { reason in
                let counter = registry.counter(
                    "vedette_record_refused_total",
                    "Requests and uploads of units that were not done.",
                    labels: [("reason", reason.rawValue)]
                )
                return (reason, counter)
            }
        )
    }

    func count(_ failure: RecordFailure) {
        let reason: Refusal =
            switch failure {
            case .requestTooLong, .malformedForm, .repeatedField, .unknownOperation, .missing, .malformed,
                .unsupportedType, .plainUploadsAreOff, .segmentTooLarge, .malformedRange:
                .request
            case .wrongKey: .address
            case .unknownSegment, .announcedDifferently, .incomplete, .savedAlready, .wrongOffset, .displaced,
                .beingRemoved:
                .state
            case .clockAhead: .clock
            case .overQuota: .quota
            case .noSpace: .space
            case .tooManyOpen, .busy: .busy
            case .storageFailed: .storage
            }
        refused[reason]?.add()
    }
}
