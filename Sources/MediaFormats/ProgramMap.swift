/// What a programme association section says (H.222.0, 2.4.4.3): where the table of the first programme is.
struct ProgramAssociation {
    /// The section without its checksum, as ``ProgramTable`` keeps it.
    static func firstProgramPID(in section: [UInt8]) -> UInt16? {
        guard section.count >= 8, section[0] == 0x00 else { return nil }
        for entry in stride(from: 8, to: section.count - 3, by: 4) {
            let number = UInt16(section[entry]) << 8 | UInt16(section[entry + 1])
            // Number 0 is the network information table.
            guard number != 0 else { continue }
            return UInt16(section[entry + 2] & 0x1F) << 8 | UInt16(section[entry + 3])
        }
        return nil
    }
}

/// What a programme map section says (H.222.0, 2.4.4.9): the clock and the elementary streams of one programme. At most
/// some 200 streams fit into a section.
package struct ProgramMap: Sendable, Equatable {
    package struct Stream: Sendable, Equatable {
        package var type: UInt8
        package var pid: UInt16
        /// The registration descriptor of the stream (2.6.8), such as `HEVC` or `Opus`.
        package var registration: [UInt8]?
    }

    var clockPID: UInt16
    package var streams: [Stream] = []
    /// The registration descriptor of the programme: `HDMV` gives types from 0x80 on a meaning of their own.
    package var registration: [UInt8]?

    init?(_ section: [UInt8]) {
        guard section.count >= 12, section[0] == 0x02 else { return nil }
        clockPID = UInt16(section[8] & 0x1F) << 8 | UInt16(section[9])
        var entry = 12 + (Int(section[10] & 0x0F) << 8 | Int(section[11]))
        registration = Self.registration(in: section[min(12, section.count)..<min(entry, section.count)])
        while entry + 5 <= section.count {
            let pid = UInt16(section[entry + 1] & 0x1F) << 8 | UInt16(section[entry + 2])
            let next = entry + 5 + (Int(section[entry + 3] & 0x0F) << 8 | Int(section[entry + 4]))
            let descriptors = section[min(entry + 5, section.count)..<min(next, section.count)]
            streams.append(
                Stream(type: section[entry], pid: pid, registration: Self.registration(in: descriptors))
            )
            entry = next
        }
    }

    private static func registration(in descriptors: ArraySlice<UInt8>) -> [UInt8]? {
        var rest = descriptors
        while let tag = rest.first, let length = rest.dropFirst().first {
            let body = rest.dropFirst(2).prefix(Int(length))
            if tag == 0x05, body.count >= 4 { return Array(body.prefix(4)) }
            rest = rest.dropFirst(2 + Int(length))
        }
        return nil
    }
}
