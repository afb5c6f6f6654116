package import Blobs
package import Bus
package import HSSModel
import HostClock
package import Logging
package import ServerKit
import ServiceLifecycle
package import Store
import Synchronization

/// The latest picture of each channel: of the stream that runs, or the one that is remembered. Remembers one when a stream
/// ends, when the platform does, and every ``Settings/interval`` while streams run.
///
/// Looking at a picture never wakes a unit: what is not there is not fetched.
package final class PictureKeeper: ChannelPictures, Service {
    package struct Settings: Sendable {
        /// `pictures.keep_every`; zero: only at the end of streams.
        package var interval = Duration.seconds(600)
        var longestFarewell = Duration.seconds(5)

        package init() {}
    }

    /// Streams of which a picture is being kept at a time: each is a decode and two writes.
    private static let atOnce = 4
    /// Ended streams that wait for it; what ended longest ago goes without.
    private static let longestQueue = 1024
    /// Before the media server's events are asked for again: a listener that is far behind is cut off.
    private static let pause = Duration.milliseconds(100)

    /// A stream, and how many units had been forgotten when it was seen.
    private struct Seen {
        var channel: ChannelAddress
        var forgotten: Int
    }

    private let settings: Settings
    private let media: any MediaDistributor
    private let pictures: any StreamPictures
    private let memory: PictureMemory
    private let kept: Counter
    private let failed: Counter
    private let logger: Logger
    /// Which channel runs as which stream, as the media server tells it.
    private let running = Mutex<[StreamID: Seen]>([:])
    private let forgotten = Mutex(ForgottenUnits())
    private let busy = Mutex<Set<ChannelAddress>>([])

    package init(
        settings: Settings,
        media: any MediaDistributor,
        pictures: any StreamPictures,
        store: any UploadStore,
        blobs: any BlobStore,
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.settings = settings
        self.media = media
        self.pictures = pictures
        memory = PictureMemory(store: store, blobs: blobs)
        self.logger = logger
        kept = metrics.counter("vedette_pictures_kept_total", "Pictures remembered of channels.")
        failed = metrics.counter("vedette_pictures_not_kept_total", "Pictures that could not be remembered.")
    }

    // MARK: Asking

    package func picture(of channel: ChannelAddress, width: Int?) async throws(PictureError) -> Picture {
        var reason = PictureError.none
        for stream in streams(of: channel) {
            do throws(PictureError) {
                return try await pictures.picture(of: stream, width: width)
            } catch {
                // What is remembered is better than nothing, and needs no decoder.
                if error == .busy { throw error }
                reason = error
            }
        }
        let remembered: Picture?
        do { remembered = try await memory.picture(of: channel) } catch {
            logger.error(
                "a kept picture cannot be read",
                metadata: ["unit": "\(channel.unit)", "reason": "\(error)"]
            )
            throw .unavailable("\(error)")
        }
        guard let remembered else { throw reason }
        guard let width else { return remembered }
        do throws(PictureError) { return try await pictures.resized(remembered, width: width) } catch {
            guard case .notSupported = error else { throw error }
            return remembered
        }
    }

    private func streams(of channel: ChannelAddress) -> [StreamID] {
        running.withLock { $0.filter { $0.value.channel == channel }.map(\.key) }
    }

    /// The device has another owner, or none: what it showed is not theirs.
    package func forget(_ unit: UnitID) async {
        // In this order: what is seen after the first line counts, and what was seen before is taken out.
        forgotten.withLock { $0.add(unit) }
        running.withLock { running in running = running.filter { $0.value.channel.unit != unit } }
        do {
            // The store did so when the owner went; a picture may have come between.
            try await memory.forget(unit)
        } catch {
            logger.error("kept pictures stay", metadata: ["unit": "\(unit)", "reason": "\(error)"])
        }
    }

    // MARK: Remembering

    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            await withDiscardingTaskGroup { tasks in
                tasks.addTask { await self.follow() }
                guard settings.interval > .zero else { return }
                tasks.addTask {
                    while (try? await Task.sleep(for: self.settings.interval)) != nil { await self.keepAll() }
                }
            }
        }
        // The media server is still there: it ends after those that use it.
        // Not a child: a group would wait for it.
        let (kept, end) = AsyncStream.makeStream(of: Void.self)
        let farewell = Task {
            await self.keepAll()
            end.finish()
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in kept {} }
            group.addTask { [settings] in try? await Task.sleep(for: settings.longestFarewell) }
            await group.next()
            group.cancelAll()
        }
        farewell.cancel()
    }

    private func follow() async {
        let (ended, end) = AsyncStream<(StreamID, Seen)>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.longestQueue)
        )
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await self.keep(ended) }
            repeat {
                let events = await media.events()
                for missed in await endedUnheard() { end.yield(missed) }
                await hear(events, end)
            } while (try? await Task.sleep(for: Self.pause)) != nil
            end.finish()
        }
    }

    private func hear(
        _ events: AsyncStream<MediaEvent>,
        _ end: AsyncStream<(StreamID, Seen)>.Continuation
    ) async {
        for await event in events {
            switch event {
            case .published(let stream, _):
                let before = forgotten.withLock { $0.count }
                guard let channel = await media.stream(stream, viewersAfter: nil, limit: 0)?.stream.source
                else { continue }
                let seen = Seen(channel: channel, forgotten: before)
                running.withLock { if counts(seen) { $0[stream] = seen } }
            case .unpublished(let stream, _, _):
                guard let seen = running.withLock({ $0.removeValue(forKey: stream) }) else { continue }
                end.yield((stream, seen))
            case .viewerJoined, .viewerLeft: break
            }
        }
    }

    /// What ended while nobody listened. What began is told to each new listener.
    private func endedUnheard() async -> [(StreamID, Seen)] {
        guard running.withLock({ !$0.isEmpty }) else { return [] }
        let publishing = Set(await media.streams().filter(\.publishing).map(\.stream))
        return running.withLock { running in
            let ended = running.filter { !publishing.contains($0.key) }
            for stream in ended.keys { running[stream] = nil }
            return ended.map { ($0.key, $0.value) }
        }
    }

    /// The unit has the owner whom it had.
    private func counts(_ seen: Seen) -> Bool {
        forgotten.withLock { !$0.contains(seen.channel.unit, since: seen.forgotten) }
    }

    /// Of streams that have ended, some at a time.
    private func keep(_ ended: AsyncStream<(StreamID, Seen)>) async {
        await withTaskGroup(of: Void.self) { group in
            var count = 0
            for await (stream, seen) in ended {
                count += 1
                if count > Self.atOnce { await group.next() }
                group.addTask { await self.keep(stream, seen) }
            }
        }
    }

    /// Of everything that runs, some at a time.
    private func keepAll() async {
        let running = running.withLock { $0 }
        await withTaskGroup(of: Void.self) { group in
            for (number, (stream, seen)) in running.enumerated() {
                if number >= Self.atOnce { await group.next() }
                guard !Task.isCancelled else { return }
                group.addTask { await self.keep(stream, seen) }
            }
        }
    }

    private func keep(_ stream: StreamID, _ seen: Seen) async {
        let channel = seen.channel
        // Two at once would each replace the other's predecessor.
        guard !Task.isCancelled, busy.withLock({ $0.insert(channel).inserted }) else { return }
        defer { busy.withLock { _ = $0.remove(channel) } }
        guard let picture = await picture(of: stream), !Task.isCancelled, counts(seen) else { return }
        do {
            // Whole, also while the platform ends: what it began to replace must go.
            let upload = try await Task { try await memory.keep(picture, of: channel) }.value
            guard let upload else { return }
            guard counts(seen) else { return try await memory.drop(upload) }
            kept.add()
        } catch {
            failed.add()
            logger.error(
                "a picture cannot be kept",
                metadata: ["unit": "\(channel.unit)", "channel": "\(channel.number)", "reason": "\(error)"]
            )
        }
    }

    /// `nil` at once when the caller is cancelled: who waits for the decoder waits until it is done. Its troubles are counted
    /// where they arise.
    private func picture(of stream: StreamID) async -> Picture? {
        let (found, end) = AsyncStream.makeStream(of: Picture.self)
        let asking = Task { [pictures] in
            if let picture = try? await pictures.picture(of: stream, width: nil) { end.yield(picture) }
            end.finish()
        }
        defer { asking.cancel() }
        for await picture in found { return picture }
        return nil
    }
}

/// Which units were forgotten after something was seen; those of the last 4,096 times.
private struct ForgottenUnits {
    private static let most = 4096

    /// Units that were ever forgotten.
    private(set) var count = 0
    private var last: [UnitID: Int] = [:]

    mutating func add(_ unit: UnitID) {
        count += 1
        last[unit] = count
        guard last.count > Self.most, let oldest = last.min(by: { $0.value < $1.value }) else { return }
        last[oldest.key] = nil
    }

    func contains(_ unit: UnitID, since seen: Int) -> Bool { last[unit].map { $0 > seen } ?? false }
}
