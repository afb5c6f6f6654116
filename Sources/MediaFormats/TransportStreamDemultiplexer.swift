/// Takes the first programme of a transport stream apart (ITU-T H.222.0 | ISO/IEC 13818-1): one video and one audio
/// stream into access units with times on one line.
///
/// Takes whole packets, as ``TransportStreamScanner`` hands them on. Whatever comes, it neither traps nor grows: one
/// picture of at most 4 MiB, one piece of sound, two tables, and parameter sets of a bounded number.
package struct TransportStreamDemultiplexer: Sendable {
    package enum Event: Sendable, Equatable {
        /// What the programme has: with its table, and when that names other streams.
        case content(Content)
        /// Comes before the first unit that needs it, and whenever it has changed.
        case video(VideoFormat)
        case audio(AudioFormat)
        case unit(AccessUnit)
        /// A stream that is left out.
        case refused(Refusal)
    }

    package struct Refusal: Sendable, Equatable {
        package var pid: UInt16
        /// H.222.0 table 2-34.
        package var type: UInt8
        package var reason: String
    }

    /// What the programme has, as far as it can be read; known with its table.
    package struct Content: Sendable, Equatable {
        package var video: VideoFormat.Coding?
        package var hasAudio = false
    }

    enum Decoder: Sendable {
        case video(VideoAssembler)
        case aac(ADTSReader)
        case g711(G711Reader)
    }

    struct Track: Sendable {
        let stream: ProgramMap.Stream
        var packets = PacketizedStream()
        var decoder: Decoder
        var counter: UInt8?
        /// The last packet began a unit.
        var hasBegun = false
        /// It has been said that this stream cannot be read.
        var isRefused = false
    }

    package private(set) var content: Content?
    /// Packets that were missing, by their counters.
    package private(set) var losses = 0

    private var association = ProgramTable()
    private var program = ProgramTable()
    private var programPID: UInt16?
    private var video: Track?
    private var audio: Track?
    private var timeLine = ClockTimeLine()

    package init() {}

    /// Pictures that were left out: damaged, or without what they refer to.
    package var droppedPictures: Int {
        guard case .video(let assembler) = video?.decoder else { return 0 }
        return assembler.dropped
    }

    /// Takes whole packets of 188 octets; what is no packet is passed over.
    package mutating func take(_ packets: UnsafeRawBufferPointer, _ deliver: (Event) -> Void) {
        let length = TransportStreamPacket.length
        var start = 0
        while start + length <= packets.count {
            let octets = UnsafeRawBufferPointer(rebasing: packets[start..<(start + length)])
            start += length
            guard octets[0] == TransportStreamPacket.syncByte else { continue }
            take(TransportStreamPacket(octets), deliver)
        }
    }

    /// The stream has ended: the last picture is whole now.
    package mutating func finish(_ deliver: (Event) -> Void) {
        Self.flush(&video, deliver)
        Self.flush(&audio, deliver)
    }

    private static func flush(_ track: inout Track?, _ deliver: (Event) -> Void) {
        switch track?.decoder {
        case .video(var assembler):
            track?.decoder = .video(VideoAssembler(.h264))
            assembler.flush { deliver(Event($0)) }
            track?.decoder = .video(assembler)
        case .g711(var reader):
            reader.flush { deliver(.unit($0)) }
            track?.decoder = .g711(reader)
        case .aac, nil: break
        }
    }

    private mutating func take(_ packet: TransportStreamPacket, _ deliver: (Event) -> Void) {
        let pid = packet.pid
        if pid == video?.stream.pid {
            Self.take(packet, &video, &losses, &timeLine, deliver)
        } else if pid == audio?.stream.pid {
            Self.take(packet, &audio, &losses, &timeLine, deliver)
        } else if packet.isDamaged {
            return
        } else if pid == TransportStreamPacket.programAssociationPID {
            if let isNew = association.take(packet), isNew { readAssociation() }
        } else if pid == programPID {
            if let isNew = program.take(packet), isNew { readProgram(deliver) }
        }
    }
}

