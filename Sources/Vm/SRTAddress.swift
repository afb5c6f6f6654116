package import HSSModel

/// Where an SRT peer calls: `srt://HOST:PORT?streamid=…&passphrase=…&pbkeylen=…&latency=…`.
///
/// The text works as it stands in FFmpeg, VLC, GStreamer and srt-live-transmit. Every octet that RFC 3986 does not call
/// unreserved is percent-encoded: URL parsers end the query at a bare `#`, and FFmpeg reads `+` as a space. FFmpeg 5.1
/// (Debian 12) does not decode at all and sends the stream ID as it stands here: ``StreamAccess`` reads that too.
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
            guard let value = PercentCoding.decode(parts[1]) else { throw .encoding }
            try set(String(parts[0]), value)
        }
    }

    /// The text form; a secret, because it holds the passphrase and usually a ticket.
    package var text: Secret {
        var options: [String] = []
        if let streamID { options.append("streamid=" + PercentCoding.encode(streamID)) }
        if let passphrase { options.append("passphrase=" + PercentCoding.encode(passphrase.reveal())) }
        if let keyLength { options.append("pbkeylen=\(keyLength)") }
        if let latencyMilliseconds { options.append("latency=\(latencyMilliseconds)") }
        return Secret(
            "srt://\(URLHost.text(host)):\(port)"
                + (options.isEmpty ? "" : "?" + options.joined(separator: "&"))
        )
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
        PercentCoding.isUnreserved(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%")
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
