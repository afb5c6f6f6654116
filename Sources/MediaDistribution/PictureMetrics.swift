import Bus
import ServerKit

/// Figures of pictures made of streams.
final class PictureMetrics: Sendable {
    /// What can go wrong with one.
    enum Failure: String, CaseIterable {
        case damaged, unsupported, memory, crashed, late, busy, protocolBroken = "protocol", notStarted =
            "not-started"
    }

    let made: Counter
    let cached: Counter
    let starts: Counter
    let waiting: Gauge
    let seconds: Histogram
    private let failures: [Failure: Counter]

    init(_ registry: MetricRegistry) {
        made = registry.counter("vedette_pictures_made_total", "JPEGs made of key frames and kept pictures.")
        cached = registry.counter(
            "vedette_pictures_cached_total",
            "Pictures answered from those that were made before."
        )
        starts = registry.counter("vedette_picture_workers_started_total", "Starts of vedette-codec.")
        waiting = registry.gauge("vedette_pictures_waiting", "Pictures waiting for vedette-codec.")
        seconds = registry.histogram(
            "vedette_picture_seconds",
            "Time vedette-codec took for one picture."
        )
        failures = Dictionary(
            uniqueKeysWithValues: Failure.allCases.map { failure in
                (
                    failure,
                    registry.counter(
                        "vedette_pictures_failed_total",
                        "Pictures that could not be made, by reason.",
                        labels: [("reason", failure.rawValue)]
                    )
                )
            }
        )
    }

    func count(_ failure: Failure) { failures[failure]?.add() }
}
