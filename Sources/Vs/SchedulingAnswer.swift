package import HSSModel

/// Where a unit finds its servers, and what time it is (Table I.1).
package struct SchedulingAnswer: Equatable, Sendable {
    /// A server as a unit is told of it.
    package struct Server: Equatable, Sendable {
        /// Host name or address literal; empty where there is no such server.
        package var domain: String
        /// 0 where there is none.
        package var port: Int

        package init(domain: String, port: Int) {
            self.domain = domain
            self.port = port
        }

        package static let none = Server(domain: "", port: 0)
    }

    /// Signalling server; ``Server/port`` is that of plain ws, 0 where it is switched off.
    package var signalling: Server
    /// Port of wss at the same server. Non-zero tells a unit with wss support to use it.
    package var signallingSecurePort: Int
    package var peerToPeer: Server
    package var relay: Server
    /// Empty where there is none.
    package var hibernationDomain: String
    /// The platform's time. The row is unreadable in the published table; name and unit (milliseconds) are
    /// those of deployed practice.
    package var syncTime: WallTime
    /// An addition to the table: this unit may sign its logins instead of sending its password. Absent means no; units
    /// that do not know the field ignore it.
    package var takesSignedLogin: Bool

    package init(
        signalling: Server,
        signallingSecurePort: Int,
        peerToPeer: Server,
        relay: Server,
        hibernationDomain: String,
        syncTime: WallTime,
        takesSignedLogin: Bool = false
    ) {
        self.signalling = signalling
        self.signallingSecurePort = signallingSecurePort
        self.peerToPeer = peerToPeer
        self.relay = relay
        self.hibernationDomain = hibernationDomain
        self.syncTime = syncTime
        self.takesSignedLogin = takesSignedLogin
    }
}

extension SchedulingAnswer: Codable {
    private enum Field: String, CodingKey {
        case signallingDomain = "PassDomain"
        case signallingPort = "PassPort"
        case signallingSecurePort = "Secure_PassPort"
        case peerToPeerDomain = "P2p_passDomain"
        case peerToPeerPort = "P2p_passPort"
        case relayDomain = "TurnDomain"
        case relayPort = "TurnPort"
        case hibernationDomain = "HibernationDomain"
        case syncTime = "SyncTime"
        case takesSignedLogin = "SignedLogin"
    }

    /// Longest text form of a DNS name (RFC 1035 §2.3.4).
    private static let longestDomain = 253
    /// The year 9999: what is later is no time of a platform, and arithmetic on it must not overflow.
    private static let latestTime: Int64 = 253_402_300_799_999

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Field.self)
        try fields.encode(signalling.domain, forKey: .signallingDomain)
        try fields.encode(signalling.port, forKey: .signallingPort)
        try fields.encode(signallingSecurePort, forKey: .signallingSecurePort)
        try fields.encode(peerToPeer.domain, forKey: .peerToPeerDomain)
        try fields.encode(peerToPeer.port, forKey: .peerToPeerPort)
        try fields.encode(relay.domain, forKey: .relayDomain)
        try fields.encode(relay.port, forKey: .relayPort)
        try fields.encode(hibernationDomain, forKey: .hibernationDomain)
        try fields.encode(syncTime.milliseconds, forKey: .syncTime)
        if takesSignedLogin { try fields.encode(1, forKey: .takesSignedLogin) }
    }

    /// A unit needs a signalling server and the time; the other servers may be absent.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        func domain(_ field: Field) throws -> String {
            let text = try fields.decodeIfPresent(String.self, forKey: field) ?? ""
            guard text.utf8.count <= Self.longestDomain, text.utf8.allSatisfy(Self.isDomainByte) else {
                throw DecodingError.dataCorruptedError(
                    forKey: field,
                    in: fields,
                    debugDescription: "expected a host name or address"
                )
            }
            return text
        }
        func port(_ field: Field) throws -> Int {
            let number = try fields.decodeIfPresent(Int.self, forKey: field) ?? 0
            guard (0...65_535).contains(number) else {
                throw DecodingError.dataCorruptedError(
                    forKey: field,
                    in: fields,
                    debugDescription: "expected a port, 0 to 65535"
                )
            }
            return number
        }
        signalling = Server(domain: try domain(.signallingDomain), port: try port(.signallingPort))
        signallingSecurePort = try port(.signallingSecurePort)
        guard !signalling.domain.isEmpty, signalling.port != 0 || signallingSecurePort != 0 else {
            throw DecodingError.dataCorruptedError(
                forKey: .signallingDomain,
                in: fields,
                debugDescription: "expected a signalling server with a port"
            )
        }
        peerToPeer = Server(domain: try domain(.peerToPeerDomain), port: try port(.peerToPeerPort))
        relay = Server(domain: try domain(.relayDomain), port: try port(.relayPort))
        hibernationDomain = try domain(.hibernationDomain)
        let milliseconds = try fields.decode(Int64.self, forKey: .syncTime)
        guard (0...Self.latestTime).contains(milliseconds) else {
            throw DecodingError.dataCorruptedError(
                forKey: .syncTime,
                in: fields,
                debugDescription: "expected milliseconds since 1970, up to the year 9999"
            )
        }
        syncTime = WallTime(milliseconds: milliseconds)
        // Of another platform the name may mean something else, which is no reason not to log in.
        takesSignedLogin = (try? fields.decode(Int.self, forKey: .takesSignedLogin)) == 1
    }

    /// Letters, digits and what host names and address literals (`[2001:db8::1]`) consist of: this text goes
    /// into a URL and a `Host` header as it stands.
    private static func isDomainByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "["), UInt8(ascii: "]"):
            true
        default:
            false
        }
    }
}
