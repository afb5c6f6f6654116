import Bus
import CodecProtocol
import HSSModel
import HostClock
import MediaFormats
import ServerKit
import Synchronization

/// The latest picture of each stream as JPEG, for whoever asks, and however many do: one is made for each key frame and
/// width, and at most one key frame a second is looked at.
///
/// What is kept is bounded in octets; what was not asked for longest goes. A stream that has ended leaves its last key
/// frame here, for those who remember it.
final class PictureDesk: Sendable {
    struct Settings: Sendable {
        /// Key frames and JPEGs that are kept, in octets (`limits.pictures_cache`).
        var cacheInBytes = 64 << 20
        /// How long a newer key frame is left alone.
        var shortestAge: Duration = .seconds(1)
        /// How long a stream is read until it has shown a key frame.
        var patience: Duration = .seconds(5)
        /// How long a stream whose picture broke the decoder is not tried again.
        var penalty: Duration = .seconds(10)
        /// How long a stream that showed no key frame is not read again.
        var blindness: Duration = .seconds(5)
        var waiters = 2000
        /// How long the last picture of a stream that has ended is kept here.
        var farewell: Duration = .seconds(60)
        /// Different ones at a time; each waits for the decoder, or for a key frame.
        var flights = 128
        /// Of one stream; they are made one after the other, so that one that fails costs its siblings nothing.
        var flightsOfAStream = PictureCache.mostWidths
    }

    typealias Outcome = Result<Picture, PictureError>

    /// One picture that is being made.
    private struct Flight: Hashable {
        var stream: StreamID
        var width: Int?
    }

    private struct State {
        var cache: PictureCache
        var flights: [Flight: [CheckedContinuation<Outcome, Never>]] = [:]
        var waiters = 0
        /// Streams of which a picture is being made, with the flights that wait for their turn.
        var turns: [StreamID: [CheckedContinuation<Void, Never>]] = [:]
        /// Streams that showed no key frame when they were read, with the last one that had begun by then.
        var blind: [StreamID: (mark: KeyFrameMark?, until: Instant)] = [:]
        /// Those that have been published, with their media.
        var hubs: [StreamID: StreamHub] = [:]
        var isOpen = true
    }

    let codec: PictureCodec
    private let settings: Settings
    private let limits: MediaLimits
    private let table: StreamTable
    private let metrics: PictureMetrics
    private let resized: ResizedPictures
    private let state: Mutex<State>
    private let starts: AsyncStream<(Flight, StreamHub?)>
    private let start: AsyncStream<(Flight, StreamHub?)>.Continuation

    init(
        _ settings: Settings,
        codec: PictureCodec,
        limits: MediaLimits,
        table: StreamTable,
        metrics: PictureMetrics
    ) {
        self.settings = settings
        self.codec = codec
        self.limits = limits
        self.table = table
        self.metrics = metrics
        // Of what was set for pictures a part, so that both together stay within it.
        resized = ResizedPictures(
            .init(
                sizeInBytes: settings.cacheInBytes / 4,
                waiters: settings.waiters,
                penalty: settings.penalty
            )
        )
        state = Mutex(State(cache: PictureCache(limitInBytes: settings.cacheInBytes / 4 * 3)))
        (starts, start) = AsyncStream.makeStream()
    }

    // MARK: Asking

    func picture(of stream: StreamID, width: Int?) async throws(PictureError) -> Picture {
        guard codec.isInstalled else { throw Self.notInstalled }
        let width = width.map { max(PictureRequest.widths.lowerBound, $0) }
        let outcome: Outcome = await withCheckedContinuation { continuation in
            let flight = Flight(stream: stream, width: width)
            let hub = table.hub(of: stream)
            switch state.withLock({ state in join(flight, hub ?? state.hubs[stream], continuation, &state) })
            {
            case .known(let outcome): continuation.resume(returning: outcome)
            case .waiting: break
            case .first(let hub):
                guard case .terminated = start.yield((flight, hub)) else { break }
                land(flight, .failure(Self.ending))
            }
        }
        return try outcome.get()
    }

    private enum Answer {
        case known(Outcome)
        /// Somebody asked for the same before.
        case waiting
        case first(StreamHub?)
    }

