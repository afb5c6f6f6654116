import ServerKit
import Synchronization

/// Figures of recording as the SCU orders it.
struct RecordMetrics: Sendable {
    /// A number that is shared with whoever reads the figures.
    final class Count: Sendable {
        private let value = Atomic(0)

        func add(_ change: Int) { value.add(change, ordering: .relaxed) }
        var now: Int { value.load(ordering: .relaxed) }
    }

    let agreed: Counter
    let refused: Counter
    let lost: Counter
    /// Sessions that a unit has taken up and that have not ended.
    let running = Count()

    init(_ registry: MetricRegistry) {
        func orders(_ outcome: String) -> Counter {
            registry.counter(
                "vedette_record_orders_total",
                "StartRecord and StopRecord by what came of them.",
                labels: [("outcome", outcome)]
            )
        }
        agreed = orders("agreed")
        refused = orders("refused")
        lost = orders("lost")
        registry.gauge("vedette_record_sessions", "Channels that are being recorded.") { [running] in
            Double(running.now)
        }
    }
}
