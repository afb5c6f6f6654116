internal import Crypto
internal import FoundationEssentials
package import HSSModel

/// The key of the media plane: it signs tickets and makes the passphrase of each stream, so that neither has to be
/// stored. Every node that shares it accepts the tickets of all of them.
package struct TicketKey: Sendable {
    /// Less would be easier to guess than what it protects.
    package static let shortestSecret = 32

    private static let version: UInt8 = 3
    private static let tagLength = 32
    /// version, purpose, epoch, expiry, nonce, issuer, rendition.
    private static let fixedLength = 1 + 1 + 8 + 8 + 16 + 8 + 1
    /// The longest text that can be a ticket: two names of 64 octets with their lengths, and the tag.
    private static let longestText = (fixedLength + 2 * 65 + tagLength + 2) / 3 * 4

    private let key: SymmetricKey

    /// `nil`: the secret is shorter than ``shortestSecret`` octets.
    package init?(_ secret: Secret) {
        let bytes = Array(secret.reveal().utf8)
        guard bytes.count >= Self.shortestSecret else { return nil }
        key = SymmetricKey(data: bytes)
    }

    /// The text of a ticket: base64url, at most 276 characters, safe in stream IDs and URLs.
    package func seal(_ ticket: Ticket) -> Secret {
        var body: [UInt8] = [Self.version, ticket.purpose.rawValue]
        body += ticket.epoch.rawValue.bigEndianBytes
        body += UInt64(bitPattern: ticket.expiresAt.milliseconds).bigEndianBytes
        body += ticket.nonce.high.bigEndianBytes + ticket.nonce.low.bigEndianBytes
        body += (ticket.issuer?.rawValue ?? 0).bigEndianBytes
        body.append(ticket.rendition.octet)
        for name in [ticket.stream.rawValue, ticket.lease?.rawValue ?? ""] {
            body.append(UInt8(name.utf8.count))
            body += name.utf8
        }
        return Secret(Base64URL.encode(body + authenticationCode("ticket", body)))
    }

    /// Reads a ticket and checks everything that can be checked without a memory. The signature comes first and in
    /// constant time; nothing of a forged ticket is looked at.
    package func open(
        _ text: Secret,
        for purpose: Ticket.Purpose,
        of stream: StreamID,
        at now: WallTime
    ) throws(TicketError) -> Ticket {
        let text = text.reveal()
        guard text.utf8.count <= Self.longestText, let bytes = Base64URL.decode(text),
            bytes.count > Self.fixedLength + Self.tagLength
        else { throw .forged }
        let body = Array(bytes.dropLast(Self.tagLength))
        let isGenuine = HMAC<SHA256>.isValidAuthenticationCode(
            Array(bytes.suffix(Self.tagLength)),
            authenticating: Self.labelled("ticket", body),
            using: key
        )
        guard isGenuine, let ticket = Self.parse(body) else { throw .forged }
        guard ticket.purpose == purpose else { throw .wrongPurpose }
        guard ticket.stream == stream else { throw .foreignStream }
        guard now < ticket.expiresAt else { throw .expired }
        return ticket
    }

    /// The SRT passphrase of one publishing and its viewers: 32 characters, 192 bits.
    package func passphrase(of stream: StreamID, epoch: Epoch) -> Secret {
        let code = authenticationCode(
            "passphrase",
            epoch.rawValue.bigEndianBytes + Array(stream.rawValue.utf8)
        )
        return Secret(Base64URL.encode(Array(code.prefix(24))))
    }

    private func authenticationCode(_ label: String, _ bytes: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Self.labelled(label, bytes), using: key))
    }

    /// Keeps what is signed for one use from ever counting for another.
    private static func labelled(_ label: String, _ bytes: [UInt8]) -> [UInt8] {
        Array("vedette vm \(label)\0".utf8) + bytes
    }

    private static func parse(_ body: [UInt8]) -> Ticket? {
        guard body[0] == version, let purpose = Ticket.Purpose(rawValue: body[1]) else { return nil }
        var rest = body[fixedLength...]
        guard let stream = takeName(&rest).flatMap(StreamID.init(rawValue:)), let leaseName = takeName(&rest),
            rest.isEmpty
        else { return nil }
        let epoch = Epoch(UInt64(bigEndianBytes: body[2..<10]))
        let expiry = WallTime(milliseconds: Int64(bitPattern: UInt64(bigEndianBytes: body[10..<18])))
        let nonce = Ticket.Nonce(
            high: UInt64(bigEndianBytes: body[18..<26]),
            low: UInt64(bigEndianBytes: body[26..<34])
        )
        let issuer = Ticket.Issuer(rawValue: UInt64(bigEndianBytes: body[34..<42]))
        guard let rendition = Rendition(octet: body[42]) else { return nil }
        switch purpose {
        case .publish:
            guard leaseName.isEmpty, rendition == .original else { return nil }
            return Ticket(publishing: stream, epoch: epoch, issuer: issuer, expiresAt: expiry, nonce: nonce)
        case .play:
            guard issuer.rawValue == 0, let lease = LeaseID(rawValue: leaseName) else { return nil }
            return Ticket(
                playing: stream,
                epoch: epoch,
                lease: lease,
                rendition: rendition,
                expiresAt: expiry,
                nonce: nonce
            )
        }
    }

    private static func takeName(_ rest: inout ArraySlice<UInt8>) -> String? {
        guard let length = rest.popFirst(), rest.count >= Int(length) else { return nil }
        defer { rest.removeFirst(Int(length)) }
        return String(validating: rest.prefix(Int(length)), as: UTF8.self)
    }
}

extension Rendition {
    fileprivate var octet: UInt8 {
        switch self {
        case .original: 0
        case .compatible: 1
        case .small: 2
        }
    }

    fileprivate init?(octet: UInt8) {
        guard let rendition = Self.allCases.first(where: { $0.octet == octet }) else { return nil }
        self = rendition
    }
}

extension UInt64 {
    fileprivate var bigEndianBytes: [UInt8] {
        withUnsafeBytes(of: bigEndian) { Array($0) }
    }

    fileprivate init(bigEndianBytes bytes: ArraySlice<UInt8>) {
        self = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
