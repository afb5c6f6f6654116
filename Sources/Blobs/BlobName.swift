import Crypto

/// Whose blobs: each area is listed and swept by its owner alone.
package enum BlobArea: String, Sendable, CaseIterable {
    /// Pictures and logs that units sent.
    case uploads
    /// Images for units.
    case firmware
    /// What units recorded. Written by ``SegmentFiles``, read like any other.
    case segments
}

/// The name of a blob: 128 random bits in an area.
package struct BlobName: Hashable, Comparable, Sendable, CustomStringConvertible {
    static let keyLength = 32

    package let area: BlobArea
    /// 32 lower-case hexadecimal digits.
    package let key: String

    /// For a name that was stored; nil where it is none.
    package init?(_ area: BlobArea, key: String) {
        let isDigit: (UInt8) -> Bool = {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
        guard key.utf8.count == Self.keyLength, key.utf8.allSatisfy(isDigit) else { return nil }
        self.area = area
        self.key = key
    }

    private init(unchecked key: String, _ area: BlobArea) {
        self.area = area
        self.key = key
    }

    package static func fresh(in area: BlobArea) -> BlobName {
        let bytes = SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) }
        return BlobName(unchecked: bytes.hexadecimal, area)
    }

    package var description: String { "\(area.rawValue)/\(key)" }

    package static func < (left: BlobName, right: BlobName) -> Bool {
        (left.area.rawValue, left.key) < (right.area.rawValue, right.key)
    }
}

extension Sequence where Element == UInt8 {
    var hexadecimal: String {
        map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
