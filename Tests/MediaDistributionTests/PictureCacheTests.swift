import Bus
import Foundation
import HSSModel
import MediaFormats
import Testing

@testable import MediaDistribution

@Suite("The cache of pictures") struct PictureCacheTests {
    /// A real key frame, for its size.
    private static let key = Task<KeyPicture, any Error> {
        var finder = KeyPictureFinder()
        try Data(contentsOf: try await Clip.shared.value).withUnsafeBytes { finder.take($0) }
        return try #require(finder.picture)
    }

    private static let wall = WallTime(milliseconds: 1_000_000)

    private static func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }
    private static func mark(_ number: Int64) -> KeyFrameMark { KeyFrameMark(publisher: 1, time: at(number)) }
    private static func name(_ number: Int) -> StreamID { StreamID(unchecked: "s\(number)") }

    private static func frame(_ mark: KeyFrameMark?, at seconds: Int64) async throws -> PictureCache.KeyFrame
    {
        PictureCache.KeyFrame(picture: try await key.value, mark: mark, at: at(seconds), wall)
    }

    private static func picture(_ width: Int, size: Int = 100) -> Picture {
        Picture(jpeg: [UInt8](repeating: 1, count: size), width: width, takenAt: wall)
    }

    @Test func aNewKeyFrameMakesTheOldPicturesStale() async throws {
        var cache = PictureCache(limitInBytes: 1 << 20)
        let stream = Self.name(1)
        cache.keep(try await Self.frame(Self.mark(1), at: 2), of: stream, at: Self.at(2))
        cache.keep(Self.picture(320), 320, of: stream, Self.mark(1), at: Self.at(2))
        func find(
            _ width: Int?,
            _ current: KeyFrameMark?,
            at seconds: Int64
        ) -> Result<Picture, PictureError>? {
            cache.find(stream, width, current: current, notOlderThan: .seconds(1), at: Self.at(seconds))
        }
        #expect(find(320, Self.mark(1), at: 60) == .success(Self.picture(320)))
        #expect(find(640, Self.mark(1), at: 60) == nil)
        // Newer, but it was looked at less than a second ago.
        #expect(find(320, Self.mark(2), at: 2) == .success(Self.picture(320)))
        #expect(find(320, Self.mark(2), at: 4) == nil)
        // The stream is gone: the last picture is the latest.
        #expect(find(320, nil, at: 4) == .success(Self.picture(320)))
        cache.keep(try await Self.frame(Self.mark(2), at: 4), of: stream, at: Self.at(4))
        #expect(find(320, Self.mark(2), at: 4) == nil)
        // What was made of the old one comes too late.
        cache.keep(Self.picture(320), 320, of: stream, Self.mark(1), at: Self.at(4))
        #expect(find(320, Self.mark(2), at: 4) == nil)
    }

    /// Each push has a name of its own: what ended long ago is asked for by nobody, and would fill the cache in the end.
    @Test func whatEndedLongAgoGoes() async throws {
        var cache = PictureCache(limitInBytes: 1 << 20)
        for number in 1...3 {
            cache.keep(try await Self.frame(Self.mark(1), at: 2), of: Self.name(number), at: Self.at(2))
        }
        let size = cache.sizeInBytes / 3
        cache.note(Self.name(1), endedAt: Self.at(10))
        cache.note(Self.name(2), endedAt: Self.at(10))
        cache.dropEnded(for: .seconds(60), at: Self.at(70))
        #expect(cache.sizeInBytes == 3 * size)
        // It came back.
        cache.note(Self.name(2), endedAt: nil)
        cache.dropEnded(for: .seconds(60), at: Self.at(71))
        #expect(cache.sizeInBytes == 2 * size)
        #expect(!cache.hasKeyFrame(of: Self.name(1)) && cache.hasKeyFrame(of: Self.name(2)))
    }

    /// 250 ms before the read: the picture is as old as its key frame.
    @Test func aPictureIsAsOldAsItsKeyFrame() async throws {
        let mark = KeyFrameMark(publisher: 1, time: Instant(nanoseconds: 1_750_000_000))
        #expect(try await Self.frame(mark, at: 2).takenAt.milliseconds == 999_750)
        #expect(try await Self.frame(nil, at: 2).takenAt == Self.wall)
    }

    @Test func aPictureThatBreaksTheDecoderIsLeftAloneForAWhile() async throws {
        var cache = PictureCache(limitInBytes: 1 << 20)
        let stream = Self.name(1)
        cache.keep(try await Self.frame(Self.mark(1), at: 1), of: stream, at: Self.at(1))
        cache.keep(PictureError.unusable("x"), of: stream, Self.mark(1), until: Self.at(11))
        func find(_ current: KeyFrameMark, at seconds: Int64) -> Result<Picture, PictureError>? {
            cache.find(stream, nil, current: current, notOlderThan: .seconds(1), at: Self.at(seconds))
        }
        #expect(find(Self.mark(1), at: 20) == .failure(.unusable("x")))
        // The next key frame is not tried at once: it comes from the same camera.
        #expect(find(Self.mark(5), at: 5) == .failure(.unusable("x")))
        #expect(find(Self.mark(5), at: 12) == nil)
    }

    /// However many were asked for at once.
    @Test func noMoreWidthsAreKeptThanAllowed() async throws {
        var cache = PictureCache(limitInBytes: 1 << 20)
        let (stream, mark) = (Self.name(1), Self.mark(1))
        let key = try await Self.frame(mark, at: 1)
        cache.keep(key, of: stream, at: Self.at(1))
        #expect(cache.answer(stream, 16, of: mark) == nil)
        for width in 1...20 {
            cache.keep(Self.picture(16 * width), 16 * width, of: stream, mark, at: Self.at(1))
        }
        #expect(cache.sizeInBytes == key.picture.bytes.count + 100 * PictureCache.mostWidths)
        #expect(cache.answer(stream, 17, of: mark) == .success(Self.picture(32)))
        #expect(cache.answer(stream, 17, of: Self.mark(2)) == nil)
        cache.keep(PictureError.unusable("x"), of: stream, mark, until: Self.at(1))
        #expect(cache.answer(stream, 17, of: mark) == .failure(.unusable("x")))
    }

    @Test func whatWasNotAskedForLongestGoes() async throws {
        let size = try await Self.key.value.bytes.count
        var cache = PictureCache(limitInBytes: 3 * size + 500)
        for number in 1...3 {
            cache.keep(
                try await Self.frame(Self.mark(1), at: 1),
                of: Self.name(number),
                at: Self.at(Int64(number))
            )
        }
        _ = cache.find(Self.name(1), nil, current: nil, notOlderThan: .seconds(1), at: Self.at(9))
        cache.keep(try await Self.frame(Self.mark(1), at: 1), of: Self.name(4), at: Self.at(10))
        #expect((1...4).map { cache.hasKeyFrame(of: Self.name($0)) } == [true, false, true, true])
        #expect(cache.sizeInBytes == 3 * size)
        cache.keep(Self.picture(64, size: 501), 64, of: Self.name(4), Self.mark(1), at: Self.at(11))
        #expect(cache.sizeInBytes == 2 * size + 501)
        // Larger than all of it: nothing is kept rather than too much.
        cache.keep(Self.picture(64, size: 9 * size), 65, of: Self.name(4), Self.mark(1), at: Self.at(12))
        #expect(cache.sizeInBytes == 0)
    }
}
