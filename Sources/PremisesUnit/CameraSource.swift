import MediaFormats
import Synchronization

/// Where the pictures of a ``Camera`` come from: an encoder that writes MPEG-TS (H.264, H.265, AAC). For one that
/// gives frames without a multiplex there is ``FrameSource``.
///
/// The calls for all channels come one after another, on a thread of the camera that nothing else waits for.
public protocol CameraSource: Sendable {
    /// Somebody wants to see `channel`, or to record it: hand its stream to `output` from now on, beginning with a key
    /// frame. However many do so, it is called once; and again after the last connection broke. An error ends what was
    /// wanted of it, and ``close(channel:)`` is not called then.
    func open(channel: Int, into output: CameraOutput) throws

    /// Nobody looks any more. Comes once for each ``open(channel:into:)``, before the next one of the channel.
    func close(channel: Int)

    /// One more looks at a channel that is open, and sees it from the next key frame on: an encoder that can should make
    /// one now.
    func keyFrameWanted(channel: Int)
}

extension CameraSource {
    public func keyFrameWanted(channel: Int) {}
}

/// Takes the transport stream of one channel, from any thread, and hands it on at once: to the push, to the recording.
///
/// What the network does not take of a push within two seconds, or 4 MB, is dropped up to the next key frame: a picture
/// that freezes for a moment is better than one that comes late for ever. A recording has all of it.
public final class CameraOutput: Sendable {
    private struct State {
        var scanner = TransportStreamScanner()
        var sinks: [any StreamSink] = []
        var failure: CameraError?
        var isClosed = false
    }

    /// The scanner goes over no more at a time, so that a sender never waits long for a large chunk.
    private static let longestChunk = 64 << 10

    private let state = Mutex(State())
    /// Whether the source has to hear of the end.
    let isSourceOpen = Atomic(false)

    init() {}

    /// Bytes of MPEG-TS; packets may straddle calls. Without effect after the end.
    public func send(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            let end = min(start + Self.longestChunk, bytes.count)
            let chunk = start == 0 && end == bytes.count ? bytes : Array(bytes[start..<end])
            // Inside the lock, or two threads could change the order of what they sent.
            state.withLock { state in
                guard !state.isClosed, state.failure == nil else { return }
                chunk.withUnsafeBytes { octets in state.scanner.scan(octets) { _ in } }
                for sink in state.sinks { sink.take(chunk) }
                if state.scanner.octetsSinceLastPacket > LiveBacklog.mostGarbage {
                    Self.fail(&state, "what the source hands over is no MPEG transport stream")
                }
            }
            start = end
        }
    }

    /// The encoder has failed. The platform is told that the channel does not stream, or is not recorded.
    public func fail(_ reason: String) {
        state.withLock { Self.fail(&$0, String(reason.prefix(200))) }
    }

    private static func fail(_ state: inout State, _ reason: String) {
        guard state.failure == nil else { return }
        let error = CameraError(reason)
        state.failure = error
        for sink in state.sinks { sink.fail(error) }
    }

    /// False once nobody wants the stream any more.
    public var isOpen: Bool { state.withLock { !$0.isClosed && $0.failure == nil } }

    /// False: it is closed.
    func join(_ sink: any StreamSink) -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.sinks.append(sink)
            sink.begin(tables: state.scanner.packets == 0 ? nil : state.scanner.tables?.packets ?? [])
            if let failure = state.failure { sink.fail(failure) }
            return true
        }
    }

    func leave(_ sink: any StreamSink) {
        state.withLock { state in state.sinks.removeAll { $0 === sink } }
    }

    /// False: it was closed before.
    func close() -> Bool {
        state.withLock { state in
            defer { state.isClosed = true }
            state.sinks = []
            return !state.isClosed
        }
    }
}
