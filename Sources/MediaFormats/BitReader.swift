/// Reads the bit fields of parameter sets and slice headers: fixed length and Exp-Golomb (ITU-T H.264, 7.2 and 9.1).
///
/// Past the end every field is 0 and ``isPastEnd`` stays set, so that a reader of a hostile unit looks once, at the end;
/// whoever loops on a value that was read bounds it first.
struct BitReader {
    /// Longer units are cut: parameter sets in the field have some tens of octets.
    static let longestUnit = 4096

    private let bytes: [UInt8]
    private var position = 0
    private(set) var isPastEnd = false

    /// Takes the octets of a NAL unit without the emulation prevention (H.264, 7.3.1: 00 00 03 stands for 00 00).
    init(unescaping unit: some Collection<UInt8>) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(unit.count, Self.longestUnit))
        var zeros = 0
        for byte in unit.prefix(Self.longestUnit) {
            if zeros >= 2, byte == 3 {
                zeros = 0
                continue
            }
            zeros = byte == 0 ? zeros + 1 : 0
            bytes.append(byte)
        }
        self.bytes = bytes
    }

    mutating func flag() -> Bool {
        guard position < bytes.count * 8 else {
            isPastEnd = true
            return false
        }
        defer { position += 1 }
        return bytes[position >> 3] >> UInt8(7 - position & 7) & 1 == 1
    }

    /// At most 32 bits.
    mutating func bits(_ count: Int) -> UInt32 {
        (0..<count).reduce(0) { value, _ in value << 1 | (flag() ? 1 : 0) }
    }

    mutating func skip(_ count: Int) {
        position += count
        if position > bytes.count * 8 { isPastEnd = true }
    }

    /// ue(v), H.264 9.1; values take up to 32 bits.
    mutating func unsigned() -> Int {
        var zeros = 0
        while !flag() {
            zeros += 1
            guard zeros < 32, !isPastEnd else {
                isPastEnd = true
                return 0
            }
        }
        return (1 << zeros) - 1 + Int(bits(zeros))
    }

    /// se(v), H.264 9.1.1.
    mutating func signed() -> Int {
        let code = unsigned()
        return code & 1 == 1 ? (code + 1) / 2 : -(code / 2)
    }
}
