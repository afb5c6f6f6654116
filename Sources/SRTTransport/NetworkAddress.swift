internal import Glibc

/// An IPv4 or IPv6 address with its port.
package struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
    /// 16 octets, IPv4 mapped into `::ffff:0:0/96`, so that a peer has one key whichever socket it came to.
    package let octets: SIMD16<UInt8>
    package let port: UInt16
    /// Kept apart from ``octets``: a socket takes only addresses of its own family.
    private let isIPv4Socket: Bool
    private let scope: UInt32

    package var isIPv4: Bool {
        octets[10] == 0xFF && octets[11] == 0xFF && (0..<10).allSatisfy { octets[$0] == 0 }
    }

    /// What counts as one peer for limits: the address without its port, of IPv6 the first 64 bits, because a
    /// household or an attacker usually has as many of the rest as it likes.
    package var peerKey: SIMD16<UInt8> {
        var key = octets
        if !isIPv4 { for index in 8..<16 { key[index] = 0 } }
        return key
    }

    /// Looks `host` up. Blocks while the resolver works; for numeric addresses it does not.
    package static func resolve(host: String, port: Int) throws(SRTError) -> [NetworkAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &found)
        guard code == 0 else {
            throw SRTError(operation: "look up \(host)", reason: String(cString: gai_strerror(code)))
        }
        defer { freeaddrinfo(found) }
        var addresses: [NetworkAddress] = []
        var next = found
        while let entry = next {
            if let address = NetworkAddress(copying: entry.pointee.ai_addr) {
                addresses.append(address)
            }
            next = entry.pointee.ai_next
        }
        guard !addresses.isEmpty else {
            throw SRTError(operation: "look up \(host)", reason: "no IPv4 or IPv6 address")
        }
        return addresses
    }

    init?(copying address: UnsafePointer<sockaddr>) {
        let raw = UnsafeRawPointer(address)
        var octets = SIMD16<UInt8>()
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            let v4 = raw.loadUnaligned(as: sockaddr_in.self)
            withUnsafeBytes(of: v4.sin_addr.s_addr) { for index in 0..<4 { octets[12 + index] = $0[index] } }
            octets[10] = 0xFF
            octets[11] = 0xFF
            (port, isIPv4Socket, scope) = (UInt16(bigEndian: v4.sin_port), true, 0)
        case AF_INET6:
            let v6 = raw.loadUnaligned(as: sockaddr_in6.self)
            withUnsafeBytes(of: v6.sin6_addr) { for index in 0..<16 { octets[index] = $0[index] } }
            (port, isIPv4Socket, scope) = (UInt16(bigEndian: v6.sin6_port), false, v6.sin6_scope_id)
        default:
            return nil
        }
        self.octets = octets
    }

    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, Int32) -> Result) -> Result {
        if isIPv4Socket {
            var v4 = sockaddr_in()
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &v4.sin_addr) { for index in 0..<4 { $0[index] = octets[12 + index] } }
            return withUnsafePointer(to: &v4) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, Int32(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        var v6 = sockaddr_in6()
        v6.sin6_family = sa_family_t(AF_INET6)
        v6.sin6_port = port.bigEndian
        v6.sin6_scope_id = scope
        withUnsafeMutableBytes(of: &v6.sin6_addr) { for index in 0..<16 { $0[index] = octets[index] } }
        return withUnsafePointer(to: &v6) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, Int32(MemoryLayout<sockaddr_in6>.size))
            }
        }
    }

    var family: Int32 { isIPv4Socket ? AF_INET : AF_INET6 }

    package var description: String {
        if isIPv4 { return (12..<16).map { "\(octets[$0])" }.joined(separator: ".") + ":\(port)" }
        let groups = stride(from: 0, to: 16, by: 2).map {
            String(UInt16(octets[$0]) << 8 | UInt16(octets[$0 + 1]), radix: 16)
        }
        return "[\(groups.joined(separator: ":"))]:\(port)"
    }
}
