/// Writes boxes (ISO/IEC 14496-12, 4.2): a length of 32 bits, four letters, and what is in them.
struct MP4Writer {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 1024) {
        bytes.reserveCapacity(capacity)
    }

    mutating func box(_ type: StaticString, _ content: (inout MP4Writer) -> Void) {
        let start = bytes.count
        u32(0)
        type.withUTF8Buffer { bytes.append(contentsOf: $0) }
        content(&self)
        put(UInt32(bytes.count - start), at: start)
    }

    /// A box with version and flags (4.2.2).
    mutating func box(
        _ type: StaticString,
        version: UInt8,
        flags: UInt32 = 0,
        _ content: (inout MP4Writer) -> Void
    ) {
        box(type) {
            $0.u32(UInt32(version) << 24 | flags)
            content(&$0)
        }
    }

    mutating func u8(_ value: UInt8) { bytes.append(value) }

    mutating func u16(_ value: UInt16) {
        u8(UInt8(value >> 8))
        u8(UInt8(value & 0xFF))
    }

    mutating func u32(_ value: UInt32) {
        u16(UInt16(value >> 16))
        u16(UInt16(value & 0xFFFF))
    }

    mutating func u64(_ value: UInt64) {
        u32(UInt32(value >> 32))
        u32(UInt32(value & 0xFFFF_FFFF))
    }

    mutating func octets(_ octets: [UInt8]) { bytes.append(contentsOf: octets) }

    mutating func octets(_ octets: some Sequence<UInt8>) { bytes.append(contentsOf: octets) }

    mutating func zeros(_ count: Int) { bytes.append(contentsOf: repeatElement(0, count: count)) }

    mutating func put(_ value: UInt32, at place: Int) {
        for octet in 0..<4 { bytes[place + octet] = UInt8(value >> UInt32(24 - 8 * octet) & 0xFF) }
    }
}
