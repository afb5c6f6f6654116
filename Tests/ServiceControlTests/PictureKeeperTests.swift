import Blobs
import Bus
import Foundation
import HSSModel
import HostClock
import Logging
import NIOCore
import ServerKit
import ServiceLifecycle
import Store
import Synchronization
import Testing

@testable import ServiceControl

/// The last picture of a channel is remembered over the end of its stream and of the platform.
@Suite("Remembered pictures", .timeLimit(.minutes(4))) struct PictureKeeperTests {
    private static let channel = ChannelAddress(unit: UploadPlatform.unit, number: 1)
    private static let stream = StreamID(unchecked: "s1")

    private static func picture(_ octet: UInt8, at milliseconds: Int64) -> Picture {
        Picture(jpeg: [0xFF, 0xD8, octet], width: nil, takenAt: WallTime(milliseconds: milliseconds))
    }

    private static func blobCount(_ platform: UploadPlatform) async throws -> Int {
        try await platform.blobs.list(.uploads, after: nil, limit: 100).count
    }

    @Test func aNewPictureTakesThePlaceOfTheOldOne() async throws {
        try await UploadPlatform.with { platform in
            let memory = PictureMemory(store: platform.store, blobs: platform.blobs)
            #expect(try await memory.picture(of: Self.channel) == nil)
            try await memory.keep(Self.picture(1, at: 1000), of: Self.channel)
            try await memory.keep(Self.picture(2, at: 2000), of: Self.channel)
            #expect(try await memory.picture(of: Self.channel) == Self.picture(2, at: 2000))
            #expect(try await Self.blobCount(platform) == 1)
            // Late news.
            try await memory.keep(Self.picture(1, at: 1500), of: Self.channel)
            #expect(try await memory.picture(of: Self.channel) == Self.picture(2, at: 2000))
            let other = ChannelAddress(unit: UploadPlatform.unit, number: 0)
            #expect(try await memory.picture(of: other) == nil)
            let open = try await platform.address(
                reference: PictureMemory.snapshotReference(of: Self.channel)
            )
            try await memory.forget(UploadPlatform.unit)
            #expect(try await memory.picture(of: Self.channel) == nil)
            #expect(try await platform.store.upload(open.id) == nil)
            _ = try await Self.upkeep(platform).sweep(at: .now, compare: false)
            #expect(try await Self.blobCount(platform) == 0)
        }
    }

    private static func upkeep(_ platform: UploadPlatform) -> ActivityUpkeep {
        ActivityUpkeep(
            store: platform.store,
            blobs: platform.blobs,
            metrics: platform.metrics,
            logger: Logger(label: "test")
        )
    }

    /// A kill between file and row leaves the old picture, and a file that the daily comparison sweeps.
    @Test func aFileWithoutItsRowIsSwept() async throws {
        try await UploadPlatform.with { platform in
            let memory = PictureMemory(store: platform.store, blobs: platform.blobs)
            try await memory.keep(Self.picture(1, at: 1000), of: Self.channel)
            let writer = try await platform.blobs.begin(.fresh(in: .uploads), expecting: 3, limit: 3)
            try await writer.append(.init(bytes: [1, 2, 3]))
            _ = try await writer.finish()
            #expect(try await memory.picture(of: Self.channel) == Self.picture(1, at: 1000))
            let report = try await Self.upkeep(platform).sweep(at: .now + .seconds(86_400), compare: true)
            #expect(report.strayBlobs == 1)
            #expect(try await memory.picture(of: Self.channel) == Self.picture(1, at: 1000))
        }
    }

    @Test func goesWithItsDevice() async throws {
        try await UploadPlatform.with { platform in
            let memory = PictureMemory(store: platform.store, blobs: platform.blobs)
            try await memory.keep(Self.picture(1, at: 1000), of: Self.channel)
            try await platform.store.removeDevice(UploadPlatform.unit)
            #expect(try await memory.picture(of: Self.channel) == nil)
            // What comes for a device that is gone is not kept.
            try await memory.keep(Self.picture(2, at: 2000), of: Self.channel)
            #expect(try await memory.picture(of: Self.channel) == nil)
        }
    }

    /// In the same transaction, whatever becomes of the platform after it.
    @Test func goesWithItsOwner() async throws {
        try await UploadPlatform.with { platform in
            let memory = PictureMemory(store: platform.store, blobs: platform.blobs)
            try await memory.keep(Self.picture(1, at: 1000), of: Self.channel)
            let snapshot = try await platform.address(reference: "snapshot")
            let log = try await platform.address(.log, reference: "log")
            _ = try await platform.store.unbind(UploadPlatform.unit, owner: nil)
            #expect(try await memory.picture(of: Self.channel) == nil)
            #expect(try await platform.store.upload(snapshot.id) == nil)
            #expect(try await platform.store.upload(log.id) != nil)
            _ = try await Self.upkeep(platform).sweep(at: .now, compare: false)
            #expect(try await Self.blobCount(platform) == 0)
        }
    }

    /// `Snapshot` (Table I.2-22): what the unit sent counts while it is newer.
    @Test func aSnapshotOfTheUnitCountsToo() async throws {
        try await UploadPlatform.serving { platform, port in
            let memory = PictureMemory(store: platform.store, blobs: platform.blobs)
            try await memory.keep(Self.picture(1, at: 1000), of: Self.channel)
            let address = try await platform.address(
                reference: PictureMemory.snapshotReference(of: Self.channel)
            )
            #expect(
                try await UploadPlatform.put(try UploadPlatform.local(address, port), UploadPlatform.picture)
                    == 201
            )
            #expect(try await memory.picture(of: Self.channel)?.jpeg == UploadPlatform.picture)
            let now = WallTime.now + .seconds(1)
            try await memory.keep(Self.picture(2, at: now.milliseconds), of: Self.channel)
            #expect(try await memory.picture(of: Self.channel)?.jpeg == [0xFF, 0xD8, 2])
            // The snapshot stays for whoever waits for it.
            #expect(try await platform.desk.content(of: address.id, within: .zero).size > 0)
        }
    }

    // MARK: The service

    private static func keeper(
        _ platform: UploadPlatform,
        _ media: FakeStream,
        _ settings: PictureKeeper.Settings = .init()
    ) -> PictureKeeper {
        PictureKeeper(
            settings: settings,
            media: media,
            pictures: media,
            store: platform.store,
            blobs: platform.blobs,
            metrics: platform.metrics,
            logger: Logger(label: "test")
        )
    }

    private static func run(_ keeper: PictureKeeper, _ body: (ServiceGroup) async throws -> Void) async throws
    {
        let group = ServiceGroup(services: [keeper], logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await body(group)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private static func wait(_ condition: () async throws -> Bool) async throws {
        while !(try await condition()) { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test func theEndOfAStreamLeavesItsPicture() async throws {
        try await UploadPlatform.with { platform in
            let media = FakeStream(Self.stream, of: Self.channel)
            let keeper = Self.keeper(platform, media)
            try await Self.run(keeper) { _ in
                await #expect(throws: PictureError.none) {
                    try await keeper.picture(of: Self.channel, width: nil)
                }
                media.show(Self.picture(1, at: 1000))
                media.say(.published(Self.stream, Epoch(1)))
                try await Self.wait { (try? await keeper.picture(of: Self.channel, width: nil)) != nil }
                #expect(try await keeper.picture(of: Self.channel, width: 99).width == 99)
                #expect(try await Self.blobCount(platform) == 0)
                media.say(.unpublished(Self.stream, Epoch(1), .closedByPeer))
                try await Self.wait { try await Self.blobCount(platform) == 1 }
                media.show(nil)
                try await Self.wait { (try? await keeper.picture(of: Self.channel, width: nil)) != nil }
                #expect(try await keeper.picture(of: Self.channel, width: nil) == Self.picture(1, at: 1000))
                // A remembered picture is made smaller too.
                #expect(try await keeper.picture(of: Self.channel, width: 64).width == 64)
                await keeper.forget(UploadPlatform.unit)
                await #expect(throws: PictureError.none) {
                    try await keeper.picture(of: Self.channel, width: nil)
                }
            }
        }
    }

    /// The decoder may take its time: what it shows then is not the new owner's.
    @Test func whatIsUnderWayIsForgottenToo() async throws {
        try await UploadPlatform.with { platform in
            let media = FakeStream(Self.stream, of: Self.channel)
            let keeper = Self.keeper(platform, media)
            try await Self.run(keeper) { _ in
                media.show(Self.picture(1, at: 1000))
                media.say(.published(Self.stream, Epoch(1)))
                try await Self.wait { (try? await keeper.picture(of: Self.channel, width: nil)) != nil }
                media.hold()
                media.say(.unpublished(Self.stream, Epoch(1), .closedByPeer))
                try await Self.wait { media.isAsked }
                _ = try await platform.store.unbind(UploadPlatform.unit, owner: nil)
                await keeper.forget(UploadPlatform.unit)
                media.release()
                try await Task.sleep(for: .milliseconds(100))
                #expect(try await Self.blobCount(platform) == 0)
                // What comes for the new owner is kept.
                media.say(.published(Self.stream, Epoch(2)))
                try await Self.wait { (try? await keeper.picture(of: Self.channel, width: nil)) != nil }
                media.say(.unpublished(Self.stream, Epoch(2), .closedByPeer))
                try await Self.wait { try await Self.blobCount(platform) == 1 }
            }
        }
    }

    @Test func theEndDoesNotWaitForTheDecoder() async throws {
        try await UploadPlatform.with { platform in
            let media = FakeStream(Self.stream, of: Self.channel)
            var settings = PictureKeeper.Settings()
            settings.longestFarewell = .milliseconds(50)
            let keeper = Self.keeper(platform, media, settings)
            let clock = ContinuousClock()
            var begin = clock.now
            try await Self.run(keeper) { _ in
                media.show(Self.picture(1, at: 1000))
                media.say(.published(Self.stream, Epoch(1)))
                try await Self.wait { (try? await keeper.picture(of: Self.channel, width: nil)) != nil }
                media.hold()
                begin = clock.now
            }
            #expect(clock.now - begin < .seconds(10))
            media.release()
        }
    }

    /// One that is cut off asks again, and keeps what ended meanwhile.
    @Test func hearsOnWhenItWasCutOff() async throws {
        try await UploadPlatform.with { platform in
            let media = FakeStream(Self.stream, of: Self.channel)
            var settings = PictureKeeper.Settings()
            settings.interval = .zero
            let keeper = Self.keeper(platform, media, settings)
            try await Self.run(keeper) { _ in
                media.show(Self.picture(1, at: 1000))
                media.say(.published(Self.stream, Epoch(1)))
                try await Self.wait { (try? await keeper.picture(of: Self.channel, width: nil)) != nil }
                media.end()
                try await Self.wait { try await Self.blobCount(platform) == 1 }
                media.show(Self.picture(2, at: 2000))
                media.say(.published(Self.stream, Epoch(2)))
                try await Self.wait {
                    (try? await keeper.picture(of: Self.channel, width: nil))?.jpeg[2] == 2
                }
            }
        }
    }

    /// Without a decoder what is remembered is shown as it is.
    @Test func isShownWholeWhereItCannotBeMadeSmaller() async throws {
        try await UploadPlatform.with { platform in
            let media = FakeStream(Self.stream, of: Self.channel)
            media.fail(.notSupported("x"))
            let memory = PictureMemory(store: platform.store, blobs: platform.blobs)
            try await memory.keep(Self.picture(3, at: 1000), of: Self.channel)
            let keeper = Self.keeper(platform, media)
            #expect(try await keeper.picture(of: Self.channel, width: 64) == Self.picture(3, at: 1000))
        }
    }

    @Test func theEndOfThePlatformLeavesThePicturesOfWhatRuns() async throws {
        try await UploadPlatform.with { platform in
            let media = FakeStream(Self.stream, of: Self.channel)
            let keeper = Self.keeper(platform, media)
            try await Self.run(keeper) { _ in
                media.show(Self.picture(7, at: 1000))
                media.say(.published(Self.stream, Epoch(1)))
                try await Self.wait { (try? await keeper.picture(of: Self.channel, width: nil)) != nil }
            }
            let memory = PictureMemory(store: platform.store, blobs: platform.blobs)
            #expect(try await memory.picture(of: Self.channel) == Self.picture(7, at: 1000))
        }
    }

    /// A stream that shows nothing, or cannot be decoded, hides no remembered picture. At a limit one is told so.
    @Test(arguments: [PictureError.none, .unusable("x"), .notSupported("x"), .busy])
    func whatIsRememberedStandsIn(for error: PictureError) async throws {
        try await UploadPlatform.with { platform in
            let media = FakeStream(Self.stream, of: Self.channel)
            let keeper = Self.keeper(platform, media)
            let memory = PictureMemory(store: platform.store, blobs: platform.blobs)
            try await memory.keep(Self.picture(3, at: 1000), of: Self.channel)
            try await Self.run(keeper) { _ in
                media.show(Self.picture(4, at: 2000))
                media.say(.published(Self.stream, Epoch(1)))
                try await Self.wait { try await keeper.picture(of: Self.channel, width: nil).jpeg[2] == 4 }
                media.fail(error)
                guard error != .busy else {
                    await #expect(throws: error) { try await keeper.picture(of: Self.channel, width: nil) }
                    return
                }
                #expect(try await keeper.picture(of: Self.channel, width: nil).jpeg[2] == 3)
            }
        }
    }
}
