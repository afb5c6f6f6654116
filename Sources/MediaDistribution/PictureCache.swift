import Bus
import HSSModel
import MediaFormats

/// Key frames and the JPEGs that were made of them, of many streams, within one bound in octets. A value: its owner holds
/// the lock.
struct PictureCache {
    struct KeyFrame: Sendable {
        let picture: KeyPicture
        /// Which one of the stream it is.
        let mark: KeyFrameMark?
        let takenAt: WallTime

        /// `now` and `wall` are the same moment.
        init(picture: KeyPicture, mark: KeyFrameMark?, at now: Instant, _ wall: WallTime) {
            self.picture = picture
            self.mark = mark
            takenAt = mark.map { wall + (.zero - (now - $0.time)) } ?? wall
        }
    }

    private struct Entry {
        var key: KeyFrame?
        var readAt: Instant
        /// By the width that was asked for; 0: the whole size.
        var jpegs: [Int: Picture] = [:]
        var failure: (error: PictureError, mark: KeyFrameMark?, until: Instant)?
        var usedAt: Instant
        /// Since when its stream does not run; `nil`: it does.
        var endedAt: Instant?

        var sizeInBytes: Int {
            jpegs.values.reduce(key?.picture.bytes.count ?? 0) { $0 + $1.jpeg.count }
        }

        /// The one that was asked for; where there are enough of them, the next larger one.
        func made(_ width: Int?) -> Result<Picture, PictureError>? {
            if let exact = jpegs[width ?? 0] { return .success(exact) }
            guard jpegs.count >= PictureCache.mostWidths else { return nil }
            let wanted = width ?? .max
            let known = jpegs.values.sorted { ($0.width ?? 0) < ($1.width ?? 0) }
            return (known.first { ($0.width ?? 0) >= wanted } ?? known.last).map { .success($0) }
        }
    }

    /// Of one key frame. Who asks for more gets the next larger one of these.
    static let mostWidths = 8

    private let limitInBytes: Int
    private var entries: [StreamID: Entry] = [:]
    private(set) var sizeInBytes = 0

    init(limitInBytes: Int) {
        self.limitInBytes = limitInBytes
    }

    /// What can be answered at once. `current`: the key frame with which the stream could be shown now; `nil` where it does
    /// not run.
    mutating func find(
        _ stream: StreamID,
        _ width: Int?,
        current: KeyFrameMark?,
        notOlderThan age: Duration,
        at now: Instant
    ) -> Result<Picture, PictureError>? {
        guard var entry = entries[stream] else { return nil }
        entry.usedAt = now
        entries[stream] = entry
        let isCurrent = current == nil || entry.key?.mark == current || now - entry.readAt < age
        if let failure = entry.failure, failure.until > now || isCurrent && failure.mark == entry.key?.mark {
            return .failure(failure.error)
        }
        return isCurrent ? entry.made(width) : nil
    }

    /// What is known of one key frame: that nothing can be made of it, or the JPEG.
    func answer(_ stream: StreamID, _ width: Int?, of mark: KeyFrameMark?) -> Result<Picture, PictureError>? {
        guard let entry = entries[stream], entry.key?.mark == mark else { return nil }
        if let failure = entry.failure, failure.mark == mark { return .failure(failure.error) }
        return entry.made(width)
    }

    func keyFrame(of stream: StreamID) -> KeyFrame? { entries[stream]?.key }

    func hasKeyFrame(of stream: StreamID) -> Bool { entries[stream]?.key != nil }

    /// What was made of an older one goes.
    mutating func keep(_ key: KeyFrame, of stream: StreamID, at now: Instant) {
        change(stream, at: now) { entry in
            if entry.key?.mark != key.mark { (entry.jpegs, entry.failure) = ([:], nil) }
            entry.key = key
            entry.readAt = now
        }
    }

    /// Nothing happens where a newer key frame has come meanwhile.
    mutating func keep(
        _ picture: Picture,
        _ width: Int?,
        of stream: StreamID,
        _ mark: KeyFrameMark?,
        at now: Instant
    ) {
        guard let key = entries[stream]?.key, key.mark == mark else { return }
        change(stream, at: now) { entry in
            guard entry.jpegs[width ?? 0] != nil || entry.jpegs.count < Self.mostWidths else { return }
            entry.jpegs[width ?? 0] = picture
        }
    }

    mutating func keep(_ error: PictureError, of stream: StreamID, _ mark: KeyFrameMark?, until: Instant) {
        guard entries[stream]?.key?.mark == mark else { return }
        entries[stream]?.failure = (error, mark, until)
    }

    /// The stream runs, or has ended: what is kept of it has been asked for soon after its end, or is not wanted any more.
    mutating func note(_ stream: StreamID, endedAt: Instant?) {
        entries[stream]?.endedAt = endedAt
    }

    mutating func dropEnded(for limit: Duration, at now: Instant) {
        for (stream, entry) in entries {
            guard let endedAt = entry.endedAt, now - endedAt > limit else { continue }
            sizeInBytes -= entry.sizeInBytes
            entries[stream] = nil
        }
    }

    private mutating func change(_ stream: StreamID, at now: Instant, _ body: (inout Entry) -> Void) {
        var entry = entries[stream] ?? Entry(readAt: now, usedAt: now)
        sizeInBytes -= entry.sizeInBytes
        body(&entry)
        entry.usedAt = now
        sizeInBytes += entry.sizeInBytes
        entries[stream] = entry
        while sizeInBytes > limitInBytes, let oldest = entries.min(by: { $0.value.usedAt < $1.value.usedAt })
        {
            sizeInBytes -= oldest.value.sizeInBytes
            entries[oldest.key] = nil
        }
    }
}

/// One key frame of one publisher.
struct KeyFrameMark: Hashable, Sendable {
    var publisher: UInt64
    var time: Instant
}
