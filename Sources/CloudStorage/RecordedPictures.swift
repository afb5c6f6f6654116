import Blobs
import Bus
import HSSModel
import HostClock
import MediaFormats
import Synchronization

/// Pictures along a timeline: the key frame at or before a time, as JPEG. What was made is kept, up to a number of bytes.
final class RecordedPictures: Sendable {
    private struct Name: Hashable {
        var blob: SegmentBlob
        /// Milliseconds from the segment's beginning on.
        var offset: Int64
        var width: Int?
    }

    private struct State {
        var kept: [Name: Picture] = [:]
        /// The oldest first.
        var order: [Name] = []
        var size = 0
        var making = 0
    }

    /// Key frames lie seconds apart, and a segment that needs more is none.
    private static let mostRead: Int64 = 256 << 20

    private let maker: (any KeyFramePictures)?
    private let cacheInBytes: Int
    private let most: Int
    private let state = Mutex(State())

    init(_ maker: (any KeyFramePictures)?, cacheInBytes: Int, most: Int) {
        self.maker = maker
        self.cacheInBytes = cacheInBytes
        self.most = most
    }

    func picture(
        of row: SegmentRow,
        at time: WallTime,
        width: Int?,
        _ bytes: SegmentBytes
    ) async throws(PictureError) -> Picture {
        guard let maker else { throw .notSupported("the programme vedette-codec is not installed") }
        let offset = max(0, min((time - row.start).wholeMilliseconds, row.duration.wholeMilliseconds))
        let name = Name(blob: row.blob, offset: offset, width: width)
        if let known = state.withLock({ $0.kept[name] }) { return known }
        let mayMake = state.withLock { state in
            guard state.making < most else { return false }
            state.making += 1
            return true
        }
        guard mayMake else { throw .busy }
        defer { state.withLock { $0.making -= 1 } }
        let (found, place) = try await find(offset * 90, in: row, bytes)
        let picture = try await maker.picture(
            ofKeyFrame: found.bytes,
            found.coding == .h264 ? .h264 : .h265,
            takenAt: row.start + .milliseconds(place / 90),
            width: width
        )
        keep(picture, name)
        return picture
    }

    private func find(
        _ ticks: Int64,
        in row: SegmentRow,
        _ bytes: SegmentBytes
    ) async throws(PictureError) -> (KeyPicture, Int64) {
        var search = KeyPictureSearch(time: ticks)
        do throws(BlobError) {
            try await bytes.read(row.blob, upTo: Self.mostRead) {
                search.take($0)
                return !search.isOver
            }
        } catch {
            throw .unavailable("\(error)")
        }
        search.finish()
        guard let picture = search.picture else { throw .unusable("it has no key frame") }
        return (picture, search.place)
    }

    private func keep(_ picture: Picture, _ name: Name) {
        state.withLock { state in
            guard picture.jpeg.count <= cacheInBytes / 4, state.kept.updateValue(picture, forKey: name) == nil
            else { return }
            state.order.append(name)
            state.size += picture.jpeg.count
            var gone = 0
            while state.size > cacheInBytes, gone < state.order.count {
                let old = state.kept.removeValue(forKey: state.order[gone])
                state.size -= old?.jpeg.count ?? 0
                gone += 1
            }
            state.order.removeFirst(gone)
        }
    }
}
