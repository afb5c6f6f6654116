import Dispatch
import Synchronization

/// Opens and closes the channels of a ``CameraSource`` on a queue of its own: an encoder may take its time to start,
/// and the thread that sends has none.
final class LiveSource: Sendable {
    private let source: any CameraSource
    private let queue = DispatchQueue(label: "vedette.camera.source")
    /// Channels from the moment they are to be opened until they are closed: bounds what waits on the queue.
    private let busy = Mutex<Set<Int>>([])

    init(_ source: any CameraSource) {
        self.source = source
    }

    /// Nil: the push before has not ended yet.
    fileprivate func open(_ channel: Int) -> CameraOutput? {
        guard busy.withLock({ $0.insert(channel).inserted }) else { return nil }
        let output = CameraOutput()
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

    fileprivate func close(_ channel: Int, _ output: CameraOutput) {
        output.close()
        queue.async { [self] in
            if output.isSourceOpen.load(ordering: .relaxed) { source.close(channel: channel) }
            _ = busy.withLock { $0.remove(channel) }
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
final class LiveFeed {
    private let source: LiveSource
    private let channel: Int
    private var output: CameraOutput?

    init(_ source: LiveSource, channel: Int) {
        self.source = source
        self.channel = channel
    }

    /// One to seven packets. Nil: nothing is there yet.
    func next() throws(CameraError) -> [UInt8]? {
        if output == nil { output = source.open(channel) }
        return try output?.next()
    }

    func close() {
        if let output { source.close(channel, output) }
        output = nil
    }
}
