import HSSModel
import Synchronization
import Vm

/// What one connection has carried. The thread that carries it counts; anybody reads.
///
/// Counting costs an addition for each message of a publisher, each tick of a viewer over SRT and each batch of one over
/// HTTP.
final class Tally: Sendable {
    private let octets = Atomic<UInt64>(0)
    private let skips = Atomic<UInt64>(0)
    private let meter: Mutex<ThroughputMeter>

    init(at now: Instant) {
        meter = Mutex(ThroughputMeter(at: now))
    }

    func add(octets count: Int) {
        octets.wrappingAdd(UInt64(count), ordering: .relaxed)
    }

    /// Messages, or batches, that a viewer will never get.
    func add(skips count: Int) {
        skips.wrappingAdd(UInt64(count), ordering: .relaxed)
    }

    var total: UInt64 { octets.load(ordering: .relaxed) }
    var skipped: UInt64 { skips.load(ordering: .relaxed) }

    /// Each second or so.
    func look(at now: Instant) {
        meter.withLock { $0.look(at: total, now: now) }
    }

    /// Bit/s over the last seconds.
    func bitrate(at now: Instant) -> Int {
        meter.withLock { $0.bitrate(at: total, now: now) }
    }
}

/// What the table is told of a connection beside its ticket.
struct MediaPeer: Sendable {
    /// With its port where it is known. Operators alone see it.
    var address: String?
    var isEncrypted = false
    let tally: Tally
    /// Octets that wait for it, and what libsrt knows. Asked when somebody wants to see it, from any thread.
    var figures: @Sendable () -> (queuedBytes: Int, srt: SRTFigures?) = { (0, nil) }

    /// A connection over HTTP, or one of which nothing is known.
    init(address: String? = nil, isEncrypted: Bool = false, tally: Tally) {
        self.address = address
        self.isEncrypted = isEncrypted
        self.tally = tally
    }
}