// MARK: Tables

extension TransportStreamDemultiplexer {
    private mutating func readAssociation() {
        let pid = ProgramAssociation.firstProgramPID(in: association.section)
        guard let pid, pid != programPID else { return }
        programPID = pid
        program = ProgramTable()
    }

    /// A new version of the table that names the same streams changes nothing for them.
    private mutating func readProgram(_ deliver: (Event) -> Void) {
        guard let map = ProgramMap(program.section) else { return }
        var content = Content()
        var (newVideo, newAudio): (Track?, Track?)
        for stream in map.streams {
            switch Self.reading(of: stream, in: map) {
            case .success(let decoder):
                let track = Track(stream: stream, decoder: decoder)
                if case .video = decoder {
                    if newVideo == nil { newVideo = video?.stream == stream ? video : track }
                } else if newAudio == nil {
                    newAudio = audio?.stream == stream ? audio : track
                }
            case .failure(let objection):
                deliver(.refused(Refusal(pid: stream.pid, type: stream.type, reason: objection.reason)))
            }
        }
        if video?.stream != newVideo?.stream { Self.flush(&video, deliver) }
        if audio?.stream != newAudio?.stream { Self.flush(&audio, deliver) }
        (video, audio) = (newVideo, newAudio)
        content.video =
            switch video?.stream.type {
            case nil: nil
            case 0x1B: .h264
            default: .h265
            }
        content.hasAudio = audio != nil
        guard content != self.content else { return }
        self.content = content
        deliver(.content(content))
    }

    private struct Objection: Error { var reason: String }

    /// H.222.0 table 2-34, and for G.711 the private types that cameras took over from GB/T 28181 (0x90 for A-law;
    /// 0x91 for µ-law is what their SDKs and media servers write beside it).
    private static func reading(
        of stream: ProgramMap.Stream,
        in map: ProgramMap
    ) -> Result<Decoder, Objection> {
        switch stream.type {
        case 0x1B: return .success(.video(VideoAssembler(.h264)))
        case 0x24: return .success(.video(VideoAssembler(.h265)))
        case 0x06 where stream.registration == Array("HEVC".utf8):
            return .success(.video(VideoAssembler(.h265)))
        case 0x0F: return .success(.aac(ADTSReader()))
        case 0x90, 0x91:
            // A Blu-ray disc has subtitles there.
            guard map.registration != Array("HDMV".utf8) else {
                return refusal("a private stream is not read")
            }
            return .success(.g711(G711Reader()))
        case 0x11: return refusal("AAC in LATM is not read: let the unit send ADTS (stream type 0x0F)")
        case 0x03, 0x04: return refusal("MPEG audio is not read: let the unit send AAC or G.711")
        case 0x01, 0x02:
            return refusal("MPEG-1 and MPEG-2 video are not read: let the unit send H.264 or H.265")
        case 0x10: return refusal("MPEG-4 video is not read: let the unit send H.264 or H.265")
        case 0x33: return refusal("H.266 is not read: let the unit send H.264 or H.265")
        case 0x06 where stream.registration == Array("Opus".utf8): return refusal("Opus is not read")
        case 0x81: return refusal("AC-3 is not read: let the unit send AAC or G.711")
        default: return refusal("a stream of type \(stream.type) is not read")
        }
    }

    private static func refusal(_ reason: String) -> Result<Decoder, Objection> {
        .failure(Objection(reason: reason))
    }
}

// MARK: Elementary streams

