/// The part of a fragmented file that comes once, before all samples (ISO/IEC 14496-12, 8.1 to 8.8.3): what RFC 8216bis
/// calls a media initialization section. Pictures are track 1, sound is track 2.
///
/// G.711 gets the sample entries `alaw` and `ulaw` of the MP4 registration authority, which FFmpeg takes. Browsers take
/// neither these nor any other form of it, `ipcm` (23003-5) included, which is for linear samples.
package struct MP4Header: Sendable, Equatable {
    package static let videoTrack: UInt32 = 1
    package static let audioTrack: UInt32 = 2
    package static let videoTimeScale = 90_000

    package let video: VideoFormat?
    package let audio: AudioFormat?
    /// Of an export; nil: everything is shown.
    package var edit: Edit?

    package init(video: VideoFormat?, audio: AudioFormat?) {
        self.video = video
        self.audio = audio
    }

    /// RFC 6381, the pictures first.
    package var codecs: String { [video?.codecs, audio?.codecs].compactMap(\.self).joined(separator: ",") }

    package var bytes: [UInt8] {
        var writer = MP4Writer(capacity: 1024 + (edit?.leadSize ?? 0))
        var offset: Int?
        writer.box("ftyp") {
            $0.octets("iso6".utf8)
            $0.u32(0)
            $0.octets("iso6iso5mp41".utf8)
            // A CMAF header has one track (ISO/IEC 23000-19, 7.3.1).
            if video == nil || audio == nil { $0.octets("cmfc".utf8) }
        }
        writer.box("moov") { moov in
            moov.box("mvhd", version: 0) {
                $0.zeros(8)
                $0.u32(1000)
                $0.u32(0)
                $0.u32(0x0001_0000)
                $0.u16(0x0100)
                $0.zeros(10)
                Self.matrix(&$0)
                $0.zeros(24)
                $0.u32(Self.audioTrack + 1)
            }
            if let video { offset = Self.videoTrack(video, edit, &moov) }
            if let audio { Self.audioTrack(audio, edit, &moov) }
            moov.box("mvex") { mvex in
                if video != nil { Self.trackDefaults(Self.videoTrack, &mvex) }
                if audio != nil { Self.trackDefaults(Self.audioTrack, &mvex) }
            }
        }
        if let edit, let offset { edit.appendLead(from: offset, to: &writer) }
        return writer.bytes
    }

    private static func matrix(_ writer: inout MP4Writer) {
        for value in [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000] as [UInt32] {
            writer.u32(value)
        }
    }

    /// `trex`, 8.8.3: every fragment tells durations, sizes and flags of its own.
    private static func trackDefaults(_ track: UInt32, _ writer: inout MP4Writer) {
        writer.box("trex", version: 0) {
            $0.u32(track)
            $0.u32(1)
            $0.zeros(12)
        }
    }

    /// Returns where the offset of its first samples stands, if it has any outside of fragments.
    private static func videoTrack(_ format: VideoFormat, _ edit: Edit?, _ moov: inout MP4Writer) -> Int? {
        var offset: Int?
        moov.box("trak") { trak in
            trackHeader(videoTrack, format.width, format.height, volume: 0, &trak)
            edit?.append(timeScale: videoTimeScale, to: &trak)
            trak.box("mdia") { mdia in
                mediaHeader(videoTimeScale, "vide", "Pictures", duration: edit?.leadDuration ?? 0, &mdia)
                mdia.box("minf") { minf in
                    minf.box("vmhd", version: 0, flags: 1) { $0.zeros(8) }
                    dataReference(&minf)
                    offset = sampleTable(edit, &minf) { videoEntry(format, &$0) }
                }
            }
        }
        return offset
    }

    private static func audioTrack(_ format: AudioFormat, _ edit: Edit?, _ moov: inout MP4Writer) {
        moov.box("trak") { trak in
            trackHeader(audioTrack, 0, 0, volume: 0x0100, &trak)
            edit?.append(timeScale: format.samplingRate, to: &trak)
            trak.box("mdia") { mdia in
                mediaHeader(format.samplingRate, "soun", "Sound", &mdia)
                mdia.box("minf") { minf in
                    minf.box("smhd", version: 0) { $0.zeros(4) }
                    dataReference(&minf)
                    _ = sampleTable(nil, &minf) { audioEntry(format, &$0) }
                }
            }
        }
    }

    private static func trackHeader(
        _ track: UInt32,
        _ width: Int,
        _ height: Int,
        volume: UInt16,
        _ trak: inout MP4Writer
    ) {
        // Enabled, in the movie.
        trak.box("tkhd", version: 0, flags: 3) {
            $0.zeros(8)
            $0.u32(track)
            $0.zeros(16)
            $0.u16(0)
            $0.u16(0)
            $0.u16(volume)
            $0.u16(0)
            matrix(&$0)
            $0.u32(UInt32(width) << 16)
            $0.u32(UInt32(height) << 16)
        }
    }

    private static func mediaHeader(
        _ timeScale: Int,
        _ handler: StaticString,
        _ name: String,
        duration: UInt32 = 0,
        _ mdia: inout MP4Writer
    ) {
        mdia.box("mdhd", version: 0) {
            $0.zeros(8)
            $0.u32(UInt32(timeScale))
            $0.u32(duration)
            $0.u16(0x55C4)  // "und"
            $0.u16(0)
        }
        mdia.box("hdlr", version: 0) { box in
            box.u32(0)
            handler.withUTF8Buffer { box.octets($0) }
            box.zeros(12)
            box.octets(name.utf8)
            box.u8(0)
        }
    }

    private static func dataReference(_ minf: inout MP4Writer) {
        minf.box("dinf") { dinf in
            dinf.box("dref", version: 0) { dref in
                dref.u32(1)
                dref.box("url ", version: 0, flags: 1) { _ in }
            }
        }
    }

    /// The samples are in fragments: all tables but the first are empty, unless an edit leads in.
    private static func sampleTable(
        _ edit: Edit?,
        _ minf: inout MP4Writer,
        _ entry: (inout MP4Writer) -> Void
    ) -> Int? {
        var offset: Int?
        minf.box("stbl") { stbl in
            stbl.box("stsd", version: 0) {
                $0.u32(1)
                entry(&$0)
            }
            if let edit, !edit.lead.isEmpty {
                offset = edit.appendTables(to: &stbl)
                return
            }
            stbl.box("stts", version: 0) { $0.u32(0) }
            stbl.box("stsc", version: 0) { $0.u32(0) }
            stbl.box("stsz", version: 0) { $0.zeros(8) }
            stbl.box("stco", version: 0) { $0.u32(0) }
        }
        return offset
    }
}

