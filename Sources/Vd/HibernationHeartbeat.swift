package import HSSModel

/// Names a sleeping unit: 16 decimal digits, which is all that a heartbeat has room for.
///
/// Deployed units have identities of 16 digits, so that the identity of the registry is this one. A unit with
/// any other (a MAC address, say) cannot be named in a heartbeat and cannot hibernate: shortened or filled up,
/// two of them might become the same.
package struct HibernationIdentity: Hashable, Sendable, CustomStringConvertible {
    package static let length = 16

    /// ``length`` ASCII digits.
    let digits: [UInt8]

    /// Nil where `identity` is not written in 16 digits; `:` and `-` between them do not count.
    package init?(_ identity: MACIdentity) {
        self.init(Array(identity.canonical.utf8))
    }

    init?(_ digits: [UInt8]) {
        guard digits.count == Self.length, digits.allSatisfy(Self.isDigit) else { return nil }
        self.digits = digits
    }

    package var macIdentity: MACIdentity { MACIdentity(unchecked: description) }
    package var description: String { String(decoding: digits, as: UTF8.self) }

    fileprivate static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

/// What a sleeping unit says to the hibernation server every `hb_interval` (deployed practice): 40 bytes, big
/// endian: `magic` 0xCC 0x00, `length` 40, `macid` 16 digits, `cmd` 0x4A, 3 reserved bytes, `token` 16 bytes
/// filled up with zeros.
package struct HibernationHeartbeat: Sendable, Equatable {
    package static let length = 40
    package static let tokenLength = 1...16
    private static let head: [UInt8] = [0xCC, 0x00, 0x00, UInt8(length)]
    private static let command: UInt8 = 0x4A
    private static let identityAt = 4
    private static let commandAt = 20
    private static let tokenAt = 24

    package var identity: HibernationIdentity
    /// `hb_token` of `GetServerInfo`.
    package var token: Secret

    /// Nil where the token is no text of 1 to 16 printable ASCII characters.
    package init?(identity: HibernationIdentity, token: Secret) {
        let bytes = token.reveal().utf8
        guard Self.tokenLength.contains(bytes.count), bytes.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            return nil
        }
        self.identity = identity
        self.token = token
    }

    package func encoded() -> [UInt8] {
        var bytes = Self.head + identity.digits + [Self.command, 0, 0, 0] + token.reveal().utf8
        bytes += Array(repeating: 0, count: Self.length - bytes.count)
        return bytes
    }

    /// Reads exactly one packet. What the reserved bytes hold does not matter.
    package init(parsing bytes: [UInt8]) throws(FieldError) {
        try Self.check(bytes)
        guard bytes.count == Self.length else { throw FieldError("length", "expected \(Self.length)") }
        guard let identity = HibernationIdentity(Array(bytes[Self.identityAt..<Self.commandAt])) else {
            throw FieldError("macid", "expected 16 digits")
        }
        let token = bytes[Self.tokenAt...]
        let text = token.prefix { $0 != 0 }
        guard token.dropFirst(text.count).allSatisfy({ $0 == 0 }),
            let heartbeat = Self(identity: identity, token: Secret(String(decoding: text, as: UTF8.self)))
        else { throw FieldError("token", "expected 1 to 16 characters, then zeros") }
        self = heartbeat
    }

    /// Whether `bytes` can be the beginning of a packet: a stranger is not waited for to complete 40 of them.
    fileprivate static func check(_ bytes: [UInt8]) throws(FieldError) {
        let known = min(bytes.count, head.count)
        guard bytes[..<min(known, 2)] == head[..<min(known, 2)] else {
            throw FieldError("magic", "expected 0xCC 0x00")
        }
        guard bytes[..<known] == head[..<known] else { throw FieldError("length", "expected \(length)") }
        let digits = bytes.dropFirst(identityAt).prefix(HibernationIdentity.length)
        guard digits.allSatisfy(HibernationIdentity.isDigit) else {
            throw FieldError("macid", "expected 16 digits")
        }
        if bytes.count > commandAt, bytes[commandAt] != command {
            throw FieldError("cmd", "expected 0x4A")
        }
    }
}

/// Cuts what arrives on one connection into heartbeats. Keeps less than one packet.
package struct HibernationReader: Sendable {
    private var pending: [UInt8] = []

    package init() {}

    /// The heartbeats that are complete with `bytes`. After an error the connection is of no more use.
    package mutating func receive(_ bytes: some Sequence<UInt8>) throws(FieldError) -> [HibernationHeartbeat]
    {
        var heartbeats: [HibernationHeartbeat] = []
        for byte in bytes {
            pending.append(byte)
            guard pending.count == HibernationHeartbeat.length else { continue }
            heartbeats.append(try HibernationHeartbeat(parsing: pending))
            pending.removeAll(keepingCapacity: true)
        }
        try HibernationHeartbeat.check(pending)
        return heartbeats
    }
}
