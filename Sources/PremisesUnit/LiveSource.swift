import Dispatch
import HSSModel
import HostClock
import Synchronization

/// Opens and closes the channels of a ``CameraSource`` on a queue of its own: an encoder may take its time to start,
/// and the thread that sends has none.
///
/// However many look at a channel, live or to record it, its source is opened once: the first opens it, the last closes
/// it, and each gets the same stream.
final class LiveSource: RecordFeeds {
    private struct Channel {
        /// While the source is open, or is to be.
        var output: CameraOutput?
        var sinks: [any StreamSink] = []
    }

    private let source: any CameraSource
    private let queue = DispatchQueue(label: "vedette.camera.source")
    /// Channels from the moment they are to be opened until they are closed: bounds what waits on the queue.
    private let channels = Mutex<[Int: Channel]>([:])

    init(_ source: any CameraSource) {
        self.source = source
    }

    /// From now on `sink` gets the stream of the channel, from its next key frame on.
    func attach(_ sink: any StreamSink, channel: Int) {
        channels.withLock { channels in
            var entry = channels[channel] ?? Channel()
            entry.sinks.append(sink)
            if let output = entry.output {
                // One that is being closed opens again when that is done.
                guard output.join(sink) else {
                    channels[channel] = entry
                    return
                }
                queue.async { [source] in
                    if output.isOpen { source.keyFrameWanted(channel: channel) }
                }
            } else {
                entry.output = open(channel, for: entry.sinks)
            }
            channels[channel] = entry
        }
    }

    func detach(_ sink: any StreamSink, channel: Int) {
        channels.withLock { channels in
            guard var entry = channels[channel] else { return }
            entry.sinks.removeAll { $0 === sink }
            channels[channel] = entry
            guard let output = entry.output else { return }
            output.leave(sink)
            guard entry.sinks.isEmpty, output.close() else { return }
            close(channel, output)
        }
    }

    func attach(_ tap: RecordTap, channel: Int, scene: SceneBoard?) { attach(tap, channel: channel) }
    func detach(_ tap: RecordTap, channel: Int) { detach(tap as any StreamSink, channel: channel) }

    private func open(_ channel: Int, for sinks: [any StreamSink]) -> CameraOutput {
        let output = CameraOutput()
        for sink in sinks { _ = output.join(sink) }
        queue.async { [source] in
            // Stopped before its turn came.
            guard output.isOpen else { return }
            do {
                try source.open(channel: channel, into: output)
                output.isSourceOpen.store(true, ordering: .relaxed)
            } catch {
                output.fail("\(error)")
            }
        }
        return output
    }

    private func close(_ channel: Int, _ output: CameraOutput) {
        queue.async { [self] in
            if output.isSourceOpen.load(ordering: .relaxed) { source.close(channel: channel) }
            channels.withLock { channels in
                guard var entry = channels[channel], entry.output === output else { return }
                entry.output = entry.sinks.isEmpty ? nil : open(channel, for: entry.sinks)
                channels[channel] = entry.output == nil ? nil : entry
            }
        }
    }

    /// Returns when the source has been told of every end.
    func settle() async {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume() }
        }
    }
}

/// The live stream of one push. Belongs to the ``PushThread``.
final class LiveFeed: StreamSink {
    private struct State {
        var backlog = LiveBacklog()
        var failure: CameraError?
    }

    private let source: LiveSource
    private let channel: Int
    private let state = Mutex(State())

    /// Opens the channel, where it is not open already.
    init(_ source: LiveSource, channel: Int) {
        self.source = source
        self.channel = channel
        source.attach(self, channel: channel)
    }

    /// One to seven packets. Nil: nothing is there yet.
    func next() throws(CameraError) -> [UInt8]? {
        let next: Result<[UInt8]?, CameraError> = state.withLock { state in
            if let failure = state.failure { return .failure(failure) }
            return .success(state.backlog.next(at: .now))
        }
        return try next.get()
    }

    func close() {
        source.detach(self, channel: channel)
    }

    func begin(tables: [UInt8]?) {
        state.withLock { $0.backlog = tables.map { LiveBacklog(joining: $0, at: .now) } ?? LiveBacklog() }
    }

    func take(_ bytes: [UInt8]) {
        state.withLock { state in
            guard state.failure == nil, !state.backlog.append(bytes, at: .now) else { return }
            state.failure = CameraError("what the source hands over is no MPEG transport stream")
        }
    }

    func fail(_ error: CameraError) {
        state.withLock { $0.failure = $0.failure ?? error }
    }
}
