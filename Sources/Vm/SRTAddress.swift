package import HSSModel

/// Where an SRT peer calls: `srt://HOST:PORT?streamid=…&passphrase=…&pbkeylen=…&latency=…`.
///
/// The text works as it stands in FFmpeg, VLC, GStreamer and srt-live-transmit. Two peers force its form: FFmpeg and
/// srt-live-transmit cut the address at a bare `#`, and FFmpeg reads `+` as a space, so every octet that RFC 3986
/// does not call unreserved is percent-encoded.
///
/// FFmpeg takes `latency` in microseconds, everybody else in milliseconds. We write milliseconds: SRT negotiates
/// the larger value of both ends, so FFmpeg's misreading ends at the server's own latency.
package struct SRTAddress: Sendable, Equatable {
    /// Longer addresses are refused unread.
    package static let longestText = 2048
    /// SRTO_STREAMID holds no more (SRT access control guidelines).
    package static let longestStreamID = 512
    /// SRTO_PASSPHRASE.
    package static let passphraseLength = 10...79

    /// A name, an IPv4 address, or an IPv6 address without brackets.
    package var host: String
    package var port: Int
    package var streamID: String?
    package var passphrase: Secret?
    /// Octets of the AES key: 16, 24 or 32.
    package var keyLength: Int?
    package var latencyMilliseconds: Int?

    package init(
        host: String,
        port: Int,
        streamID: String? = nil,
        passphrase: Secret? = nil,
        keyLength: Int? = nil,
        latencyMilliseconds: Int? = nil
    ) {
        self.host = host
        self.port = port
        self.streamID = streamID
        self.passphrase = passphrase
        self.keyLength = keyLength
        self.latencyMilliseconds = latencyMilliseconds
    }

    /// Reads the text form. Options that we do not know (`mode=caller`, `transtype=live` …) are passed over, because
    /// other platforms hand them out.
    package init(parsing secret: Secret) throws(SRTAddressError) {
        let text = secret.reveal()
        guard text.utf8.count <= Self.longestText else { throw .tooLong }
        guard text.prefix(6).lowercased() == "srt://" else { throw .notSRT }
        let rest = text.dropFirst(6)
        let authorityEnd = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        (host, port) = try Self.splitAuthority(rest[..<authorityEnd])

        guard let question = rest[authorityEnd...].firstIndex(of: "?") else { return }
        for pair in rest[rest.index(after: question)...].split(separator: "&").prefix(32) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            try set(String(parts[0]), try Self.percentDecoded(parts[1]))
        }
    }

    /// The text form; a secret, because it holds the passphrase and usually a ticket.
    package var text: Secret {
        var options: [String] = []
        if let streamID { options.append("streamid=" + Self.percentEncoded(streamID)) }
        if let passphrase { options.append("passphrase=" + Self.percentEncoded(passphrase.reveal())) }
        if let keyLength { options.append("pbkeylen=\(keyLength)") }
        if let latencyMilliseconds { options.append("latency=\(latencyMilliseconds)") }
        let name = host.contains(":") ? "[\(host)]" : host
        return Secret("srt://\(name):\(port)" + (options.isEmpty ? "" : "?" + options.joined(separator: "&")))
    }

    private mutating func set(_ name: String, _ value: String) throws(SRTAddressError) {
        switch name {
        case "streamid":
            guard value.utf8.count <= Self.longestStreamID else { throw .option("streamid") }
            streamID = value
        case "passphrase":
            guard Self.passphraseLength.contains(value.utf8.count) else { throw .option("passphrase") }
            passphrase = Secret(value)
        case "pbkeylen":
            guard let length = Int(value), [16, 24, 32].contains(length) else { throw .option("pbkeylen") }
            keyLength = length
        case "latency":
            guard let latency = Int(value), (0...60_000).contains(latency) else { throw .option("latency") }
            latencyMilliseconds = latency
        default:
            break
        }
    }

    private static func splitAuthority(_ text: Substring) throws(SRTAddressError) -> (String, Int) {
        let name: Substring
        let number: Substring
        if text.first == "[" {
            guard let bracket = text.firstIndex(of: "]") else { throw .host }
            name = text[text.index(after: text.startIndex)..<bracket]
            number = text[text.index(after: bracket)...]
        } else {
            let colon = text.lastIndex(of: ":") ?? text.endIndex
            name = text[..<colon]
            number = text[colon...]
            guard !name.contains(":") else { throw .host }
        }
        guard (1...253).contains(name.utf8.count), name.utf8.allSatisfy(isHostCharacter) else { throw .host }
        guard number.first == ":", let port = Int(number.dropFirst()), (1...65_535).contains(port) else {
            throw .port
        }
        return (String(name), port)
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        isUnreserved(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%")
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default:
            false
        }
    }

    private static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if isUnreserved(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func percentDecoded(_ text: Substring) throws(SRTAddressError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue)
            else {
                throw .encoding
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else { throw .encoding }
        return decoded
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// Why a text is no SRT address. Names the part, never its value: addresses hold secrets.
package enum SRTAddressError: Error, Equatable, CustomStringConvertible {
    case notSRT, tooLong, host, port, encoding
    case option(String)

    package var description: String {
        switch self {
        case .notSRT: "expected an address that begins with srt://"
        case .tooLong: "the SRT address is longer than \(SRTAddress.longestText) octets"
        case .host: "the SRT address has no valid host"
        case .port: "the SRT address has no port between 1 and 65535"
        case .encoding: "the SRT address is not properly percent-encoded"
        case .option(let name): "the SRT address has an unusable value for '\(name)'"
        }
    }
}
