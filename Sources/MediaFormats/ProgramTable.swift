/// Collects one table of a transport stream (PAT or PMT) from its packets, and keeps the packets of the last sound one.
///
/// A table is at most 1,024 octets in one section (H.222.0, 2.4.4.3 and 2.4.4.9); what claims more is passed over.
struct ProgramTable {
    static let longestSection = 1024

    /// The last section whose checksum was right, without its CRC.
    private(set) var section: [UInt8] = []
    /// The packets that carried it, ready to be sent to a new viewer.
    private(set) var packets: [UInt8] = []

    private var partial: [UInt8] = []
    private var partialPackets: [UInt8] = []

    /// `nil`: no section is complete. Else whether it differs from the last one.
    mutating func take(_ packet: TransportStreamPacket) -> Bool? {
        var payload = packet.payload
        if packet.beginsUnit {
            guard let pointer = payload.first, 1 + Int(pointer) < payload.count else { return nil }
            payload = UnsafeRawBufferPointer(rebasing: payload[(1 + Int(pointer))...])
            partial.removeAll(keepingCapacity: true)
            partialPackets.removeAll(keepingCapacity: true)
        } else if partialPackets.isEmpty {
            return nil
        }
        partial.append(contentsOf: payload)
        partialPackets.append(contentsOf: packet.all)
        return finishIfComplete()
    }

    private mutating func finishIfComplete() -> Bool? {
        guard partial.count >= 3 else { return nil }
        let length = 3 + (Int(partial[1] & 0x0F) << 8 | Int(partial[2]))
        guard length <= Self.longestSection, length >= 12 else {
            partialPackets.removeAll(keepingCapacity: true)
            return nil
        }
        guard partial.count >= length else { return nil }
        defer {
            partial.removeAll(keepingCapacity: true)
            partialPackets.removeAll(keepingCapacity: true)
        }
        // A section that is only announced (current_next_indicator 0) does not count yet.
        guard partial[5] & 1 == 1, CRC32.ofMPEG(partial[..<length]) == 0 else { return nil }
        packets = partialPackets
        guard !partial[..<(length - 4)].elementsEqual(section) else { return false }
        section = Array(partial[..<(length - 4)])
        return true
    }
}

/// CRC_32 of H.222.0 annex A: polynomial 0x04C11DB7, not reflected. Over a section with its CRC it is 0.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index) << 24) { crc, _ in
            crc & 0x8000_0000 != 0 ? crc << 1 ^ 0x04C1_1DB7 : crc << 1
        }
    }

    static func ofMPEG(_ bytes: some Sequence<UInt8>) -> UInt32 {
        bytes.reduce(0xFFFF_FFFF) { $0 << 8 ^ table[Int($0 >> 24 ^ UInt32($1))] }
    }
}
