import Bus
import MediaFormats
import NIOCore

extension StreamFormat {
    /// Of each stream so much is looked at: the key frame with its sets, some pictures and some sound.
    private static let limitInBytes = 512 << 10

    /// Reads what is kept of a stream since its last key frame; nil where that tells nothing. Some milliseconds at
    /// most, and only when somebody asks: the way of packets knows nothing of it.
    init?(of kept: [ByteBuffer]) {
        self.init()
        var demultiplexer = TransportStreamDemultiplexer()
        var (video, audio): (VideoFormat?, AudioFormat?)
        var times: [Int64] = []
        var size = 0
        for buffer in kept where size < Self.limitInBytes {
            size += buffer.readableBytes
            buffer.withUnsafeReadableBytes { bytes in
                demultiplexer.take(bytes) { event in
                    switch event {
                    case .video(let format): video = format
                    case .audio(let format): audio = format
                    case .unit(let unit) where unit.track == .video: times.append(unit.decoding)
                    case .unit, .content, .discontinuity, .refused: break
                    }
                }
            }
        }
        guard video != nil || audio != nil else { return nil }
        (width, height) = (video?.width, video?.height)
        (profile, level) = (video?.profile, video?.level)
        (samplingRate, channels) = (audio?.samplingRate, audio?.channels)
        codecs = [video?.codecs, audio?.codecs].compactMap { $0 }
        if let first = times.first, let last = times.last, last > first {
            let rate = Double(times.count - 1) * 90_000 / Double(last - first)
            frameRate = (rate * 100).rounded() / 100
        }
    }
}
