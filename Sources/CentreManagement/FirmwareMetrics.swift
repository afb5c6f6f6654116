import HSSModel
import ServerKit

/// Figures of firmware and its roll-outs, for operators.
struct FirmwareMetrics {
    let downloading: Gauge
    let downloads: Counter
    let bytes: Counter
    let turnedAway: Counter
    let refused: Counter

    init(_ registry: MetricRegistry) {
        downloading = registry.gauge("vedette_firmware_downloading", "Images that are being sent to units.")
        func requests(_ outcome: String) -> Counter {
            registry.counter(
                "vedette_firmware_downloads_total",
                "Requests of units for firmware by outcome.",
                labels: [("outcome", outcome)]
            )
        }
        downloads = requests("complete")
        turnedAway = requests("busy")
        refused = requests("refused")
        bytes = registry.counter("vedette_firmware_bytes_total", "Bytes of firmware sent to units.")
    }
}

struct RollOutMetrics {
    let open: Gauge
    let updating: Gauge
    let told: Counter
    let unsaved: Counter
    private let ended: [RollOutState: Counter]

    init(_ registry: MetricRegistry) {
        open = registry.gauge("vedette_roll_outs_open", "Roll-outs that have not ended.")
        updating = registry.gauge("vedette_roll_out_units_updating", "Units that were told to update.")
        told = registry.counter(
            "vedette_upgrades_told_total",
            "Units told to update, by roll-outs and singly."
        )
        unsaved = registry.counter(
            "vedette_roll_out_save_failures_total",
            "Times that the progress of roll-outs could not be written."
        )
        let states: [RollOutState] = [.done, .failed, .missed]
        ended = Dictionary(
            uniqueKeysWithValues: states.map { state in
                let labels = [("outcome", state.rawValue)]
                let help = "Units that ended in a roll-out, by outcome."
                return (state, registry.counter("vedette_roll_out_units_total", help, labels: labels))
            }
        )
    }

    func count(_ progress: RollOutProgress) {
        ended[progress.state]?.add()
    }
}
