import ServerKit

/// Figures of playback, for operators.
struct PlaybackMetrics {
    let playlists: Counter
    let segments: Counter
    let bytes: Counter
    let exports: Counter
    let exportBytes: Counter
    let brokenExports: Counter
    let refused: Counter

    init(_ registry: MetricRegistry) {
        playlists = registry.counter("vedette_playback_playlists_total", "Playlists of recordings.")
        segments = registry.counter("vedette_playback_segments_total", "Segments that were played.")
        bytes = registry.counter("vedette_playback_bytes_total", "Bytes of segments that were played.")
        exports = registry.counter("vedette_exports_total", "Files of recordings that were begun.")
        exportBytes = registry.counter("vedette_export_bytes_total", "Bytes of files of recordings.")
        brokenExports = registry.counter(
            "vedette_exports_broken_total",
            "Files of recordings that ended early: a segment was gone or damaged, or the right was withdrawn."
        )
        refused = registry.counter(
            "vedette_playback_refused_total",
            "Requests for recordings whose ticket or right did not count."
        )
    }
}
