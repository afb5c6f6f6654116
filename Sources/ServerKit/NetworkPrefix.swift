import Glibc

/// Who is behind a network address, as far as limits can tell: an IPv4 address, or the first 64 bits of an
/// IPv6 address, because one subscriber has all addresses below them.
package struct NetworkPrefix: Hashable, Sendable, CustomStringConvertible {
    private enum Form: Hashable {
        case ipv4(UInt32)
        case ipv6(UInt64)
        /// Not an address: a path of a local socket, a name of a test. Cut to ``longestText`` bytes.
        case text(String)
    }

    private static let longestText = 64
    private let form: Form

    /// An address without its port; a zone (`%eth0`) is ignored, `::ffff:192.0.2.1` is the IPv4 address.
    package init(_ address: String) {
        var ipv4 = in_addr()
        if inet_pton(AF_INET, address, &ipv4) == 1 {
            form = .ipv4(UInt32(bigEndian: ipv4.s_addr))
            return
        }
        let withoutZone = address.prefix { $0 != "%" }
        var ipv6 = in6_addr()
        guard address.utf8.count <= 128, inet_pton(AF_INET6, String(withoutZone), &ipv6) == 1 else {
            form = .text(String(decoding: address.utf8.prefix(Self.longestText), as: UTF8.self))
            return
        }
        let bytes = withUnsafeBytes(of: &ipv6) { Array($0) }
        func number(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
        form =
            if number(0..<8) == 0, number(8..<12) == 0xffff {
                .ipv4(UInt32(truncatingIfNeeded: number(12..<16)))
            } else {
                .ipv6(number(0..<8))
            }
    }

    package var description: String {
        switch form {
        case .ipv4(let bits): (0..<4).map { String(bits >> (24 - 8 * $0) & 255) }.joined(separator: ".")
        case .ipv6(let bits):
            (0..<4).map { String(bits >> (48 - 16 * $0) & 0xffff, radix: 16) }.joined(separator: ":")
                + "::/64"
        case .text(let text): text
        }
    }
}
