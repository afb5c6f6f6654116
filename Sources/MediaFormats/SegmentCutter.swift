/// One piece of a recording: whole packets, the tables first (H.627.2 §9.3.4.1).
package struct MediaSegment: Sendable, Equatable {
    package var bytes: [UInt8]
    /// When its first picture is shown: ticks of 90 kHz on a line that goes on over the wrap of 33 bits.
    package var start: Int64
    /// Ticks up to the first unit of the next segment; of the last one, up to the end of its last unit.
    package var duration: Int64
    /// Its timestamps do not go on from the segment before.
    package var isDiscontinuous: Bool
    /// False where the stream marks none, or where one group of pictures is larger than a segment may be.
    package var beginsWithKeyFrame: Bool
    /// What the caller said of the bytes with which it begins.
    package var arrival: Int64

    package init(
        bytes: [UInt8],
        start: Int64,
        duration: Int64,
        isDiscontinuous: Bool,
        beginsWithKeyFrame: Bool,
        arrival: Int64
    ) {
        self.bytes = bytes
        self.start = start
        self.duration = duration
        self.isDiscontinuous = isDiscontinuous
        self.beginsWithKeyFrame = beginsWithKeyFrame
        self.arrival = arrival
    }
}

/// Cuts a transport stream into segments at key frames, without touching its pictures: put together again they are the
/// same stream, and each can be decoded alone.
///
/// A stream without pictures is cut at any unit of its sound; one whose key frames cannot be told from other pictures at
/// any picture, once it is overdue. Memory is bounded by the largest segment.
package struct SegmentCutter: Sendable {
    package struct Limits: Sendable, Equatable {
        /// Ticks of 90 kHz: a segment ends with the first key frame at or after it.
        package var duration: Int64
        /// Tables included.
        package var bytes: Int

        /// Room for the tables and a packet there has to be.
        package init(duration: Int64, bytes: Int) {
            self.duration = max(1, duration)
            self.bytes = max(Self.fewestBytes, bytes)
        }

        /// Twelve packets of tables, and a small picture.
        package static let fewestBytes = 64 << 10
    }

    private var scanner = TransportStreamScanner()
    private var assembly: SegmentAssembly

    package init(_ limits: Limits) {
        assembly = SegmentAssembly(limits)
    }

    /// Units that fitted into no segment.
    package var oversizedUnits: Int { assembly.oversizedUnits }
    /// Bytes that belong to no packet, since the last packet.
    package var octetsSinceLastPacket: Int { scanner.octetsSinceLastPacket }

    /// Bytes as they come; packets may straddle calls. `arrival` is passed on with what begins in them.
    package mutating func append(_ bytes: [UInt8], arrival: Int64, deliver: (MediaSegment) -> Void) {
        bytes.withUnsafeBytes { octets in
            scanner.scan(octets) { assembly.take($0, arrival: arrival, deliver) }
        }
    }

    /// The recording has ended. With `endsWithUnit` the last unit is whole; else it is left out, for it may be cut off.
    package mutating func finish(endsWithUnit: Bool = false, deliver: (MediaSegment) -> Void) {
        assembly.finish(endsWithUnit: endsWithUnit, deliver)
    }
}

/// The segment that is being made, and what has to be known of the stream to end it.
private struct SegmentAssembly {
    /// Where a segment could end.
    private struct Mark {
        var offset: Int
        var time: Int64
        var arrival: Int64
        var isKeyFrame: Bool
    }

    private struct Segment {
        var tables: [UInt8]
        var bytes: [UInt8] = []
        var first: Mark
        var isDiscontinuous: Bool
        /// Later than the first.
        var keyFrame: Mark?
        var unit: Mark?
        /// Its tables hold no more.
        var isOutdated = false
    }

    /// A greater step of time is a jump.
    private static let longestStep: Int64 = 900_000
    /// Senders whose times go back a little exist; more is a jump.
    private static let longestStepBack: Int64 = 90_000
    /// Key frames that are due "every 10 s" come some ticks earlier.
    private static let tolerance: Int64 = 4500
    /// Shorter ones have no length in milliseconds.
    private static let shortest: Int64 = 90
    /// How long a key frame is waited for, at the start and when a segment is overdue.
    private static let patience: Int64 = 900_000
    private static let usualStep: Int64 = 3600

