/// The times of a frame that begins in a packet (H.222.0, 2.4.3.7), and where they stand. Ticks of 90 kHz, 33 bits.
struct PacketTimes {
    static let mask: Int64 = 1 << 33 - 1

    let presentation: Int64
    let decoding: Int64
    /// Octets of the packet.
    private let presentationPlace: Int
    private let decodingPlace: Int?

    /// Nil: no frame with a time begins here, or its header goes beyond the packet, which no encoder does.
    init?(_ packet: TransportStreamPacket) {
        let payload = packet.payload
        let start = TransportStreamPacket.length - payload.count
        guard packet.beginsUnit, payload.count >= PacketizedHeader.fixedLength,
            let length = PacketizedHeader.length(of: Array(payload.prefix(PacketizedHeader.fixedLength))),
            payload.count >= length, let header = PacketizedHeader(Array(payload.prefix(length))),
            let presentation = header.presentation
        else { return nil }
        self.presentation = presentation
        decoding = header.decoding ?? presentation
        presentationPlace = start + 9
        decodingPlace = payload[7] >> 6 == 3 && length >= PacketizedHeader.fixedLength + 10 ? start + 14 : nil
    }

    /// The shortest way round.
    static func distance(from one: Int64, to other: Int64) -> Int64 {
        let distance = (other - one) & mask
        return distance > mask / 2 ? distance - mask - 1 : distance
    }

    /// Moves the times of the packet that begins at `start`.
    func move(by shift: Int64, in output: inout [UInt8], at start: Int) {
        Self.write(presentation + shift, to: &output, at: start + presentationPlace)
        if let decodingPlace { Self.write(decoding + shift, to: &output, at: start + decodingPlace) }
    }

    /// Keeps the four bits in front of it, and sets the markers.
    private static func write(_ time: Int64, to output: inout [UInt8], at place: Int) {
        let ticks = UInt64(bitPattern: time & mask)
        output[place] = output[place] & 0xF0 | UInt8(truncatingIfNeeded: ticks >> 29) & 0x0E | 1
        output[place + 1] = UInt8(truncatingIfNeeded: ticks >> 22)
        output[place + 2] = UInt8(truncatingIfNeeded: ticks >> 14) | 1
        output[place + 3] = UInt8(truncatingIfNeeded: ticks >> 7)
        output[place + 4] = UInt8(truncatingIfNeeded: ticks << 1) | 1
    }
}
