import HSSModel

/// Whether a peer takes what it is sent, as a value: so many bytes in a time, or it is given up.
///
/// An answer that is not taken holds memory, an open file, a place among those that may download at a time. The kernel ends
/// a peer that takes nothing; one that takes a byte a second would hold them for ever. While nothing waits to be taken there
/// is no deadline, however long that is.
struct OutboundProgress: Equatable {
    /// Until something has to be taken.
    private let patience: Duration
    /// Bytes a second, in the long run.
    private let rate: Int
    private var waiting = 0
    private(set) var deadline: Instant?

    init(patience: Duration, rate: Int) {
        self.patience = patience
        self.rate = max(1, rate)
    }

    mutating func wrote(_ bytes: Int, at now: Instant) {
        guard bytes > 0 else { return }
        deadline = (deadline ?? now + patience) + time(for: bytes)
        waiting += bytes
    }

    /// The kernel has taken them. Whoever was fast has nothing saved up by it.
    mutating func took(_ bytes: Int, at now: Instant) {
        guard bytes > 0 else { return }
        waiting = max(0, waiting - bytes)
        guard waiting > 0 else {
            deadline = nil
            return
        }
        let latest = now + patience + time(for: waiting)
        deadline = min(deadline ?? latest, latest)
    }

    func isTooSlow(at now: Instant) -> Bool { deadline.map { $0 <= now } ?? false }

    private func time(for bytes: Int) -> Duration { .seconds(1) * bytes / rate }
}
