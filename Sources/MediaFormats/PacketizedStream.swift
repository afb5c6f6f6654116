/// The header of a PES packet (H.222.0, 2.4.3.7), as far as it tells times and length. Ticks of 90 kHz, 33 bits.
struct PacketizedHeader: Equatable {
    static let fixedLength = 9

    var presentation: Int64?
    var decoding: Int64?
    /// Octets behind the header; `nil`: up to the next packet, which only pictures may do.
    var payloadLength: Int?

    /// How long the header is that begins with these ``fixedLength`` octets; `nil`: it is none, or one without times.
    static func length(of bytes: [UInt8]) -> Int? {
        guard bytes[0] == 0, bytes[1] == 0, bytes[2] == 1, bytes[6] & 0xC0 == 0x80 else { return nil }
        switch bytes[3] {
        // Padding, private_stream_2, ECM, EMM, maps and directories have no times (table 2-22).
        case 0xBC, 0xBE, 0xBF, 0xF0, 0xF1, 0xF2, 0xF8, 0xFF: return nil
        default: return fixedLength + Int(bytes[8])
        }
    }

    /// Takes a whole header.
    init?(_ bytes: [UInt8]) {
        let fields = bytes.count - Self.fixedLength
        let length = Int(bytes[4]) << 8 | Int(bytes[5])
        if length > 0 {
            guard length >= 3 + fields else { return nil }
            payloadLength = length - 3 - fields
        }
        let flags = bytes[7] >> 6
        if flags & 2 != 0, fields >= 5 { presentation = Self.time(bytes[9..<14]) }
        decoding = presentation
        if flags == 3, fields >= 10 { decoding = Self.time(bytes[14..<19]) }
    }

    /// 33 bits in five octets, with marker bits between them.
    private static func time(_ field: ArraySlice<UInt8>) -> Int64 {
        let octets = field.map { Int64($0) }
        return (octets[0] >> 1 & 7) << 30 | octets[1] << 22 | (octets[2] >> 1) << 15 | octets[3] << 7
            | octets[4] >> 1
    }
}

/// Finds headers and payloads of the PES packets of one PID. Keeps nothing but a header that is not complete.
struct PacketizedStream: Sendable {
    private enum State: Equatable {
        case idle
        case header
        /// So much of the payload is still to come; `nil` without a bound.
        case payload(Int?)
    }

    struct Piece {
        /// A packet begins with this piece.
        var header: PacketizedHeader?
        /// Of the payload; valid as long as what was given.
        var octets: UnsafeRawBufferPointer
        /// The announced length has been reached.
        var isLast: Bool
    }

    private var state = State.idle
    private var header: [UInt8] = []

    /// Something is missing: what comes belongs to nothing, up to the next header.
    mutating func lose() {
        state = .idle
    }

    /// Takes the payload of one transport stream packet. `nil`: nothing of use in it.
    mutating func take(_ payload: UnsafeRawBufferPointer, beginsUnit: Bool) -> Piece? {
        if beginsUnit {
            state = .header
            header.removeAll(keepingCapacity: true)
        }
        switch state {
        case .idle: return nil
        case .payload(let rest): return piece(payload, rest, nil)
        case .header: return readHeader(payload)
        }
    }

    private mutating func readHeader(_ payload: UnsafeRawBufferPointer) -> Piece? {
        var rest = payload[...]
        func fill(_ length: Int, _ header: inout [UInt8]) -> Bool {
            let missing = max(0, length - header.count)
            header.append(contentsOf: rest.prefix(missing))
            rest = rest.dropFirst(missing)
            return header.count >= length
        }
        guard fill(PacketizedHeader.fixedLength, &header) else { return nil }
        guard let length = PacketizedHeader.length(of: header) else {
            state = .idle
            return nil
        }
        guard fill(length, &header) else { return nil }
        guard let found = PacketizedHeader(header) else {
            state = .idle
            return nil
        }
        return piece(UnsafeRawBufferPointer(rebasing: rest), found.payloadLength, found)
    }

    private mutating func piece(
        _ octets: UnsafeRawBufferPointer,
        _ rest: Int?,
        _ header: PacketizedHeader?
    ) -> Piece {
        guard let rest else {
            state = .payload(nil)
            return Piece(header: header, octets: octets, isLast: false)
        }
        // What is behind the announced length is stuffing.
        let taken = UnsafeRawBufferPointer(rebasing: octets.prefix(rest))
        let isLast = taken.count == rest
        state = isLast ? .idle : .payload(rest - taken.count)
        return Piece(header: header, octets: taken, isLast: isLast)
    }
}
