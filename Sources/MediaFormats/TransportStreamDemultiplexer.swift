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
        /// The sender says that its clock begins anew (H.222.0, 2.4.3.5): what follows does not follow in time.
        case discontinuity
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

    struct VideoTrack: Sendable {
        let stream: ProgramMap.Stream
        var packets = PacketizedStream()
        var order = PacketOrder()
        var assembler: VideoAssembler
    }

    struct AudioTrack: Sendable {
        enum Reader: Sendable { case aac(ADTSReader), g711(G711Reader) }

        let stream: ProgramMap.Stream
        var packets = PacketizedStream()
        var order = PacketOrder()
        var reader: Reader
    }

    package private(set) var content: Content?
    /// Packets that were missing, by their counters.
    package private(set) var losses = 0

    private var association = ProgramTable()
    private var program = ProgramTable()
    private var programPID: UInt16?
    private var clockPID = TransportStreamPacket.nullPID
    // Apart, and never copied: a packet is handled in place.
    private var video: VideoTrack?
    private var audio: AudioTrack?
    private var timeLine = ClockTimeLine()

    package init() {}

    /// Pictures that were left out: damaged, or without what they refer to.
    package var droppedPictures: Int { video?.assembler.dropped ?? 0 }

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
        video?.assembler.flush { deliver(Event($0)) }
        audio?.flush(deliver)
    }

    private mutating func take(_ packet: TransportStreamPacket, _ deliver: (Event) -> Void) {
        let pid = packet.pid
        if pid == clockPID, packet.isDiscontinuity, !packet.isDamaged {
            finish(deliver)
            deliver(.discontinuity)
        }
        if pid == video?.stream.pid {
            video?.take(packet, &losses, &timeLine, deliver)
        } else if pid == audio?.stream.pid {
            audio?.take(packet, &losses, &timeLine, deliver)
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
        clockPID = map.clockPID
        var content = Content()
        var (newVideo, newAudio): (VideoTrack?, AudioTrack?)
        for stream in map.streams {
            switch Self.reading(of: stream, in: map) {
            case .success(.video(let coding)) where newVideo == nil:
                let fresh = VideoTrack(stream: stream, assembler: VideoAssembler(coding))
                newVideo = video?.stream == stream ? video : fresh
            case .success(.audio(let reader)) where newAudio == nil:
                newAudio = audio?.stream == stream ? audio : AudioTrack(stream: stream, reader: reader)
            case .success: break
            case .failure(let objection):
                deliver(.refused(Refusal(pid: stream.pid, type: stream.type, reason: objection.reason)))
            }
        }
        if video?.stream != newVideo?.stream { video?.assembler.flush { deliver(Event($0)) } }
        if audio?.stream != newAudio?.stream { audio?.flush(deliver) }
        (video, audio) = (newVideo, newAudio)
        content.video = video?.assembler.coding
        content.hasAudio = audio != nil
        guard content != self.content else { return }
        self.content = content
        deliver(.content(content))
    }

    private enum Reading { case video(VideoFormat.Coding), audio(AudioTrack.Reader) }

    private struct Objection: Error { var reason: String }

    /// H.222.0 table 2-34, and for G.711 the private types that cameras took over from GB/T 28181 (0x90 for A-law;
    /// 0x91 for µ-law is what their SDKs and media servers write beside it).
    private static func reading(
        of stream: ProgramMap.Stream,
        in map: ProgramMap
    ) -> Result<Reading, Objection> {
        switch stream.type {
        case 0x1B: return .success(.video(.h264))
        case 0x24: return .success(.video(.h265))
        case 0x06 where stream.registration == Array("HEVC".utf8):
            return .success(.video(.h265))
        case 0x0F: return .success(.audio(.aac(ADTSReader())))
        case 0x90, 0x91:
            // A Blu-ray disc has subtitles there.
            guard map.registration != Array("HDMV".utf8) else {
                return refusal("a private stream is not read")
            }
            return .success(.audio(.g711(G711Reader())))
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

    private static func refusal(_ reason: String) -> Result<Reading, Objection> {
        .failure(Objection(reason: reason))
    }
}

// MARK: Elementary streams

/// Whether the packets of one PID come one after the other.
struct PacketOrder: Sendable {
    enum Verdict { case good, useless, missing, scrambled }

    private var counter: UInt8?
    /// The last packet began a unit.
    private var hasBegun = false
    /// It has been said that this stream cannot be read.
    private var isRefused = false

    mutating func judge(_ packet: TransportStreamPacket) -> Verdict {
        if packet.isDamaged {
            counter = nil
            return .missing
        }
        guard packet.hasPayload else {
            // Announces the jump of the counter that comes (2.4.3.5).
            if packet.isDiscontinuity { (counter, hasBegun) = (packet.continuityCounter, false) }
            return .useless
        }
        if packet.isScrambled {
            defer { isRefused = true }
            return isRefused ? .useless : .scrambled
        }
        let (last, began) = (counter, hasBegun)
        counter = packet.continuityCounter
        hasBegun = packet.beginsUnit
        guard let last, !packet.isDiscontinuity else { return .good }
        // The same counter once more is a repeated packet (H.222.0, 2.4.3.3), or a stream that begins anew.
        if packet.continuityCounter == last { return packet.beginsUnit == began ? .useless : .missing }
        return packet.continuityCounter == (last + 1) & 0x0F ? .good : .missing
    }
}

extension TransportStreamDemultiplexer.VideoTrack {
    mutating func take(
        _ packet: TransportStreamPacket,
        _ losses: inout Int,
        _ timeLine: inout ClockTimeLine,
        _ deliver: (TransportStreamDemultiplexer.Event) -> Void
    ) {
        switch order.judge(packet) {
        case .good: break
        case .useless: return
        case .scrambled: return deliver(.scrambled(stream))
        case .missing:
            losses += 1
            packets.lose()
            assembler.lose()
            guard !packet.isDamaged else { return }
        }
        guard let piece = packets.take(packet.payload, beginsUnit: packet.beginsUnit) else { return }
        guard let header = piece.header else { return assembler.append(piece.octets) }
        let times = timeLine.times(of: header)
        assembler.begin(presentation: times?.presentation, decoding: times?.decoding, piece.octets) {
            deliver(.init($0))
        }
    }
}

extension TransportStreamDemultiplexer.AudioTrack {
    mutating func take(
        _ packet: TransportStreamPacket,
        _ losses: inout Int,
        _ timeLine: inout ClockTimeLine,
        _ deliver: (TransportStreamDemultiplexer.Event) -> Void
    ) {
        switch order.judge(packet) {
        case .good: break
        case .useless: return
        case .scrambled: return deliver(.scrambled(stream))
        case .missing:
            losses += 1
            lose()
            guard !packet.isDamaged else { return }
        }
        guard let piece = packets.take(packet.payload, beginsUnit: packet.beginsUnit) else { return }
        let time = piece.header.flatMap { timeLine.times(of: $0)?.presentation }
        switch reader {
        case .aac(var reader):
            if piece.header != nil { reader.begin(presentation: time) }
            reader.append(piece.octets) { event in
                switch event {
                case .format(let format): deliver(.audio(format))
                case .unit(let unit): deliver(.unit(unit))
                case .refused(let reason):
                    deliver(.refused(.init(pid: stream.pid, type: stream.type, reason: reason)))
                }
            }
            self.reader = .aac(reader)
        case .g711(var reader):
            if piece.header != nil {
                if reader.isNew { deliver(.audio(.g711(stream.type == 0x90 ? .aLaw : .uLaw))) }
                reader.begin(presentation: time) { deliver(.unit($0)) }
            }
            reader.append(piece.octets, isLast: piece.isLast) { deliver(.unit($0)) }
            self.reader = .g711(reader)
        }
    }

    private mutating func lose() {
        packets.lose()
        switch reader {
        case .aac(var reader):
            reader.lose()
            self.reader = .aac(reader)
        case .g711(var reader):
            reader.lose()
            self.reader = .g711(reader)
        }
    }

    mutating func flush(_ deliver: (TransportStreamDemultiplexer.Event) -> Void) {
        guard case .g711(var reader) = reader else { return }
        reader.flush { deliver(.unit($0)) }
        self.reader = .g711(reader)
    }
}

extension TransportStreamDemultiplexer.Event {
    fileprivate init(_ event: VideoAssembler.Event) {
        self =
            switch event {
            case .format(let format): .video(format)
            case .unit(let unit): .unit(unit)
            }
    }

    fileprivate static func scrambled(_ stream: ProgramMap.Stream) -> Self {
        .refused(.init(pid: stream.pid, type: stream.type, reason: "the stream is scrambled"))
    }
}
