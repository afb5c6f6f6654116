import HSSModel
import HostClock
import MediaFormats
import Synchronization

/// Takes the stream of one channel, from any thread.
protocol StreamSink: AnyObject, Sendable {
    /// `tables`: the stream runs already, and these belong to it; nil: it begins with what comes.
    func begin(tables: [UInt8]?)
    /// Bytes of MPEG-TS; packets may straddle calls.
    func take(_ bytes: [UInt8])
    func fail(_ error: CameraError)
}

/// Where the stream of a channel meets its recording: it is cut while one runs, and kept for a while where pictures from
/// before are wanted.
final class RecordTap: StreamSink {
    private struct Running {
        var cutter: SegmentCutter
        var tell: @Sendable (RecordNews) -> Void

        mutating func append(_ bytes: [UInt8], arrival: Int64) {
            cutter.append(bytes, arrival: arrival) { tell(.segment($0)) }
        }

        mutating func end(_ reason: String?) {
            cutter.finish { tell(.segment($0)) }
            tell(.ended(reason))
        }
    }

    private struct State {
        var ring: PrerecordRing?
        var running: Running?
        var hasFailed = false
    }

    /// So many bytes without a packet among them are no transport stream.
    private static let mostGarbage = 64 << 10
    /// Nothing is scanned longer at a time, so that an encoder never waits long.
    private static let longestChunk = 64 << 10

    private let state: Mutex<State>

    init(prerecord: Duration) {
        state = Mutex(State(ring: prerecord > .zero ? PrerecordRing(keeping: prerecord) : nil))
    }

    /// Whether it has use for the stream while nothing is recorded.
    var keeps: Bool { state.withLock { $0.ring != nil } }
    /// What it was attached to gives nothing any more.
    var hasFailed: Bool { state.withLock { $0.hasFailed } }

    /// `tell` is called on the threads that hand the stream over, in order; the last news is the end.
    func start(_ order: RecordingOrder, tell: @escaping @Sendable (RecordNews) -> Void) {
        let limits = SegmentCutter.Limits(
            duration: order.segmentDuration.wholeMilliseconds * 90,
            bytes: order.largestSegment
        )
        let since = (WallTime.now + (.zero - order.prerecord)).milliseconds
        state.withLock { state in
            state.running?.end("another one has begun")
            var running = Running(cutter: SegmentCutter(limits), tell: tell)
            if let ring = state.ring {
                for group in ring.groups(since: since) { running.append(group.bytes, arrival: group.arrival) }
            }
            state.running = running
        }
    }

    func stop() {
        state.withLock { state in
            state.running?.end(nil)
            state.running = nil
        }
    }

    func begin(tables: [UInt8]?) {
        state.withLock { state in
            state.hasFailed = false
            // A ring of another connection would join what does not belong together.
            if tables == nil, let ring = state.ring { state.ring = ring.emptied }
        }
        if let tables { take(tables) }
    }

    func take(_ bytes: [UInt8]) {
        let arrival = WallTime.now.milliseconds
        var start = 0
        while start < bytes.count {
            let end = min(start + Self.longestChunk, bytes.count)
            let chunk = start == 0 && end == bytes.count ? bytes : Array(bytes[start..<end])
            state.withLock { state in
                state.ring?.append(chunk, arrival: arrival)
                state.running?.append(chunk, arrival: arrival)
                guard let octets = state.running?.cutter.octetsSinceLastPacket, octets > Self.mostGarbage
                else {
                    return
                }
                state.running?.end("what the source hands over is no MPEG transport stream")
                state.running = nil
            }
            start = end
        }
    }

    func fail(_ error: CameraError) {
        state.withLock { state in
            state.hasFailed = true
            state.running?.end(error.description)
            state.running = nil
        }
    }
}