    private let limits: SegmentCutter.Limits
    private(set) var oversizedUnits = 0
    private var tables: TransportStreamScanner.Tables?
    private var tablePIDs: Set<UInt16> = []
    /// The stream by whose units segments are cut: pictures, or sound where there are none.
    private var pid: UInt16?
    private var timeLine = ClockTimeLine()
    private var segment: Segment?
    /// Of the last unit, when it is decoded.
    private var lastTime: Int64?
    /// From decoding to showing, of the last key frame.
    private var delay: Int64 = 0
    private var step = SegmentAssembly.usualStep
    private var waitsSince: Int64?
    private var isBroken = true
    /// The next continuity counter of each table: one that is repeated at the start of a segment takes part.
    private var counters: [UInt16: UInt8] = [:]

    init(_ limits: SegmentCutter.Limits) {
        self.limits = limits
    }

    mutating func take(
        _ run: TransportStreamScanner.Run,
        arrival: Int64,
        _ deliver: (MediaSegment) -> Void
    ) {
        if let tables = run.tables { adopt(tables, deliver) }
        guard tables != nil else { return }
        for start in stride(from: 0, to: run.octets.count, by: TransportStreamPacket.length) {
            let end = start + TransportStreamPacket.length
            let octets = UnsafeRawBufferPointer(rebasing: run.octets[start..<end])
            take(TransportStreamPacket(octets), arrival: arrival, deliver)
        }
    }

    mutating func finish(endsWithUnit: Bool, _ deliver: (MediaSegment) -> Void) {
        guard let segment else { return }
        if !endsWithUnit, let last = segment.unit, last.time - segment.first.time >= Self.shortest {
            emit(segment, upTo: last.offset, until: last.time, deliver)
        } else {
            emit(segment, upTo: segment.bytes.count, until: endTime(of: segment), deliver)
        }
        jump()
    }

    /// When its last unit has been shown.
    private func endTime(of segment: Segment) -> Int64 {
        lastTime.map { $0 + delay + step } ?? segment.first.time
    }

    // MARK: Tables

    private mutating func adopt(
        _ new: TransportStreamScanner.Tables,
        _ deliver: (MediaSegment) -> Void
    ) {
        tables = new
        segment?.isOutdated = true
        tablePIDs = Set(
            stride(from: 0, to: new.packets.count, by: TransportStreamPacket.length).map { start in
                UInt16(new.packets[start + 1] & 0x1F) << 8 | UInt16(new.packets[start + 2])
            }
        )
        let reference: UInt16? =
            if case .coded(_, let pid) = new.video { pid } else { new.summary?.soundPID }
        guard reference != pid else { return }
        end(deliver)
        pid = reference
    }

    // MARK: Packets

    private mutating func take(
        _ packet: TransportStreamPacket,
        arrival: Int64,
        _ deliver: (MediaSegment) -> Void
    ) {
        guard !packet.isDamaged, packet.pid != TransportStreamPacket.nullPID else { return }
        if packet.isDiscontinuity, packet.pid == tables?.summary?.clockPID { end(deliver) }
        if packet.pid == pid, packet.beginsUnit, let header = Self.header(of: packet) {
            begin(packet, header, arrival: arrival, deliver)
        }
        store(packet, deliver)
    }

    /// Nil where the header is not whole in this packet: then the unit is no place to cut.
    private static func header(of packet: TransportStreamPacket) -> PacketizedHeader? {
        let payload = packet.payload
        guard payload.count >= PacketizedHeader.fixedLength,
            let length = PacketizedHeader.length(of: Array(payload.prefix(PacketizedHeader.fixedLength))),
            length <= payload.count
        else { return nil }
        return PacketizedHeader(Array(payload.prefix(length)))
    }

    private mutating func begin(
        _ packet: TransportStreamPacket,
        _ header: PacketizedHeader,
        arrival: Int64,
        _ deliver: (MediaSegment) -> Void
    ) {
        guard var times = timeLine.times(of: header) else { return }
        if let last = lastTime,
            times.decoding - last > Self.longestStep || last - times.decoding > Self.longestStepBack
        {
            end(deliver)
            times = timeLine.times(of: header) ?? times
        } else if let last = lastTime, times.decoding > last {
            step = times.decoding - last
        }
        lastTime = max(times.decoding, lastTime ?? times.decoding)
        let video = tables?.video ?? .none
        let isKeyFrame =
            video == .none || packet.isRandomAccess || KeyFrame.begins(in: packet.payload, video)
        if isKeyFrame { delay = times.presentation - times.decoding }
        let time = times.decoding + delay
        let mark = Mark(
            offset: segment?.bytes.count ?? 0,
            time: time,
            arrival: arrival,
            isKeyFrame: isKeyFrame
        )
        guard let segment else { return open(at: mark) }
        let elapsed = time - segment.first.time
        let isDue = segment.isOutdated || elapsed >= limits.duration - Self.tolerance
        let isOverdue = elapsed >= max(2 * limits.duration, limits.duration + Self.patience)
        if elapsed >= Self.shortest, isKeyFrame && isDue || isOverdue {
            emit(segment, upTo: segment.bytes.count, until: time, deliver)
            self.segment = nil
            open(at: mark, isForced: true)
        } else {
            self.segment?.unit = mark
            if isKeyFrame { self.segment?.keyFrame = mark }
        }
    }