// MARK: Sample entries

extension MP4Header {
    /// 14496-12, 12.1.3; 14496-15, 5.4.2.1 and 8.4.1.
    private static func videoEntry(_ format: VideoFormat, _ stsd: inout MP4Writer) {
        stsd.box(format.coding == .h264 ? "avc1" : "hvc1") { entry in
            entry.zeros(6)
            entry.u16(1)
            entry.zeros(16)
            // Believed up to 16,888, see H264Parameters.
            entry.u16(UInt16(format.width))
            entry.u16(UInt16(format.height))
            entry.u32(0x0048_0000)
            entry.u32(0x0048_0000)
            entry.u32(0)
            entry.u16(1)
            entry.zeros(32)
            entry.u16(0x0018)
            entry.u16(0xFFFF)
            entry.box(format.coding == .h264 ? "avcC" : "hvcC") { $0.octets(format.configuration) }
        }
    }

    /// 14496-12, 12.2.3; 14496-14, 5.6.1.
    private static func audioEntry(_ format: AudioFormat, _ stsd: inout MP4Writer) {
        let type: StaticString =
            switch format.coding {
            case .aac: "mp4a"
            case .aLaw: "alaw"
            case .uLaw: "ulaw"
            }
        stsd.box(type) { entry in
            entry.zeros(6)
            entry.u16(1)
            entry.zeros(8)
            entry.u16(UInt16(format.channels))
            entry.u16(16)
            entry.u32(0)
            // 16.16: what does not fit is told by the configuration alone.
            entry.u32(format.samplingRate < 65_536 ? UInt32(format.samplingRate) << 16 : 0)
            guard case .aac = format.coding else { return }
            entry.box("esds", version: 0) { elementaryStream(format.specificConfiguration, &$0) }
        }
    }

    /// ES_Descriptor, 14496-1, 7.2.6.5: every length is below 128 and takes one octet.
    private static func elementaryStream(_ configuration: [UInt8], _ writer: inout MP4Writer) {
        let specific = [0x05, UInt8(configuration.count)] + configuration
        let decoder: [UInt8] = [0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] + specific
        let content: [UInt8] = [0, 0, 0, 0x04, UInt8(decoder.count)] + decoder + [0x06, 1, 0x02]
        writer.octets([0x03, UInt8(content.count)] + content)
    }
}
