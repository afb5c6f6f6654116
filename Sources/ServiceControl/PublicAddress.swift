import Glibc

/// Which network addresses a webhook may lead to: none of the platform's own network, by whatever notation (SSRF).
package enum PublicAddress {
    private struct Block {
        var bytes: [UInt8]
        var bits: Int

        init(_ text: String, _ bits: Int) {
            bytes = PublicAddress.bytes(text) ?? []
            self.bits = bits
        }

        func contains(_ address: [UInt8]) -> Bool {
            guard address.count == bytes.count else { return false }
            return (0..<bits).allSatisfy { bit in
                (address[bit / 8] ^ bytes[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
            }
        }
    }

    /// IANA's special-purpose registries: this network, private, shared, loopback, link-local, protocol
    /// assignments, documentation, benchmarks, multicast, reserved; Teredo and 6to4 carry an address of their own.
    private static let refused = [
        Block("0.0.0.0", 8), Block("10.0.0.0", 8), Block("100.64.0.0", 10), Block("127.0.0.0", 8),
        Block("169.254.0.0", 16), Block("172.16.0.0", 12), Block("192.0.0.0", 24), Block("192.0.2.0", 24),
        Block("192.88.99.0", 24), Block("192.168.0.0", 16), Block("198.18.0.0", 15),
        Block("198.51.100.0", 24), Block("203.0.113.0", 24), Block("224.0.0.0", 4), Block("240.0.0.0", 4),
        Block("100::", 64), Block("2001::", 32), Block("2001:db8::", 32), Block("2002::", 16),
        Block("3fff::", 20),
    ]
    /// Everything that is routed to somebody today.
    private static let global = Block("2000::", 3)
    private static let mapped = Block("::ffff:0.0.0.0", 96)
    private static let translated = Block("64:ff9b::", 96)

    /// False too for what is no address.
    package static func isPublic(_ text: String) -> Bool {
        guard let address = bytes(text) else { return false }
        return isPublic(address)
    }

    private static func isPublic(_ address: [UInt8]) -> Bool {
        // An IPv4 address in the clothes of IPv6 leads where the IPv4 address leads.
        if mapped.contains(address) || translated.contains(address) {
            return isPublic(Array(address.suffix(4)))
        }
        guard !refused.contains(where: { $0.contains(address) }) else { return false }
        return address.count == 4 || global.contains(address)
    }

    /// The 4 or 16 octets of an address in the notation of `inet_pton`; nil: it is none.
    static func bytes(_ text: String) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }
}
