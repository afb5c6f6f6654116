/// Counts the pictures of an MPEG transport stream as a viewer gets them, and those that are missing between them.
///
/// The stream is one whose pictures follow each other at a constant distance, as those of a camera at 25 a second do: a
/// picture is missing where the decoding time steps further, and a packet where a continuity counter does (ITU-T H.222.0,
/// 2.4.3.3 and 2.4.3.7). Looks at the octets by itself: what is measured shares no line with what measures.
package struct PictureCount: Sendable {
    private static let packetSize = 188

    package private(set) var pictures = 0
    package private(set) var missingPictures = 0
    /// Holes in the continuity counter of the pictures: one or more packets each. Not of the tables, which a viewer gets
    /// once more at the beginning.
    package private(set) var holes = 0
    /// Announced by the sender, each followed by a new time and new counters.
    package private(set) var discontinuities = 0
    /// Packets without the octet that each begins with.
    package private(set) var garbage = 0

    /// From picture to picture, in 90 kHz.
    private let distance: Int64
    private var carried: [UInt8] = []
    private var picturePID: Int?
    /// `nil` before the first packet of pictures.
    private var counter: UInt8?
    private var lastTime: Int64?

    package init(picturesPerSecond: Int = 25) {
        distance = 90_000 / Int64(picturesPerSecond)
    }

    package mutating func take(_ octets: UnsafeRawBufferPointer) {
        var start = 0
        if !carried.isEmpty {
            start = min(Self.packetSize - carried.count, octets.count)
            carried += octets[..<start]
            guard carried.count == Self.packetSize else { return }
            let packet = carried
            carried = []
            packet.withUnsafeBytes { take(packet: $0) }
        }
        while octets.count - start >= Self.packetSize {
            take(packet: UnsafeRawBufferPointer(rebasing: octets[start..<(start + Self.packetSize)]))
            start += Self.packetSize
        }
        carried += octets[start...]
    }

    private mutating func take(packet: UnsafeRawBufferPointer) {
        guard packet[0] == 0x47 else {
            garbage += 1
            return
        }
        let pid = Int(packet[1] & 0x1F) << 8 | Int(packet[2])
        let hasAdaptation = packet[3] & 0x20 != 0
        let hasPayload = packet[3] & 0x10 != 0
        if pid == picturePID, hasAdaptation, packet[4] > 0, packet[5] & 0x80 != 0 {
            discontinuities += 1
            counter = nil
            lastTime = nil
        }
        guard hasPayload else { return }
        let payload = hasAdaptation ? 5 + Int(packet[4]) : 4
        if packet[1] & 0x40 != 0, payload < Self.packetSize,
            begin(UnsafeRawBufferPointer(rebasing: packet[payload...]))
        {
            picturePID = pid
        }
        guard pid == picturePID else { return }
        let next = packet[3] & 0x0F
        if let counter, next != (counter + 1) & 0x0F { holes += 1 }
        counter = next
    }

    /// A packet of an elementary stream begins, or a table. True: with a picture.
    private mutating func begin(_ header: UnsafeRawBufferPointer) -> Bool {
        guard header.count >= 19, header[0] == 0, header[1] == 0, header[2] == 1, header[3] & 0xF0 == 0xE0,
            header[7] & 0x80 != 0
        else { return false }
        // The decoding time, where it is another than that of presentation.
        let place = header[7] & 0x40 != 0 ? 14 : 9
        let time =
            Int64(header[place] & 0x0E) << 29 | Int64(header[place + 1]) << 22
            | Int64(header[place + 2] & 0xFE) << 14 | Int64(header[place + 3]) << 7
            | Int64(header[place + 4]) >> 1
        pictures += 1
        if let lastTime {
            let step = (time - lastTime) & 0x1_FFFF_FFFF
            // A tenth of a picture is what rounding may do; backwards is a jump, which nobody announced.
            let steps = (step + distance / 2) / distance
            missingPictures += step > 0x1_0000_0000 ? 1 : Int(max(0, steps - 1))
        }
        lastTime = time
        return true
    }
}
