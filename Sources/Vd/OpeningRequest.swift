/// The HTTP/1.1 request that opens the WebSocket of Vd (RFC 6455, 4.1): a GET without a body.
///
/// Read here and not by a general HTTP server: one such request comes on each connection, and what stands ready for
/// all of HTTP cost a login more than its look-up in the registry.
package struct OpeningRequest: Sendable, Equatable {
    package enum Fault: Error, Equatable {
        /// Not HTTP/1.1, or no handshake as RFC 6455 has it: 400.
        case malformed(String)
        /// 431.
        case tooLarge
        /// Something else than a WebSocket of version 13 is asked for: 426.
        case notWebSocket
    }

    /// Request line and fields, with the empty line at their end.
    package static let longest = 16 << 10
    package static let mostFields = 64

    /// As it stands in the request line: path and query.
    package var target: String
    /// `Sec-WebSocket-Key`: 16 octets in base64.
    package var key: String

    package init(target: String, key: String) {
        self.target = target
        self.key = key
    }

    /// `head` ends with its empty line.
    fileprivate init(parsing head: ArraySlice<UInt8>) throws(Fault) {
        var lines = HeadLines(rest: head)
        target = try Self.target(try lines.next())
        var fields = OpeningFields()
        var count = 0
        while true {
            let line = try lines.next()
            if line.isEmpty { break }
            count += 1
            guard count <= Self.mostFields else { throw .tooLarge }
            try fields.take(line)
        }
        key = try fields.key()
    }

    /// RFC 9112, 3: method, target and version with one space between them.
    private static func target(_ line: ArraySlice<UInt8>) throws(Fault) -> String {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, parts[0].allSatisfy(\.isTokenCharacter), !parts[1].isEmpty,
            parts[1].allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .malformed("not a request line") }
        guard parts[2].starts(with: "HTTP/".utf8) else { throw .malformed("not a request line") }
        guard parts[2].elementsEqual("HTTP/1.1".utf8), parts[0].elementsEqual("GET".utf8) else {
            throw .notWebSocket
        }
        return String(decoding: parts[1], as: UTF8.self)
    }
}

/// Collects a request as it arrives.
package struct OpeningReader: Sendable {
    private var head: [UInt8] = []

    package init() {}

    /// Nil: more is to come. Otherwise the request, and what stood behind it.
    package mutating func receive(
        _ bytes: some Collection<UInt8>
    ) throws(OpeningRequest.Fault) -> (request: OpeningRequest, rest: [UInt8])? {
        let from = head.count
        head += bytes
        guard let end = Self.end(of: head, from: from) else {
            guard head.count < OpeningRequest.longest else { throw .tooLarge }
            return nil
        }
        guard end <= OpeningRequest.longest else { throw .tooLarge }
        return (try OpeningRequest(parsing: head[..<end]), Array(head[end...]))
    }

    /// Behind the empty line. Looks at what has come since.
    private static func end(of head: [UInt8], from: Int) -> Int? {
        for index in max(3, from)..<max(3, head.count) where head[index] == UInt8(ascii: "\n") {
            if head[index - 3...index].elementsEqual("\r\n\r\n".utf8) { return index + 1 }
        }
        return nil
    }
}

/// RFC 9112, 2.2: lines end with CR LF; neither stands anywhere else.
private struct HeadLines {
    var rest: ArraySlice<UInt8>

    mutating func next() throws(OpeningRequest.Fault) -> ArraySlice<UInt8> {
        guard let end = rest.firstIndex(of: UInt8(ascii: "\r")), end + 1 < rest.endIndex,
            rest[end + 1] == UInt8(ascii: "\n")
        else { throw .malformed("a line without its end") }
        defer { rest = rest[(end + 2)...] }
        return rest[..<end]
    }
}

/// The fields that open a WebSocket (RFC 6455, 4.2.1); others are ignored once their form is right.
private struct OpeningFields {
    private var asksForWebSocket = false
    private var asksForUpgrade = false
    private var version: ArraySlice<UInt8>?
    private var webSocketKey: ArraySlice<UInt8>?

    /// RFC 9112, 5: a name, a colon right behind it, the value. No folded lines.
    mutating func take(_ line: ArraySlice<UInt8>) throws(OpeningRequest.Fault) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
            line[..<colon].allSatisfy(\.isTokenCharacter)
        else { throw .malformed("not a header field") }
        let name = line[..<colon]
        let value = line[(colon + 1)...].trimmed
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw .malformed("a control character in a header field")
        }
        switch name.count {
        case 7 where name.isCalled("upgrade"):
            asksForWebSocket = asksForWebSocket || value.lists("websocket")
        case 10 where name.isCalled("connection"):
            asksForUpgrade = asksForUpgrade || value.lists("upgrade")
        case 21 where name.isCalled("sec-websocket-version"):
            try Self.setOnce(&version, value)
        case 17 where name.isCalled("sec-websocket-key"):
            try Self.setOnce(&webSocketKey, value)
        case 14 where name.isCalled("content-length"):
            guard value.elementsEqual("0".utf8) else { throw .malformed("a body") }
        case 17 where name.isCalled("transfer-encoding"):
            throw .malformed("a body")
        default:
            break
        }
    }

    func key() throws(OpeningRequest.Fault) -> String {
        guard asksForWebSocket, asksForUpgrade, let version, version.elementsEqual("13".utf8) else {
            throw .notWebSocket
        }
        // 16 octets are 22 characters of base64 and two that fill up.
        guard let webSocketKey, webSocketKey.count == 24, webSocketKey.suffix(2).elementsEqual("==".utf8),
            webSocketKey.dropLast(2).allSatisfy(\.isBase64)
        else { throw .malformed("Sec-WebSocket-Key: expected 16 octets in base64") }
        return String(decoding: webSocketKey, as: UTF8.self)
    }

    private static func setOnce(
        _ field: inout ArraySlice<UInt8>?,
        _ value: ArraySlice<UInt8>
    ) throws(OpeningRequest.Fault) {
        guard field == nil else { throw .malformed("a header field stands twice") }
        field = value
    }
}

extension ArraySlice<UInt8> {
    /// Without the white space around it.
    fileprivate var trimmed: ArraySlice<UInt8> {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        var rest = drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return rest
    }

    /// `name` in lower case.
    fileprivate func isCalled(_ name: StaticString) -> Bool {
        guard count == name.utf8CodeUnitCount else { return false }
        return zip(self, 0..<count).allSatisfy { $0.lowercased == name.utf8Start[$1] }
    }

    /// Whether `item`, in lower case, is one of a list with commas.
    fileprivate func lists(_ item: StaticString) -> Bool {
        split(separator: UInt8(ascii: ",")).contains { $0.trimmed.isCalled(item) }
    }
}

extension UInt8 {
    fileprivate var lowercased: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }

    private var isAlphanumeric: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }

    /// RFC 9110, 5.6.2.
    fileprivate var isTokenCharacter: Bool { isAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains(self) }
    fileprivate var isBase64: Bool {
        isAlphanumeric || self == UInt8(ascii: "+") || self == UInt8(ascii: "/")
    }
}
