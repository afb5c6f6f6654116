import Bus
import HSSModel
import HostClock
import MediaFormats
import NIOCore

/// Reads the last key frame out of a stream: a viewer for a moment, which begins with the group of pictures that is kept,
/// as all do. The way of packets does not know of it.
enum KeyFrameReader {
    /// `nil`: none was whole until `deadline`, or the stream has no pictures.
    @concurrent static func read(
        _ hub: StreamHub,
        limitInBytes: Int,
        within wait: Duration
    ) async -> KeyPicture? {
        let feed = HTTPViewer(limitInBytes: limitInBytes, isCounted: false, at: .now)
        hub.add(feed)
        defer { hub.remove(feed) }
        // Cancelled and awaited at the end of this function.
        async let _: Void = {
            try? await Task.sleep(for: wait)
            feed.end(.closedByPeer)
        }()
        var finder = KeyPictureFinder()
        var bell = feed.makeBell()
        while let batches = await feed.next(&bell) {
            for batch in batches {
                batch.withUnsafeReadableBytes { finder.take($0) }
                if let picture = finder.picture { return picture }
            }
        }
        return nil
    }

    /// Of a stream that has ended: what is kept of it is all there is.
    static func readEnded(_ hub: StreamHub) -> KeyPicture? {
        var finder = KeyPictureFinder()
        for bytes in hub.keptMedia {
            bytes.withUnsafeReadableBytes { finder.take($0) }
            if finder.picture != nil { break }
        }
        if finder.picture == nil { finder.finish() }
        return finder.picture
    }
}
