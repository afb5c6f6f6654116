import HSSModel
import ServerKit

/// Figures of uploads, for operators.
struct UploadMetrics {
    private let stored: [UploadPurpose: Counter]
    private let bytes: Counter
    private let refused: Counter
    private let unknown: Counter
    private let failed: Counter

    init(_ registry: MetricRegistry) {
        stored = Dictionary(
            uniqueKeysWithValues: UploadPurpose.allCases.map { purpose in
                let labels = [("purpose", purpose.rawValue)]
                return (
                    purpose,
                    registry.counter("vedette_uploads_total", "Uploads of units stored.", labels: labels)
                )
            }
        )
        bytes = registry.counter("vedette_upload_bytes_total", "Bytes of uploads stored.")
        func refusals(_ reason: String) -> Counter {
            registry.counter(
                "vedette_uploads_refused_total",
                "Uploads not taken, by what was the matter.",
                labels: [("reason", reason)]
            )
        }
        refused = refusals("content")
        unknown = refusals("address")
        failed = refusals("storage")
    }

    func stored(_ purpose: UploadPurpose, _ size: Int64) {
        stored[purpose]?.add()
        bytes.add(Int(size))
    }

    func count(_ refusal: UploadRefusal) -> UploadRefusal {
        switch refusal {
        case .unknown, .inUse: unknown.add()
        case .tooLarge, .notAPicture, .incomplete, .tooSlow: refused.add()
        case .tooMany, .noSpace, .failed: failed.add()
        }
        return refusal
    }
}
