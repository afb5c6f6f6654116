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

        package init() {}
    }

    /// Streams of which a picture is being kept at a time: each is a decode and two writes.
    private static let atOnce = 4
    /// Ended streams that wait for it; what ended longest ago goes without.
    private static let longestQueue = 1024
    private static let longestFarewell = Duration.seconds(5)

    private let settings: Settings
    private let media: any MediaDistributor
    private let pictures: any StreamPictures
    private let memory: PictureMemory
    private let devices: any DeviceStore
    private let kept: Counter
    private let failed: Counter
    private let logger: Logger
    /// Which channel runs as which stream, as the media server tells it.
    private let running = Mutex<[StreamID: ChannelAddress]>([:])
    private let busy = Mutex<Set<ChannelAddress>>([])

    package init(
        settings: Settings,
        media: any MediaDistributor,
        pictures: any StreamPictures,
        store: any UploadStore & DeviceStore,
        blobs: any BlobStore,
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.settings = settings
        self.media = media
        self.pictures = pictures
        memory = PictureMemory(store: store, blobs: blobs)
        devices = store
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
        return try await pictures.resized(remembered, width: width)
    }

    private func streams(of channel: ChannelAddress) -> [StreamID] {
        running.withLock { $0.filter { $0.value == channel }.map(\.key) }
    }

    /// The device has another owner, or none: what it showed is not theirs.
    package func forget(_ unit: UnitID) async {
        running.withLock { running in running = running.filter { $0.value.unit != unit } }
        do {
            let channels = try await devices.device(unit)?.channels.keys.map { $0 } ?? []
            try await memory.forget(channels.map { ChannelAddress(unit: unit, number: $0) })
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
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.keepAll() }
            group.addTask { try? await Task.sleep(for: Self.longestFarewell) }
            await group.next()
            group.cancelAll()
        }
    }

    private func follow() async {
        let (ended, end) = AsyncStream<(StreamID, ChannelAddress)>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.longestQueue)
        )
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await self.keep(ended) }
            for await event in await media.events() {
                switch event {
                case .published(let stream, _):
                    guard let channel = await media.stream(stream, viewersAfter: nil, limit: 0)?.stream.source
                    else { continue }
                    running.withLock { $0[stream] = channel }
                case .unpublished(let stream, _, _):
                    guard let channel = running.withLock({ $0.removeValue(forKey: stream) }) else { continue }
                    end.yield((stream, channel))
                case .viewerJoined, .viewerLeft: break
                }
            }
            end.finish()
        }
    }

    /// Of streams that have ended, some at a time.
    private func keep(_ ended: AsyncStream<(StreamID, ChannelAddress)>) async {
        await withTaskGroup(of: Void.self) { group in
            var count = 0
            for await (stream, channel) in ended {
                count += 1
                if count > Self.atOnce { await group.next() }
                group.addTask { await self.keep(stream, channel) }
            }
        }
    }

    /// Of everything that runs, some at a time.
    private func keepAll() async {
        let running = running.withLock { $0 }
        await withTaskGroup(of: Void.self) { group in
            for (number, (stream, channel)) in running.enumerated() {
                if number >= Self.atOnce { await group.next() }
                group.addTask { await self.keep(stream, channel) }
            }
        }
    }

    private func keep(_ stream: StreamID, _ channel: ChannelAddress) async {
        // Two at once would each replace the other's predecessor.
        guard busy.withLock({ $0.insert(channel).inserted }) else { return }
        defer { busy.withLock { _ = $0.remove(channel) } }
        let picture: Picture
        do throws(PictureError) {
            picture = try await pictures.picture(of: stream, width: nil)
        } catch {
            // The decoder's troubles are counted where they arise.
            return
        }
        do {
            try await memory.keep(picture, of: channel)
            kept.add()
        } catch {
            failed.add()
            logger.error(
                "a picture cannot be kept",
                metadata: ["unit": "\(channel.unit)", "channel": "\(channel.number)", "reason": "\(error)"]
            )
        }
    }
}
