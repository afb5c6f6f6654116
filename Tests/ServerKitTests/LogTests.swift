import HSSModel
import Logging
import Synchronization
import Testing

@testable import ServerKit

@Suite("Log") struct LogTests {
    @Test(arguments: [
        ("nothing to hide", "nothing to hide"),
        ("/Vd?login_code=7&login_passwd=hunter2&x=1", "/Vd?login_code=7&login_passwd=<secret>&x=1"),
        (
            "srt://h:1?streamid=#!::r=a,s=tick&passphrase=p w",
            "srt://h:1?streamid=#!::r=a,s=<secret>&passphrase=<secret> w"
        ),
        ("?ticket=abc", "?ticket=<secret>"),
        ("?Ticket%3Dabc&b=1", "?Ticket%3D<secret>&b=1"),
        ("{\"password\": \"x\",\"a\":\"b\"}", "{\"password\": \"<secret>\",\"a\":\"b\"}"),
        ("postgres://u:p@ss@host/db", "postgres://u:<secret>@host/db"),
        ("https://host:8443/p?mail=a@b.c", "https://host:8443/p?mail=a@b.c"),
        ("streams=5 is=6", "streams=5 is=6"),
        ("ticket=", "ticket="),
    ]) func secretsInTextAreReplaced(text: String, expected: String) {
        #expect(LogRedaction.redact(text) == expected)
    }

    private func lines(_ format: Configuration.Log.Format, _ body: (Logger) -> Void) -> String {
        let text = Mutex("")
        let collect = Collected()
        let logger = Logger(label: "kit") { label in
            LineLogHandler(label: label, level: .info, format: format) { collect.add($0) }
        }
        body(logger)
        text.withLock { $0 = collect.text }
        return text.withLock { $0 }
    }

    @Test func aLineIsTextWithMetadataInOrder() {
        let line = lines(.text) {
            $0.info("Unit logged in", metadata: ["unit": "7", "from": "two words", "password": "hunter2"])
        }
        #expect(line.hasSuffix(" INFO kit: Unit logged in from=\"two words\" password=<secret> unit=7\n"))
    }

    @Test func aLineIsOneJSONObject() async throws {
        let line = lines(.json) {
            $0.error("It \"broke\"", metadata: ["list": ["a", .string("?ticket=x")], "s": "\(Secret("x"))"])
        }
        #expect(line.contains("\"message\":\"It \\\"broke\\\"\""))
        #expect(line.contains("\"metadata\":{\"list\":\"[a, ?ticket=<secret>]\",\"s\":\"<secret>\"}"))
        let parsed = try await run("python3", "-c", "import json,sys;json.load(sys.stdin)", input: line)
        #expect(parsed.status == 0)
    }

    @Test func aPeerCannotWriteLinesOfItsOwn() {
        let line = lines(.text) { $0.info("x", metadata: ["name": "a\n2026 ERROR kit: forged"]) }
        #expect(line.filter { $0 == "\n" }.count == 1)
        let long = lines(.text) {
            $0.info("x", metadata: ["name": "\(String(repeating: "y", count: 100_000))"])
        }
        #expect(long.utf8.count < 2000)
    }
}

private final class Collected: Sendable {
    private let lines = Mutex("")
    var text: String { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0 += line } }
}