    /// Before the first key frame nothing can be decoded; a stream that marks none begins anywhere after a while.
    private mutating func open(at mark: Mark, isForced: Bool = false) {
        guard let tables else { return }
        let since = waitsSince ?? mark.time
        waitsSince = since
        guard mark.isKeyFrame || isForced || mark.time - since >= Self.patience else { return }
        waitsSince = nil
        var first = mark
        first.offset = 0
        segment = Segment(tables: tables.packets, first: first, isDiscontinuous: isBroken)
        isBroken = false
    }

    private mutating func store(_ packet: TransportStreamPacket, _ deliver: (MediaSegment) -> Void) {
        guard segment != nil else { return }
        while isFull(for: packet) {
            guard let mark = segment?.keyFrame ?? segment?.unit,
                mark.time - (segment?.first.time ?? 0) >= Self.shortest
            else {
                // One picture that is larger than a segment may be.
                oversizedUnits += 1
                jump()
                return
            }
            split(at: mark, deliver)
        }
        segment?.bytes.append(contentsOf: packet.all)
    }

    private func isFull(for packet: TransportStreamPacket) -> Bool {
        guard let segment else { return false }
        return segment.tables.count + segment.bytes.count + packet.all.count > limits.bytes
    }

    /// Ends the segment at an earlier unit, because the last one does not fit.
    private mutating func split(at mark: Mark, _ deliver: (MediaSegment) -> Void) {
        guard let tables, let whole = segment else { return }
        emit(whole, upTo: mark.offset, until: mark.time, deliver)
        var first = mark
        first.offset = 0
        var rest = Segment(tables: tables.packets, first: first, isDiscontinuous: false)
        rest.bytes = Array(whole.bytes[mark.offset...])
        if var unit = whole.unit, unit.offset > mark.offset {
            unit.offset -= mark.offset
            rest.unit = unit
        }
        segment = rest
    }

    // MARK: Ends

    /// What follows does not follow in time, or is another programme.
    private mutating func end(_ deliver: (MediaSegment) -> Void) {
        if let segment { emit(segment, upTo: segment.bytes.count, until: endTime(of: segment), deliver) }
        jump()
    }

    private mutating func jump() {
        segment = nil
        timeLine = ClockTimeLine()
        lastTime = nil
        delay = 0
        step = Self.usualStep
        waitsSince = nil
        isBroken = true
    }

    private mutating func emit(
        _ segment: Segment,
        upTo end: Int,
        until time: Int64,
        _ deliver: (MediaSegment) -> Void
    ) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(segment.tables.count + end)
        bytes += segment.tables
        bytes += segment.bytes[..<end]
        number(&bytes)
        deliver(
            MediaSegment(
                bytes: bytes,
                start: segment.first.time,
                duration: max(Self.shortest, time - segment.first.time),
                isDiscontinuous: segment.isDiscontinuous,
                beginsWithKeyFrame: segment.first.isKeyFrame,
                arrival: segment.first.arrival
            )
        )
    }

    /// Numbers the tables anew (H.222.0, 2.4.3.3), over all segments.
    private mutating func number(_ bytes: inout [UInt8]) {
        for start in stride(from: 0, to: bytes.count, by: TransportStreamPacket.length) {
            let pid = UInt16(bytes[start + 1] & 0x1F) << 8 | UInt16(bytes[start + 2])
            guard tablePIDs.contains(pid), bytes[start + 3] & 0x10 != 0 else { continue }
            let counter = counters[pid] ?? 0
            bytes[start + 3] = bytes[start + 3] & 0xF0 | counter
            counters[pid] = (counter + 1) & 0x0F
        }
    }
}

extension ProgramSummary {
    /// The first stream that is sound, or may be.
    fileprivate var soundPID: UInt16? {
        let sound = streams.first { if case .audio = $0.kind { true } else { false } }
        return (sound ?? streams.first { $0.kind == .unknown })?.pid
    }
}
