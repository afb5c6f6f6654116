import Bus
import HSSModel
import ServerKit

/// The MDU's figures. Labels are fixed here, so no peer can make a series.
final class MediaMetrics: Sendable {
    let bytesReceived: Counter
    let bytesSent: Counter
    let packetsLost: Counter
    let packetsLate: Counter
    let packetsSkipped: Counter
    let batchesSkipped: Counter
    let displacements: Counter
    let eventFeedsDropped: Counter
    let streams: Gauge
    let viewers: [MediaProtocol: Gauge]
    let hlsMuxers: Gauge
    let fragmentMuxers: Gauge
    let hlsWaitsRefused: Counter
    let hlsPicturesDropped: Counter
    private let endings: [MediaEnding.Role: [MediaEnd: Counter]]
    private let refusals: [MediaRefusal: Counter]

    init(_ registry: MetricRegistry) {
        bytesReceived = registry.counter(
            "vedette_media_received_bytes_total",
            "Media from publishers, without the transport's overhead."
        )
        bytesSent = registry.counter(
            "vedette_media_sent_bytes_total",
            "Media handed to viewers' connections."
        )
        packetsLost = registry.counter(
            "vedette_srt_packets_lost_total",
            "Packets of publishers that did not come in time."
        )
        packetsLate = registry.counter(
            "vedette_srt_packets_late_total",
            "Packets of publishers that came twice or after they had been given up."
        )
        packetsSkipped = registry.counter(
            "vedette_srt_packets_skipped_total",
            "Messages not sent because a viewer's send buffer was full."
        )
        batchesSkipped = registry.counter(
            "vedette_media_batches_skipped_total",
            "Batches not queued because an HTTP viewer waits for a key frame."
        )
        displacements = registry.counter(
            "vedette_media_displacements_total",
            "Publishers replaced by one with a newer epoch."
        )
        eventFeedsDropped = registry.counter(
            "vedette_media_event_feeds_dropped_total",
            "Listeners to events that fell too far behind."
        )
        streams = registry.gauge("vedette_media_streams", "Streams that have a publisher.")
        viewers = Dictionary(
            uniqueKeysWithValues: MediaProtocol.allCases.map { kind in
                let labels = [("protocol", kind.rawValue)]
                return (kind, registry.gauge("vedette_media_viewers", "Viewers by protocol.", labels: labels))
            }
        )
        hlsMuxers = registry.gauge("vedette_hls_streams", "Streams that are made into parts for HLS.")
        fragmentMuxers = registry.gauge(
            "vedette_ws_streams",
            "Streams that are made into fragments for WebSockets."
        )
        hlsWaitsRefused = registry.counter(
            "vedette_hls_waits_refused_total",
            "Blocking requests refused because a session has too many of them."
        )
        hlsPicturesDropped = registry.counter(
            "vedette_hls_pictures_dropped_total",
            "Pictures left out of HLS: damaged, or without what they refer to."
        )
        endings = Dictionary(
            uniqueKeysWithValues: MediaEnding.Role.allCases.map { role in
                let counters = MediaEnd.allCases.map { reason in
                    (
                        reason,
                        registry.counter(
                            "vedette_media_ended_total",
                            "Publishers and viewers that ended, by reason.",
                            labels: [("role", role.rawValue), ("reason", reason.rawValue)]
                        )
                    )
                }
                return (role, Dictionary(uniqueKeysWithValues: counters))
            }
        )
        refusals = Dictionary(
            uniqueKeysWithValues: MediaRefusal.allCases.map { reason in
                let help = "Publishers and viewers refused, by reason."
                return (
                    reason,
                    registry.counter(
                        "vedette_media_refused_total",
                        help,
                        labels: [("reason", reason.rawValue)]
                    )
                )
            }
        )
    }

    func count(_ ending: MediaEnding) {
        endings[ending.role]?[ending.reason]?.add()
    }

    func count(_ refusal: MediaRefusal) {
        refusals[refusal]?.add()
    }
}
