/// Looks at a transport stream as it passes: finds its packets, its tables and the points where a viewer can begin.
///
/// Messages may hold any octets. Packets that lie whole in one message are handed on in place; packets that straddle
/// messages or follow garbage are put together first. State is bounded: two tables, one counter for each PID, and less
/// than two packets of octets whose place is not known yet.
package struct TransportStreamScanner {
    /// Runs handed on are no longer: seven packets, one SRT message.
    package static let longestRun = 7 * TransportStreamPacket.length

    /// How the pictures are coded, as far as it matters for finding key frames.
    package enum VideoCoding: Sendable, Equatable {
        case h264, h265
        /// Key frames are found only where the sender marks them.
        case other
    }

    package enum Video: Sendable, Equatable {
        case unknown, none
        case coded(VideoCoding, pid: UInt16)
    }

    /// Whole packets as they are handed on.
    package struct Run {
        /// At most ``longestRun``; valid during the call only.
        package let octets: UnsafeRawBufferPointer
        /// Where the first packet lies that begins a key frame.
        package let keyFrame: Int?
        /// Both tables, when they came to be known or changed in this run.
        package let tables: Tables?
    }

    package struct Tables: Sendable, Equatable {
        /// PAT and PMT packets, at most 12: what a new viewer gets first.
        package let packets: [UInt8]
        package let video: Video
        package let summary: ProgramSummary?
    }

    package private(set) var video = Video.unknown
    package private(set) var packets: UInt64 = 0
    /// Octets that belong to no packet.
    package private(set) var discardedOctets: UInt64 = 0
    /// Octets discarded since the last packet: what is not a transport stream lets this grow.
    package private(set) var octetsSinceLastPacket = 0
    package private(set) var syncLosses = 0
    /// Packets missing or repeated, by their counters.
    package private(set) var continuityErrors = 0
    /// The last programme clock reference, 27 MHz.
    package private(set) var clockReference: UInt64?

    private var association = ProgramTable()
    private var program = ProgramTable()
    private var programPID: UInt16?
    private var videoPID = TransportStreamPacket.nullPID
    private var clockPID = TransportStreamPacket.nullPID
    /// By PID; 0xFF before its first packet.
    private var counters = [UInt8](repeating: 0xFF, count: 8192)
    /// Octets that may begin a packet.
    private var carried: [UInt8] = []
    private var isSynchronized = false
    private var tablesChanged = false

    package init() {}

    /// PAT and PMT have been seen.
    package var hasTables: Bool { !association.packets.isEmpty && !program.packets.isEmpty }

    /// The newest tables, once both are known.
    package var tables: Tables? {
        guard hasTables else { return nil }
        return Tables(
            packets: association.packets + program.packets,
            video: video,
            summary: ProgramSummary(program.section)
        )
    }

    /// Takes one message and hands on the whole packets in it.
    package mutating func scan(
        _ message: UnsafeRawBufferPointer,
        deliver: (Run) -> Void
    ) {
        if carried.isEmpty, Self.isWhole(message) {
            isSynchronized = true
            handOn(message, deliver)
        } else {
            carried.append(contentsOf: message)
            let octets = carried
            let end = octets.withUnsafeBytes { realign($0, deliver) }
            carried.removeFirst(end)
        }
    }

    private static func isWhole(_ message: UnsafeRawBufferPointer) -> Bool {
        guard message.count > 0, message.count % TransportStreamPacket.length == 0 else { return false }
        return stride(from: 0, to: message.count, by: TransportStreamPacket.length)
            .allSatisfy { message[$0] == TransportStreamPacket.syncByte }
    }

    /// Returns how many octets are done with.
    private mutating func realign(
        _ octets: UnsafeRawBufferPointer,
        _ deliver: (Run) -> Void
    ) -> Int {
        let length = TransportStreamPacket.length
        var start = 0
        while start < octets.count {
            if isSynchronized {
                var end = start
                while end + length <= octets.count, octets[end] == TransportStreamPacket.syncByte {
                    end += length
                }
                if end > start { handOn(UnsafeRawBufferPointer(rebasing: octets[start..<end]), deliver) }
                start = end
                guard
                    octets.count - end >= length
                        || end < octets.count && octets[end] != TransportStreamPacket.syncByte
                else {
                    return start
                }
                isSynchronized = false
                syncLosses += 1
            } else {
                // Two sync bytes at the distance of a packet: one alone is found in any picture.
                while start + length < octets.count,
                    octets[start] != TransportStreamPacket.syncByte
                        || octets[start + length] != TransportStreamPacket.syncByte
                {
                    start += 1
                    discardedOctets += 1
                    octetsSinceLastPacket += 1
                }
                guard start + length < octets.count else { return start }
                isSynchronized = true
            }
        }
        return start
    }

    private mutating func handOn(
        _ octets: UnsafeRawBufferPointer,
        _ deliver: (Run) -> Void
    ) {
        octetsSinceLastPacket = 0
        var start = 0
        while start < octets.count {
            let run = UnsafeRawBufferPointer(
                rebasing: octets[start..<min(start + Self.longestRun, octets.count)]
            )
            var keyFrame: Int?
            for offset in stride(from: 0, to: run.count, by: TransportStreamPacket.length) {
                let end = offset + TransportStreamPacket.length
                let packet = TransportStreamPacket(UnsafeRawBufferPointer(rebasing: run[offset..<end]))
                if examine(packet), keyFrame == nil { keyFrame = offset }
            }
            deliver(Run(octets: run, keyFrame: keyFrame, tables: tablesChanged ? tables : nil))
            if hasTables { tablesChanged = false }
            start += run.count
        }
    }

    /// True: a key frame begins here.
    private mutating func examine(_ packet: TransportStreamPacket) -> Bool {
        packets += 1
        guard !packet.isDamaged else { return false }
        let pid = packet.pid
        guard pid != TransportStreamPacket.nullPID else { return false }
        countContinuity(packet, pid)
        if pid == TransportStreamPacket.programAssociationPID {
            if let isNew = association.take(packet), isNew { readAssociation() }
        } else if pid == programPID {
            if let isNew = program.take(packet), isNew { readProgram() }
        }
        if pid == clockPID, let reference = packet.clockReference { clockReference = reference }
        guard pid == videoPID, packet.beginsUnit else { return false }
        return packet.isRandomAccess || KeyFrame.begins(in: packet.payload, video)
    }

    private mutating func countContinuity(_ packet: TransportStreamPacket, _ pid: UInt16) {
        let counter = packet.continuityCounter
        let last = counters[Int(pid)]
        counters[Int(pid)] = counter
        guard packet.hasPayload, last != 0xFF, !packet.isDiscontinuity else { return }
        // The same counter once more is a repeated packet, which H.222.0 allows.
        if counter != (last + 1) & 0x0F, counter != last { continuityErrors += 1 }
    }

    private mutating func readAssociation() {
        guard association.section[0] == 0x00 else { return }
        tablesChanged = true
        let pid = ProgramAssociation.firstProgramPID(in: association.section)
        guard let pid, pid != programPID else { return }
        programPID = pid
        program = ProgramTable()
        video = .unknown
        videoPID = TransportStreamPacket.nullPID
    }

    private mutating func readProgram() {
        guard let map = ProgramMap(program.section) else { return }
        tablesChanged = true
        clockPID = map.clockPID
        video = .none
        videoPID = TransportStreamPacket.nullPID
        for stream in map.streams {
            guard let coding = Self.coding(ofType: stream.type) else { continue }
            videoPID = stream.pid
            video = .coded(coding, pid: stream.pid)
            return
        }
    }

    /// Stream types of H.222.0 table 2-34 that are pictures.
    private static func coding(ofType type: UInt8) -> VideoCoding? {
        switch type {
        case 0x1B: .h264
        case 0x24: .h265
        case 0x01, 0x02, 0x10, 0x21, 0x33: .other
        default: nil
        }
    }
}
