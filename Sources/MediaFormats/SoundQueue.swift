/// Sound that waits for the pictures of its time, on a clock that counts samples: 1,024 of them are seldom whole ticks, and
/// rounding each would be heard.
struct SoundQueue: Sendable {
    /// Ten seconds of AAC at 48 kHz; what is more pushes out the oldest.
    private static let most = 470

    private struct Piece: Sendable {
        /// In samples, on the line of the file.
        var time: Int64
        var length: Int64
        var octets: [UInt8]
    }

    /// Of what is queued.
    private(set) var format: AudioFormat?
    /// Of what the stream sends by now; its sound waits for a header that tells it.
    private(set) var newestFormat: AudioFormat?
    private var pieces: [Piece] = []
    /// Where the last piece ends, in samples.
    private var clock: Int64?

    /// Before the first header every format is as good as another.
    mutating func announce(_ format: AudioFormat, isFirst: Bool) {
        newestFormat = format
        if isFirst { adopt() }
    }

    /// From now on pieces are of the newest format.
    mutating func adopt() {
        guard format != newestFormat else { return }
        format = newestFormat
        drop()
        clock = nil
    }

    /// What comes next is not earlier than what was here.
    mutating func drop() {
        pieces.removeAll(keepingCapacity: true)
    }

    /// `time` in ticks on the line of the file.
    mutating func append(_ unit: AccessUnit, at time: Int64) {
        guard let format, format == newestFormat, time >= 0 else { return }
        let length = Int64(format.length(of: unit.sample))
        guard length > 0 else { return }
        let exact = time.rescaled(from: 90_000, to: Int64(format.samplingRate))
        // Within half a piece it is the same sound going on.
        let tolerance = max(length / 2, 2)
        let isNext = clock.map { abs(exact - $0) <= tolerance } ?? false
        let place = isNext ? clock ?? exact : exact
        // It has been here before.
        if let clock, place < clock, clock - place < Int64(format.samplingRate) * 10 { return }
        if pieces.count >= Self.most { pieces.removeFirst() }
        if let last = pieces.last, place < last.time { pieces.removeAll(keepingCapacity: true) }
        pieces.append(Piece(time: place, length: length, octets: unit.sample))
        clock = place + length
    }

    /// The pieces that begin before `end`, in ticks. A hole between two of them makes the first one longer.
    mutating func take(before end: Int64) -> MP4Fragment.Run? {
        guard let format else { return nil }
        let limit = end.rescaled(from: 90_000, to: Int64(format.samplingRate))
        let count = pieces.firstIndex { $0.time >= limit } ?? pieces.count
        guard count > 0 else { return nil }
        let taken = pieces[..<count]
        let samples = taken.indices.map { index in
            let next = index + 1 < count ? pieces[index + 1].time - pieces[index].time : pieces[index].length
            return MP4Fragment.Sample(
                duration: UInt32(clamping: next),
                compositionOffset: 0,
                isKeyFrame: true,
                octets: pieces[index].octets
            )
        }
        let run = MP4Fragment.Run(
            track: MP4Header.audioTrack,
            start: UInt64(max(0, taken[0].time)),
            samples: samples
        )
        pieces.removeFirst(count)
        return run
    }
}