    private func join(
        _ flight: Flight,
        _ hub: StreamHub?,
        _ continuation: CheckedContinuation<Outcome, Never>,
        _ state: inout State
    ) -> Answer {
        guard state.isOpen else { return .known(.failure(Self.ending)) }
        let now = Instant.now
        if let known = state.cache.find(
            flight.stream,
            flight.width,
            current: hub?.keyFrame,
            notOlderThan: settings.shortestAge,
            at: now
        ) {
            metrics.cached.add()
            return .known(known)
        }
        guard hub != nil || state.cache.hasKeyFrame(of: flight.stream) else { return .known(.failure(.none)) }
        guard state.waiters < settings.waiters else { return .known(.failure(.busy)) }
        if state.flights[flight] != nil {
            state.flights[flight]?.append(continuation)
            state.waiters += 1
            return .waiting
        }
        guard state.flights.count < settings.flights,
            state.flights.keys.count(where: { $0.stream == flight.stream }) < settings.flightsOfAStream
        else { return .known(.failure(.busy)) }
        state.flights[flight] = [continuation]
        state.waiters += 1
        return .first(hub)
    }

    func resized(_ picture: Picture, width: Int) async throws(PictureError) -> Picture {
        guard codec.isInstalled else { throw Self.notInstalled }
        let width = max(PictureRequest.widths.lowerBound, width)
        let outcome = await resized.picture(
            picture.jpeg,
            width: width,
            make: { await self.smaller(picture, width: width) },
            onHit: { metrics.cached.add() }
        )
        var smaller = try outcome.get()
        // The same octets may have been taken twice: a camera that shows the dark.
        smaller.takenAt = picture.takenAt
        return smaller
    }

    /// Of a key frame that is no stream's.
    func picture(
        ofKeyFrame bytes: [UInt8],
        _ coding: PictureCoding,
        takenAt: WallTime,
        width: Int?
    ) async throws(PictureError) -> Picture {
        guard codec.isInstalled else { throw Self.notInstalled }
        let width = width.map { max(PictureRequest.widths.lowerBound, $0) }
        do throws(PictureCodec.Failure) {
            let made = try await codec.jpeg(of: bytes, coding == .h264 ? .h264 : .h265, width: width)
            return Picture(jpeg: made.jpeg, width: made.width, takenAt: takenAt)
        } catch {
            throw PictureError(error)
        }
    }

    private func smaller(_ picture: Picture, width: Int) async -> (Outcome, isSevere: Bool) {
        do throws(PictureCodec.Failure) {
            let made = try await codec.jpeg(of: picture.jpeg, .jpeg, width: width)
            let smaller = Picture(jpeg: made.jpeg, width: made.width, takenAt: picture.takenAt)
            return (.success(smaller), isSevere: false)
        } catch {
            return (.failure(PictureError(error)), isSevere: error.isSevere)
        }
    }

    private static let ending = PictureError.unavailable("it is ending")
    private static let notInstalled = PictureError.notSupported(
        "the programme vedette-codec is not installed"
    )

    // MARK: Making

