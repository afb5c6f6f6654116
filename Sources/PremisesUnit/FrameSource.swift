import MediaFormats
import Synchronization

/// A ``CameraSource`` for encoders that give frames: puts H.264 and AAC into MPEG-TS.
///
/// The encoder may run all the time: the frames of a channel that nobody looks at are dropped at once, and a push
/// or a recording begins with the next key frame. `opened` and `keyFrame` are the moments to ask the encoder for one.
public final class FrameSource: CameraSource {
    private struct Push {
        let output: CameraOutput
        var writer: TransportStreamWriter
        /// A picture before the first key frame could not be decoded, sound before it would have no clock.
        var hasBegun = false
    }

    /// The length field of an audio packet has 16 bits.
    private static let longestAudio = 65_000

    private let hasAudio: Bool
    private let opened: @Sendable (Int) -> Void
    private let closed: @Sendable (Int) -> Void
    private let keyFrame: @Sendable (Int) -> Void
    private let pushes = Mutex<[Int: Push]>([:])

    /// `opened` and `closed` get the number of a channel that somebody begins to look at or to record, and that nobody does
    /// any more; `keyFrame` that of a channel that one more looks at.
    public init(
        hasAudio: Bool,
        opened: @escaping @Sendable (_ channel: Int) -> Void = { _ in },
        closed: @escaping @Sendable (_ channel: Int) -> Void = { _ in },
        keyFrame: @escaping @Sendable (_ channel: Int) -> Void = { _ in }
    ) {
        self.hasAudio = hasAudio
        self.opened = opened
        self.closed = closed
        self.keyFrame = keyFrame
    }

    /// One access unit in the byte-stream form of H.264 Annex B, with SPS and PPS where it is a key frame; at most
    /// 2 MB. Times count from any moment of the maker's choice, the same for picture and sound. Frames come in the
    /// order of their decoding time, which is that of their presentation where there are no B frames.
    public func sendVideo(
        _ accessUnit: [UInt8],
        channel: Int = 0,
        presentation: Duration,
        decoding: Duration? = nil,
        isKeyFrame: Bool
    ) {
        write(channel) { push, packets in
            guard push.hasBegun || isKeyFrame else { return }
            push.hasBegun = true
            push.writer.appendVideo(
                accessUnit,
                presentation: Self.ticks(presentation),
                decoding: Self.ticks(decoding ?? presentation),
                isKeyFrame: isKeyFrame,
                to: &packets
            )
        }
    }

    /// One or more AAC frames with their ADTS headers, at most 65,000 bytes; longer ones are left out.
    public func sendAudio(_ frames: [UInt8], channel: Int = 0, presentation: Duration) {
        guard hasAudio, !frames.isEmpty, frames.count <= Self.longestAudio else { return }
        write(channel) { push, packets in
            guard push.hasBegun else { return }
            push.writer.appendAudio(frames, presentation: Self.ticks(presentation), to: &packets)
        }
    }

    /// Gives the push of a channel up: its encoder has failed.
    public func fail(_ reason: String, channel: Int = 0) {
        pushes.withLock { $0[channel]?.output }?.fail(reason)
    }

    public func open(channel: Int, into output: CameraOutput) {
        pushes.withLock {
            $0[channel] = Push(output: output, writer: TransportStreamWriter(hasAudio: hasAudio))
        }
        opened(channel)
    }

    public func close(channel: Int) {
        pushes.withLock { $0[channel] = nil }
        closed(channel)
    }

    public func keyFrameWanted(channel: Int) { keyFrame(channel) }

    private func write(_ channel: Int, _ append: (inout Push, inout [UInt8]) -> Void) {
        pushes.withLock { pushes in
            guard var push = pushes.removeValue(forKey: channel) else { return }
            defer { pushes[channel] = push }
            var packets: [UInt8] = []
            append(&push, &packets)
            // Inside the lock, or two threads could change the order of what they wrote.
            if !packets.isEmpty { push.output.send(packets) }
        }
    }

    /// 90 kHz. Times before the start and past 2³² s count as these, so that arithmetic has room.
    private static func ticks(_ time: Duration) -> Int64 {
        let (seconds, attoseconds) = min(max(time, .zero), .seconds(Int64(1) << 32)).components
        return seconds * TransportStreamWriter.ticksPerSecond + attoseconds / 1_000_000_000 * 90_000
            / 1_000_000_000
    }
}
