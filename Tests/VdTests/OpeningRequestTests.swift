import TestSupport
import Testing
import Vd

@Suite("Opening of Vd, RFC 6455 clause 4 and RFC 9112") struct OpeningRequestTests {
    private static let fields = [
        "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
    ]
    private static let target = "/Vd?login_code=cam-1&login_passwd=pw&hardware_model=H%201&firmware_model=2"

    private static func head(
        _ line: String = "GET \(target) HTTP/1.1",
        _ fields: [String] = fields
    ) -> [UInt8] {
        Array(([line] + fields + ["", ""]).joined(separator: "\r\n").utf8)
    }

    private static func head(with fields: [String]) -> [UInt8] { head("GET \(target) HTTP/1.1", fields) }

    private static func read(_ bytes: [UInt8]) -> Result<OpeningRequest?, OpeningRequest.Fault> {
        var reader = OpeningReader()
        do throws(OpeningRequest.Fault) {
            return .success(try reader.receive(bytes)?.request)
        } catch {
            return .failure(error)
        }
    }

    /// 1.3: the example.
    @Test func theHandshakeOfTheStandard() throws {
        let expected = OpeningRequest(target: Self.target, key: "dGhlIHNhbXBsZSBub25jZQ==")
        #expect(Self.read(Self.head()) == .success(expected))
    }

    /// 4.2.1: "containing the value 'websocket', treated as an ASCII case-insensitive value", "a |Connection| header field that
    /// includes the token 'Upgrade'".
    @Test(arguments: [
        ["UPGRADE: WebSocket", "connection: keep-alive, upgrade", "SEC-WEBSOCKET-VERSION:13"],
        [
            "Upgrade: h2c ,\tWEBSOCKET", "Connection: close", "Connection: UPGRADE",
            "Sec-WebSocket-Version:  13 \t",
        ],
        [
            "Upgrade:websocket", "Connection:Upgrade", "Sec-WebSocket-Version: 13", "Content-Length: 0",
            "X-Odd!#$%&'*+-.^_`|~: \u{FC}, \"a\tb\"", "Empty:",
        ],
    ]) func formsThatAreAllowed(fields: [String]) {
        let bytes = Self.head("GET /Vd HTTP/1.1", fields + ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="])
        #expect(Self.read(bytes) == .success(OpeningRequest(target: "/Vd", key: "dGhlIHNhbXBsZSBub25jZQ==")))
    }

    @Test(arguments: [
        "GET /Vd", "GET  /Vd HTTP/1.1", "GET /Vd HTTP/1.1 ", " GET /Vd HTTP/1.1", "GET /V d HTTP/1.1", "GET",
        "", "G\u{0}T /Vd HTTP/1.1", "GET /Vd\u{7F} HTTP/1.1", "GET /\u{FC} HTTP/1.1", "GET /Vd FTP/1.1",
        "\u{16}\u{3}\u{1}",
    ]) func whatIsNoRequestLine(line: String) {
        #expect(Self.read(Self.head(line)) == .failure(.malformed("not a request line")))
    }

    @Test(arguments: [
        "Upgrade", ": websocket", "Upgrade : websocket", " folded: yes", "\tfolded", "Na\u{E4}me: a",
        "a b: c",
        "a: b\u{0}", "a: b\u{1B}[1m", "a: b\nc: d", "a: b\rc: d", "Content-Length: 5", "Content-Length: 0, 0",
        "Transfer-Encoding: chunked", "Sec-WebSocket-Version: 13",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    ]) func whatIsNoField(field: String) throws {
        let result = Self.read(Self.head(with: Self.fields + [field]))
        guard case .failure(.malformed) = result else { throw Unexpected(result: "\(result)") }
    }

    @Test(arguments: [
        "", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25j!Q==",
        "dGhlIHNhbXBsZSBub25jZQAB",
        String(repeating: "A", count: 4000),
    ]) func whatIsNoKey(key: String) {
        var fields = Self.fields
        fields[3] = "Sec-WebSocket-Key: " + key
        #expect(
            Self.read(Self.head(with: fields))
                == .failure(.malformed("Sec-WebSocket-Key: expected 16 octets in base64"))
        )
    }

    /// 4.4: another version is told which one is spoken here.
    @Test(arguments: [
        ("GET /Vd HTTP/1.0", 5), ("POST /Vd HTTP/1.1", 5), ("GET /Vd HTTP/2.0", 5), ("GET /Vd HTTP/1.1", 1),
        ("GET /Vd HTTP/1.1", 2), ("GET /Vd HTTP/1.1", 4), ("GET /Vd HTTP/1.1", 0),
    ]) func whatAsksForNoWebSocket(line: String, left: Int) {
        var fields = Self.fields
        if left == 0 { fields[4] = "Sec-WebSocket-Version: 8" } else if left < 5 { fields.remove(at: left) }
        #expect(Self.read(Self.head(line, fields)) == .failure(.notWebSocket))
    }

    @Test func whatIsTooLarge() {
        let long = OpeningRequest.longest
        #expect(Self.read(Array(repeating: 0x41, count: long)) == .failure(.tooLarge))
        let wide = "Cookie: " + String(repeating: "a", count: long)
        #expect(Self.read(Self.head(with: Self.fields + [wide])) == .failure(.tooLarge))
        let many = (0...OpeningRequest.mostFields).map { "f\($0): a" }
        #expect(Self.read(Self.head(with: many)) == .failure(.tooLarge))
        let enough = (5..<OpeningRequest.mostFields).map { "f\($0): a" }
        #expect((try? Self.read(Self.head(with: Self.fields + enough)).get()) != nil)
    }

    /// It may come octet by octet; what stands behind it is not lost.
    @Test func everyDivisionIsTheSame() throws {
        let bytes = Self.head() + [0x81, 0, 0x0D, 0x0A]
        for cut in 0...bytes.count {
            var reader = OpeningReader()
            let first = try reader.receive(bytes[..<cut])
            #expect((first == nil) == (cut < bytes.count - 4))
            guard first == nil else { continue }
            let second = try #require(try reader.receive(bytes[cut...]))
            #expect(second.request.target == Self.target && second.rest == [0x81, 0, 0x0D, 0x0A])
        }
        var reader = OpeningReader()
        for byte in bytes.dropLast(5) { #expect(try reader.receive([byte]) == nil) }
        #expect(try reader.receive([0x0A])?.rest == [])
    }

    /// Whatever arrives, in whatever pieces: an answer or none, and no trap.
    @Test func hostileBytesAreRefused() {
        for seed in 0..<400 {
            var random = SeededGenerator(seed: UInt64(seed))
            var bytes = Self.head()
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8.random(in: 0...0x20, using: &random), at: place)
                }
            }
            var reader = OpeningReader()
            var rest = bytes[...]
            do {
                while !rest.isEmpty {
                    let count = Int.random(in: 1...rest.count, using: &random)
                    if let (request, _) = try reader.receive(rest.prefix(count)) {
                        #expect(
                            request.key.utf8.count == 24 && !request.target.contains(where: \.isWhitespace)
                        )
                        break
                    }
                    rest = rest.dropFirst(count)
                }
            } catch {
                #expect(error != .tooLarge, "seed \(seed)")
            }
        }
    }

    private struct Unexpected: Error { var result: String }
}
