/// Makes one programme out of two that follow each other: players hear that clock and counters begin anew, instead of
/// taking the jump for a loss (H.222.0, 2.4.3.5, discontinuity_indicator).
///
/// In front of the first packet of each stream goes a packet without payload that announces the jump of its continuity
/// counter; the first clock reference has the indicator itself, because the new time base begins there. A stream that
/// sends nothing is looked for until the next jump.
package struct DiscontinuityMarker: Sendable {
    /// Streams whose first packet has not come.
    private var pids: Set<UInt16>
    private var clockPID: UInt16?

    /// `tables`: those of the programme that goes on.
    package init(_ tables: TransportStreamScanner.Tables) {
        pids = Set(tables.summary?.streams.map(\.pid) ?? [])
        clockPID = tables.summary?.clockPID
        pids.formUnion(Self.pids(in: tables.packets))
        if let clockPID { pids.insert(clockPID) }
    }

    /// Nothing is left to be marked.
    package var isDone: Bool { pids.isEmpty && clockPID == nil }

    /// The same whole packets with what has to go between them.
    package mutating func mark(_ run: UnsafeRawBufferPointer) -> [UInt8] {
        var marked: [UInt8] = []
        marked.reserveCapacity(run.count + pids.count * TransportStreamPacket.length)
        for start in stride(from: 0, to: run.count, by: TransportStreamPacket.length) {
            let end = min(start + TransportStreamPacket.length, run.count)
            let octets = UnsafeRawBufferPointer(rebasing: run[start..<end])
            guard octets.count == TransportStreamPacket.length else { break }
            let packet = TransportStreamPacket(octets)
            if pids.remove(packet.pid) != nil { marked += Self.mark(before: packet) }
            let packetStart = marked.count
            marked += octets
            if packet.pid == clockPID, packet.clockReference != nil {
                clockPID = nil
                marked[packetStart + 5] |= 0x80
            }
        }
        return marked
    }

    /// Table packets as a viewer gets them who was there before.
    package static func marked(_ tables: TransportStreamScanner.Tables) -> [UInt8] {
        var marker = DiscontinuityMarker(tables)
        return tables.packets.withUnsafeBytes { marker.mark($0) }
    }

    /// Its counter is that of the packet before, for one without payload does not count (2.4.3.3).
    private static func mark(before packet: TransportStreamPacket) -> [UInt8] {
        let counter = packet.hasPayload ? (packet.continuityCounter &- 1) & 0x0F : packet.continuityCounter
        let head = [
            TransportStreamPacket.syncByte, UInt8(packet.pid >> 8), UInt8(packet.pid & 0xFF), 0x20 | counter,
            183, 0x80,
        ]
        return head + [UInt8](repeating: 0xFF, count: TransportStreamPacket.length - head.count)
    }

    private static func pids(in octets: [UInt8]) -> [UInt16] {
        octets.withUnsafeBytes { octets in
            let starts = stride(from: 0, to: octets.count, by: TransportStreamPacket.length)
            return starts.compactMap { start in
                let octets = UnsafeRawBufferPointer(rebasing: octets[start...])
                return octets.count < TransportStreamPacket.length ? nil : TransportStreamPacket(octets).pid
            }
        }
    }
}
