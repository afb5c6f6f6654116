import Bus
import HSSModel
import HostClock
import Synchronization

/// A media server with one stream.
final class FakeStream: MediaDistributor, StreamPictures {
    private let status: StreamStatus
    private let picture = Mutex<Result<Picture, PictureError>>(.failure(.none))
    private typealias Feed = (
        stream: AsyncStream<MediaEvent>, continuation: AsyncStream<MediaEvent>.Continuation
    )

    private struct Gate {
        var isHeld = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let feed = Mutex<Feed>(AsyncStream.makeStream())
    private let isPublishing = Mutex(true)
    private let gate = Mutex(Gate())

    init(_ stream: StreamID, of channel: ChannelAddress) {
        status = StreamStatus(
            stream: stream,
            source: channel,
            epoch: Epoch(1),
            publishing: true,
            viewers: 0,
            bytesReceived: 0,
            bytesSent: 0,
            packetsLost: 0,
            startedAt: WallTime(milliseconds: 0)
        )
    }

    func say(_ event: MediaEvent) { feed.withLock { _ = $0.continuation.yield(event) } }

    /// The stream ends while nobody hears it.
    func end() {
        isPublishing.withLock { $0 = false }
        feed.withLock {
            $0.continuation.finish()
            $0 = AsyncStream.makeStream()
        }
    }

    /// Who asks waits from now on, cancelled or not.
    func hold() { gate.withLock { $0.isHeld = true } }
    var isAsked: Bool { gate.withLock { !$0.waiting.isEmpty } }
    func release() {
        let waiting = gate.withLock { gate in
            defer { gate = Gate() }
            return gate.waiting
        }
        for one in waiting { one.resume() }
    }

    func show(_ new: Picture?) { picture.withLock { $0 = new.map { .success($0) } ?? .failure(.none) } }
    func fail(_ error: PictureError) { picture.withLock { $0 = .failure(error) } }

    func picture(of stream: StreamID, width: Int?) async throws(PictureError) -> Picture {
        await withCheckedContinuation { continuation in
            let isHeld = gate.withLock {
                if $0.isHeld { $0.waiting.append(continuation) }
                return $0.isHeld
            }
            if !isHeld { continuation.resume() }
        }
        var found = try picture.withLock { $0 }.get()
        found.width = width
        return found
    }

    func resized(_ picture: Picture, width: Int) async throws(PictureError) -> Picture {
        if case .failure(.notSupported(let what)) = self.picture.withLock({ $0 }) {
            throw .notSupported(what)
        }
        return Picture(jpeg: picture.jpeg, width: width, takenAt: picture.takenAt)
    }

    func events() async -> AsyncStream<MediaEvent> { feed.withLock { $0.stream } }
    func streams() async -> [StreamStatus] {
        var status = status
        status.publishing = isPublishing.withLock { $0 }
        return [status]
    }

    func stream(_ stream: StreamID, viewersAfter: ViewerID?, limit: Int) async -> StreamDetail? {
        StreamDetail(stream: status, publisher: nil, viewers: [])
    }

    func openIngest(_ order: IngestOrder) async throws(MediaError) -> IngestAddress {
        throw .unavailable("no")
    }
    func checkOffer(of rendition: Rendition) async throws(MediaError) {}
    func close(_ stream: StreamID) async {}
    func dismiss(_ leases: [LeaseID], of stream: StreamID) async {}
    func kick(_ viewer: ViewerID, of stream: StreamID) async -> Bool { false }
    func kickPublisher(of stream: StreamID) async -> Bool { false }
    func trim(_ lease: LeaseID, of stream: StreamID, to count: Int) async {}

    func play(
        _ stream: StreamID,
        lease: LeaseID,
        rendition: Rendition,
        validFor: Duration
    ) async throws(MediaError) -> PlayAddresses { throw .noSuchStream(stream) }
}
