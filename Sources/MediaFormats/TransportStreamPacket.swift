/// One packet of an MPEG transport stream (ITU-T H.222.0, 2.4.3.2), read in place.
package struct TransportStreamPacket {
    package static let length = 188
    package static let syncByte: UInt8 = 0x47
    package static let programAssociationPID: UInt16 = 0
    package static let nullPID: UInt16 = 0x1FFF

    /// Exactly ``length`` octets.
    private let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var beginsUnit: Bool { bytes[1] & 0x40 != 0 }
    var isDamaged: Bool { bytes[1] & 0x80 != 0 }
    var pid: UInt16 { UInt16(bytes[1] & 0x1F) << 8 | UInt16(bytes[2]) }
    /// transport_scrambling_control is not 0: the payload is of no use without a key.
    var isScrambled: Bool { bytes[3] & 0xC0 != 0 }
    var hasPayload: Bool { bytes[3] & 0x10 != 0 }
    var continuityCounter: UInt8 { bytes[3] & 0x0F }

    private var hasAdaptation: Bool { bytes[3] & 0x20 != 0 }
    /// Flags of the adaptation field, 0 without one.
    private var adaptationFlags: UInt8 { hasAdaptation && bytes[4] > 0 ? bytes[5] : 0 }

    var isDiscontinuity: Bool { adaptationFlags & 0x80 != 0 }
    var isRandomAccess: Bool { adaptationFlags & 0x40 != 0 }

    /// Programme clock reference, 27 MHz, 0 to 2³³·300 - 1.
    var clockReference: UInt64? {
        guard adaptationFlags & 0x10 != 0, bytes[4] >= 7 else { return nil }
        let base = (6..<10).reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[$1]) } << 1 | UInt64(bytes[10] >> 7)
        let rest = UInt64(bytes[10] & 1) << 8 | UInt64(bytes[11])
        return base * 300 + rest
    }

    /// Empty where the adaptation field claims more than the packet holds.
    var payload: UnsafeRawBufferPointer {
        let start = hasAdaptation ? 5 + Int(bytes[4]) : 4
        guard hasPayload, start < Self.length else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: bytes[start...])
    }

    var all: UnsafeRawBufferPointer { bytes }
}