extension TransportStreamDemultiplexer {
    private static func take(
        _ packet: TransportStreamPacket,
        _ track: inout Track?,
        _ losses: inout Int,
        _ timeLine: inout ClockTimeLine,
        _ deliver: (Event) -> Void
    ) {
        guard var taken = track else { return }
        track = nil
        defer { track = taken }
        if packet.isDamaged {
            losses += 1
            taken.counter = nil
            return taken.lose()
        }
        guard packet.hasPayload else { return }
        if packet.isScrambled {
            guard !taken.isRefused else { return }
            taken.isRefused = true
            let stream = taken.stream
            deliver(
                .refused(Refusal(pid: stream.pid, type: stream.type, reason: "the stream is scrambled"))
            )
            return
        }
        if let last = taken.counter, !packet.isDiscontinuity {
            // The same counter once more is a repeated packet (H.222.0, 2.4.3.3), or a stream that begins anew.
            let isSame = packet.continuityCounter == last
            if isSame, packet.beginsUnit == taken.hasBegun { return }
            if isSame || packet.continuityCounter != (last + 1) & 0x0F {
                losses += 1
                taken.lose()
            }
        }
        taken.counter = packet.continuityCounter
        taken.hasBegun = packet.beginsUnit
        guard let piece = taken.packets.take(packet.payload, beginsUnit: packet.beginsUnit) else { return }
        taken.take(piece, &timeLine, deliver)
    }
}

extension TransportStreamDemultiplexer.Track {
    mutating func lose() {
        packets.lose()
        switch decoder {
        case .video(var assembler):
            decoder = .g711(G711Reader())
            assembler.lose()
            decoder = .video(assembler)
        case .aac(var reader):
            reader.lose()
            decoder = .aac(reader)
        case .g711(var reader):
            reader.lose()
            decoder = .g711(reader)
        }
    }

    mutating func take(
        _ piece: PacketizedStream.Piece,
        _ timeLine: inout ClockTimeLine,
        _ deliver: (TransportStreamDemultiplexer.Event) -> Void
    ) {
        var times: (presentation: Int64, decoding: Int64)?
        if let header = piece.header, let presentation = header.presentation {
            let decoding = timeLine.place(header.decoding ?? presentation)
            // Pictures are shown after they are decoded, within the half of the line that lies ahead.
            var distance = (presentation - (header.decoding ?? presentation)) % ClockTimeLine.period
            if distance < -ClockTimeLine.period / 2 { distance += ClockTimeLine.period }
            if distance >= ClockTimeLine.period / 2 { distance -= ClockTimeLine.period }
            times = (decoding + distance, decoding)
        }
        switch decoder {
        case .video(var assembler):
            // Taken out of the case, so that its buffer has one owner and grows in place.
            decoder = .g711(G711Reader())
            if piece.header == nil {
                assembler.append(piece.octets)
            } else {
                assembler.begin(
                    presentation: times?.presentation,
                    decoding: times?.decoding,
                    piece.octets
                ) { deliver(.init($0)) }
            }
            decoder = .video(assembler)
        case .aac(var reader):
            decoder = .g711(G711Reader())
            if piece.header != nil { reader.begin(presentation: times?.presentation) }
            reader.append(piece.octets) { event in
                switch event {
                case .format(let format): deliver(.audio(format))
                case .unit(let unit): deliver(.unit(unit))
                case .refused(let reason):
                    deliver(.refused(.init(pid: stream.pid, type: stream.type, reason: reason)))
                }
            }
            decoder = .aac(reader)
        case .g711(var reader):
            if piece.header != nil {
                if reader.isNew { deliver(.audio(.g711(stream.type == 0x90 ? .aLaw : .uLaw))) }
                reader.begin(presentation: times?.presentation) { deliver(.unit($0)) }
            }
            reader.append(piece.octets, isLast: piece.isLast) { deliver(.unit($0)) }
            decoder = .g711(reader)
        }
    }
}

extension TransportStreamDemultiplexer.Event {
    init(_ event: VideoAssembler.Event) {
        self =
            switch event {
            case .format(let format): .video(format)
            case .unit(let unit): .unit(unit)
            }
    }
}
