import HSSModel
import HostClock
import Synchronization

/// Where the pictures of a ``Camera`` come from: an encoder that writes MPEG-TS (H.264, H.265, AAC). For one that
/// gives frames without a multiplex there is ``FrameSource``.
///
/// The calls for all channels come one after another, on a thread of the camera that nothing else waits for.
public protocol CameraSource: Sendable {
    /// Somebody wants to see `channel`: hand its stream to `output` from now on, beginning with a key frame. Called
    /// again after a connection broke. An error ends the push, and ``close(channel:)`` is not called then.
    func open(channel: Int, into output: CameraOutput) throws

    /// Nobody looks any more. Comes once for each ``open(channel:into:)``, before the next one of the channel.
    func close(channel: Int)
}

/// Takes the transport stream of one push, from any thread, and sends it at once.
///
/// What the network does not take within two seconds, or 4 MB, is dropped up to the next key frame: a picture that
/// freezes for a moment is better than one that comes late for ever.
public final class CameraOutput: Sendable {
    private struct State {
        var backlog = LiveBacklog()
        var failure: CameraError?
        var isClosed = false
    }

    /// The scanner goes over no more at a time, so that a sender never waits long for a large chunk.
    private static let longestChunk = 64 << 10

    private let state = Mutex(State())
    /// Whether the source has to hear of the end.
    let isSourceOpen = Atomic(false)

    init() {}

    /// Bytes of MPEG-TS; packets may straddle calls. Without effect after the end of the push.
    public func send(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            let end = min(start + Self.longestChunk, bytes.count)
            let chunk = start == 0 && end == bytes.count ? bytes : Array(bytes[start..<end])
            state.withLock { state in
                guard !state.isClosed, state.failure == nil else { return }
                if !state.backlog.append(chunk, at: .now) {
                    state.failure = CameraError("what the source hands over is no MPEG transport stream")
                }
            }
            start = end
        }
    }

    /// Gives the push up: the encoder has failed. The platform is told that the channel does not stream.
    public func fail(_ reason: String) {
        state.withLock { state in
            if state.failure == nil { state.failure = CameraError(String(reason.prefix(200))) }
        }
    }

    /// False once the push is over.
    public var isOpen: Bool { state.withLock { !$0.isClosed && $0.failure == nil } }

    func next() throws(CameraError) -> [UInt8]? {
        let next: Result<[UInt8]?, CameraError> = state.withLock { state in
            if let failure = state.failure { return .failure(failure) }
            return .success(state.backlog.next(at: .now))
        }
        return try next.get()
    }

    func close() {
        state.withLock { state in
            state.isClosed = true
            state.backlog = LiveBacklog()
        }
    }
}