    /// Until ``shutDown()`` or the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await self.codec.run() }
            tasks.addTask { await self.follow() }
            for await (flight, hub) in starts {
                tasks.addTask { self.land(flight, await self.make(flight, hub)) }
            }
            tasks.cancelAll()
        }
        let flights = state.withLock { state in
            state.isOpen = false
            return Array(state.flights.keys)
        }
        for flight in flights { land(flight, .failure(Self.ending)) }
    }

    func shutDown() { start.finish() }

    private func land(_ flight: Flight, _ outcome: Outcome) {
        let waiters = state.withLock { state in
            let waiters = state.flights.removeValue(forKey: flight) ?? []
            state.waiters -= waiters.count
            return waiters
        }
        for waiter in waiters { waiter.resume(returning: outcome) }
    }

    private func make(_ flight: Flight, _ hub: StreamHub?) async -> Outcome {
        await takeTurn(flight.stream)
        defer { passTurn(flight.stream) }
        guard let key = await keyFrame(of: flight.stream, hub) else { return .failure(.none) }
        let stream = flight.stream
        // A sibling may have been told meanwhile.
        let known = state.withLock { $0.cache.answer(stream, flight.width, of: key.mark) }
        if let known { return known }
        do throws(PictureCodec.Failure) {
            let made = try await codec.jpeg(
                of: key.picture.bytes,
                key.picture.coding == .h264 ? .h264 : .h265,
                width: flight.width
            )
            let picture = Picture(jpeg: made.jpeg, width: made.width, takenAt: key.takenAt)
            state.withLock { $0.cache.keep(picture, flight.width, of: flight.stream, key.mark, at: .now) }
            return .success(picture)
        } catch {
            let problem = PictureError(error)
            if error.isPicturesFault {
                let until = Instant.now + (error.isSevere ? settings.penalty : .zero)
                state.withLock { $0.cache.keep(problem, of: flight.stream, key.mark, until: until) }
            }
            return .failure(problem)
        }
    }

    private func takeTurn(_ stream: StreamID) async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.turns[stream] != nil else {
                    state.turns[stream] = []
                    return true
                }
                state.turns[stream]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func passTurn(_ stream: StreamID) {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.turns[stream]?.isEmpty == false else {
                state.turns[stream] = nil
                return nil
            }
            return state.turns[stream]?.removeFirst()
        }
        next?.resume()
    }

    /// The current one of a stream that runs; the last one of a stream that does not.
    private func keyFrame(of stream: StreamID, _ hub: StreamHub?) async -> PictureCache.KeyFrame? {
        let known = state.withLock { $0.cache.keyFrame(of: stream) }
        guard let hub else { return known }
        let mark = hub.keyFrame
        if let known, known.mark == mark { return known }
        let isBlind = state.withLock { state in
            guard let blind = state.blind[stream], blind.until > .now else { return false }
            return blind.mark != nil || mark == nil
        }
        if isBlind { return known }
        let limit = limits.viewerQueueInBytes
        // A stream that has ended shows nothing more, however long one waits.
        let picture =
            table.isPublishing(stream)
            ? await KeyFrameReader.read(hub, limitInBytes: limit, within: settings.patience)
            : KeyFrameReader.readEnded(hub)
        guard let picture else {
            state.withLock { state in
                let now = Instant.now
                state.blind = state.blind.filter { $0.value.until > now }
                state.blind[stream] = (mark, now + settings.blindness)
            }
            return known
        }
        // The stream may have gone on while it was read; then the picture is a little newer than its mark.
        let found = PictureCache.KeyFrame(picture: picture, mark: mark ?? hub.keyFrame, at: .now, .now)
        state.withLock { $0.cache.keep(found, of: stream, at: .now) }
        return found
    }

    // MARK: Beginnings and ends of streams

    private func follow() async {
        // A listener that falls too far behind is cut off, and told again what runs when it asks again.
        while !Task.isCancelled {
            let events = table.subscribe()
            for stream in state.withLock({ Array($0.hubs.keys) }) where !table.isPublishing(stream) {
                keepLast(of: stream)
            }
            for await event in events { take(event) }
        }
    }

    /// Its end will be heard of.
    func isFollowing(_ stream: StreamID) -> Bool { state.withLock { $0.hubs[stream] != nil } }

    private func take(_ event: MediaEvent) {
        switch event {
        case .published(let stream, _):
            guard let hub = table.hub(of: stream) else { return }
            state.withLock { state in
                state.hubs[stream] = hub
                state.cache.note(stream, endedAt: nil)
            }
        case .unpublished(let stream, _, _): keepLast(of: stream)
        case .viewerJoined, .viewerLeft: break
        }
    }

    /// A stream whose publisher was displaced goes on; its hub stays the same.
    private func keepLast(of stream: StreamID) {
        guard let hub = state.withLock({ $0.hubs[stream] }), codec.isInstalled else { return }
        let mark = hub.keyFrame
        let isKnown = state.withLock { $0.cache.keyFrame(of: stream)?.mark == mark }
        if mark != nil, !isKnown,
            let picture = KeyFrameReader.readEnded(hub)
        {
            let found = PictureCache.KeyFrame(picture: picture, mark: mark, at: .now, .now)
            state.withLock { $0.cache.keep(found, of: stream, at: .now) }
        }
        guard !table.isPublishing(stream) else { return }
        let now = Instant.now
        state.withLock { state in
            state.hubs[stream] = nil
            state.cache.note(stream, endedAt: now)
            state.cache.dropEnded(for: settings.farewell, at: now)
        }
    }
}

extension PictureCodec.Failure {
    /// The next picture may fare better, this one will not.
    fileprivate var isPicturesFault: Bool {
        switch self {
        case .refused, .crashed, .late: true
        case .busy, .ended, .notStarted: false
        }
    }

    /// It cost a programme.
    fileprivate var isSevere: Bool { self == .crashed || self == .late }
}

extension PictureError {
    fileprivate init(_ failure: PictureCodec.Failure) {
        switch failure {
        case .busy: self = .busy
        case .ended: self = .unavailable("it is ending")
        case .notStarted(let reason): self = .unavailable(reason)
        case .crashed, .late: self = .unusable("the decoder gave up")
        case .refused(.damaged): self = .unusable("it is damaged")
        case .refused(.unsupported), .refused(.encoder):
            self = .unusable("its size or format is not supported")
        case .refused(.memory): self = .unusable("it needs too much memory")
        case .refused(.request): self = .unusable("the decoder did not understand the request")
        }
    }
}

extension StreamTable {
    /// Of a stream that somebody publishes, or did a moment ago.
    func hub(of stream: StreamID) -> StreamHub? { withState { $0.streams[stream]?.hub } }

    func isPublishing(_ stream: StreamID) -> Bool { withState { $0.streams[stream]?.publishing != nil } }
}
