import ChildProcesses
import HSSModel
import MediaFormats

/// What ffmpeg is to do for one rendition of one programme: fragmented MP4 comes in, a transport stream goes out.
///
/// What fits already is copied. Not the transport stream of the unit goes in, but what our demultiplexer makes of it:
/// FFmpeg does not know the types under which cameras send G.711, and what it reads was looked at before.
struct RenditionPlan {
    enum Pictures: Equatable { case none, copied, coded }
    enum Sound: Equatable { case none, copied, coded }

    /// What a process may take: pictures of 4K take some 600 MB of it.
    static let memoryInBytes = 1 << 30
    static let niceness = 10
    /// Key frames of the small rendition come so often: whoever changes to it waits no longer.
    private static let secondsBetweenKeyFrames = 2
    /// H.264 of a quality that nobody complains of, in bit for each picture element.
    private static let bitsOfElement = 0.1

    let pictures: Pictures
    let sound: Sound
    private let rendition: Rendition
    private let settings: RenditionSettings
    /// Bit/s at most.
    private let bitrate: Int

    init(_ rendition: Rendition, of header: MP4Header, _ settings: RenditionSettings) {
        self.rendition = rendition
        self.settings = settings
        switch rendition {
        case .original:
            pictures = header.video == nil ? .none : .copied
            sound = header.audio == nil ? .none : .copied
        case .compatible:
            pictures = header.video.map { $0.isForBrowsers ? .copied : .coded } ?? .none
            sound = header.audio.map { $0.isForBrowsers ? .copied : .coded } ?? .none
        case .small:
            pictures = header.video == nil ? .none : .coded
            sound = header.audio == nil ? .none : .coded
        }
        if rendition == .small {
            bitrate = settings.smallBitrate
        } else {
            let rate = min(max(header.video?.framesPerSecond ?? 25, 1), 60)
            let elements = (header.video?.width ?? 0) * (header.video?.height ?? 0)
            bitrate = min(max(500_000, Int(Double(elements) * rate * Self.bitsOfElement)), 20_000_000)
        }
    }

    /// The whole command. Nothing in it comes from a peer but numbers that were bounded.
    func command(_ ffmpeg: String) -> ChildCommand {
        var command: ChildCommand
        if let confiner = settings.confiner {
            command = ChildCommand(
                confiner,
                ["confine", "--memory", "\(Self.memoryInBytes)", "--nice", "\(Self.niceness)", "--", ffmpeg]
                    + arguments
            )
        } else {
            command = ChildCommand(ffmpeg, arguments)
            command.niceness = Self.niceness
            command.memoryInBytes = Self.memoryInBytes
        }
        command.fileSizeInBytes = 0
        command.environment["AV_LOG_FORCE_NOCOLOR"] = "1"
        return command
    }

    var arguments: [String] {
        input + ["-map", "0:v:0?", "-map", "0:a:0?", "-sn", "-dn", "-copyts", "-fps_mode", "passthrough"]
            + pictureArguments + soundArguments + output
    }

    /// The header says all there is to know, so that nothing is held back to find it out. No protocol but the pipe, and no
    /// demultiplexer or decoder but those that are needed.
    private var input: [String] {
        [
            "-nostdin", "-hide_banner", "-nostats", "-loglevel", "error", "-protocol_whitelist", "pipe",
            "-format_whitelist", "mov", "-codec_whitelist", "h264,hevc,aac,pcm_alaw,pcm_mulaw", "-probesize",
            "5000", "-analyzeduration", "0", "-fpsprobesize", "0", "-threads", "1", "-f", "mp4", "-i",
            "pipe:0",
        ]
    }

    private var pictureArguments: [String] {
        switch pictures {
        case .none: return []
        case .copied: return ["-c:v", "copy"]
        case .coded: break
        }
        let coder = [
            "-filter_threads", "1", "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency",
            "-pix_fmt", "yuv420p", "-sc_threshold", "0", "-g", "9999", "-maxrate", "\(bitrate)", "-bufsize",
            "\(bitrate)", "-threads", "1",
        ]
        guard rendition == .small else {
            return coder + ["-profile:v", "high", "-crf", "23", "-force_key_frames", "source"]
        }
        // A tenth of an interval is allowed for, or 30 pictures of 33.3 ms would make 7.5 and not 10.
        let interval = 0.9 / Double(settings.smallFrameRate)
        let filters = [
            "select='isnan(prev_selected_t)+gte(t-prev_selected_t\\,\(interval))'",
            "scale=w='min(\(settings.smallWidth)\\,iw)':h='min(\(settings.smallHeight)\\,ih)'"
                + ":force_original_aspect_ratio=decrease:force_divisible_by=2:flags=bilinear",
        ]
        return coder + [
            "-profile:v", "main", "-b:v", "\(bitrate)", "-vf", filters.joined(separator: ","),
            "-force_key_frames",
            "expr:isnan(prev_forced_t)+gte(t,prev_forced_t+\(Self.secondsBetweenKeyFrames))",
        ]
    }

    private var soundArguments: [String] {
        switch sound {
        case .none: []
        case .copied: ["-c:a", "copy"]
        case .coded: ["-c:a", "aac", "-ac", "1", "-ar", "24000", "-b:a", "32000"]
        }
    }

    /// Each packet leaves as soon as it is there; sound that stops does not hold up the pictures.
    private var output: [String] {
        [
            "-muxdelay", "0", "-muxpreload", "0", "-max_interleave_delta", "200000", "-flush_packets", "1",
            "-f",
            "mpegts", "pipe:1",
        ]
    }
}

extension VideoFormat {
    /// H.264 of 8 bits and 4:2:0, which the profiles up to High are (H.264, A.2): browsers play no other.
    fileprivate var isForBrowsers: Bool {
        guard coding == .h264, configuration.count > 1 else { return false }
        return [66, 77, 88, 100].contains(configuration[1])
    }
}

extension AudioFormat {
    fileprivate var isForBrowsers: Bool { if case .aac = coding { true } else { false } }
}

extension RenditionPlan {
    /// Whether a rendition is what the programme is already, so that nothing has to be made.
    static func isOriginal(_ rendition: Rendition, of contents: (video: String?, audio: String?)) -> Bool {
        switch rendition {
        case .original: true
        case .compatible:
            ["h264", nil].contains(contents.video) && ["aac", nil].contains(contents.audio)
        case .small: false
        }
    }
}
