import Foundation
import TestSupport
import Testing

@testable import ServerKit

@Suite("Configuration") struct ConfigurationTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func values(
        _ yaml: String? = nil,
        environment: [String: String] = [:],
        flags: [String: String] = [:],
        keys: [ConfigurationKey] = ConfigurationTable.keys
    ) throws -> ConfigurationValues {
        let file = try yaml.map { try folder.write($0, as: "v.yaml") }
        return try ConfigurationValues(file: file, environment: environment, flags: flags, keys: keys)
    }

    private func problems(
        _ yaml: String?,
        environment: [String: String] = [:],
        flags: [String: String] = [:]
    ) -> [String] {
        do {
            _ = try Configuration(values(yaml, environment: environment, flags: flags))
            return []
        } catch let error as ConfigurationProblems {
            return error.problems.map { $0.replacing(folder.path + "/", with: "") }
        } catch {
            return ["other: \(error)"]
        }
    }

    /// What would be found out by the ten-thousandth camera stands in the log of the start.
    @Test func limitsThatStandInEachOthersWayAreNamed() throws {
        let defaults = try Configuration(values())
        #expect(defaults.shortages(descriptors: 1 << 20) == [])
        #expect(
            defaults.shortages(descriptors: 20_000) == [
                """
                the process may open 20000 files, and limits.connections can need 48000: raise LimitNOFILE or \
                'ulimit -n', or lower limits.connections
                """
            ]
        )
        let few = try Configuration(values("limits: { connections: 300, units: 301 }"))
        #expect(
            few.shortages(descriptors: 600)
                == ["limits.connections is 300: fewer than limits.units, 301"]
        )
    }

    @Test func everyDefaultFitsAndIsTyped() throws {
        let configuration = try Configuration(values())
        #expect(configuration.https.port == 8443)
        #expect(configuration.srt.latency == .milliseconds(120))
        #expect(configuration.srt.encryption == .required)
        #expect(configuration.databasePath == "./var/vedette.sqlite")
        #expect(configuration.limits.requestBody == 65_536)
        #expect(!configuration.node.name.isEmpty)
    }

    @Test func flagBeatsEnvironmentBeatsFileBeatsDefault() throws {
        let yaml = "https:\n  port: 1001\nvd:\n  port: 1002\nsrt:\n  port: 1003\n"
        let values = try values(
            yaml,
            environment: ["VEDETTE_HTTPS_PORT": "2001", "VEDETTE_VD_PORT": "2002"],
            flags: ["https.port": "3001"]
        )
        let file = folder.path + "/v.yaml"
        #expect(values["https.port"]?.text == "3001")
        #expect(values["https.port"]?.origin == .flag)
        #expect(values["vd.port"]?.text == "2002")
        #expect(values["vd.port"]?.origin == .environment("VEDETTE_VD_PORT"))
        #expect(values["srt.port"]?.text == "1003")
        #expect(values["srt.port"]?.origin == .file(path: file, line: 6))
        #expect(values["metrics.port"]?.origin == .defaulted)
    }

    @Test func allProblemsAreSaidAtOnceWithTheirPlace() {
        let yaml = """
            https:
              port: 70000
              prot: 1
            srt:
              latency: 9ms
              encryption: maybe
            stun:
              port: 3478
            """
        let found = problems(
            yaml,
            environment: [
                "VEDETTE_LOG_LEVL": "x", "VEDETTE_HTTP_PORT": "eighty", "VEDETTE_ADMIN_PASSWORD": "p",
            ],
            flags: ["vd.keepalive": "10"]
        )
        #expect(
            found == [
                "v.yaml:2: https.port: expected a port, 0 to 65535, found 70000",
                "v.yaml:3: https.prot: no such key; is https.port meant?",
                "v.yaml:5: srt.latency: expected 20ms to 8s, found 9ms",
                "v.yaml:6: srt.encryption: expected one of off, optional, required, found maybe",
                "v.yaml:8: stun.port: not in this version (STUN)",
                "VEDETTE_HTTP_PORT: http.port: expected a port, 0 to 65535, found eighty",
                "VEDETTE_LOG_LEVL: no such key; is VEDETTE_LOG_LEVEL meant?",
                "vd.keepalive: expected 1s to 1h, found 10",
            ]
        )
    }

    @Test(arguments: [
        ("vd:\n  offline_after: 5s\n", "expected more than vd.keepalive (10s), found 5s"),
        (
            "vd:\n  client_ca: ca.pem\n  port: 0\n",
            "vd.client_ca: expected vd.port too: certificates are shown over TLS only"
        ),
        ("vd:\n  signed_login: never\n", "vd.signed_login: expected one of optional, required, found never"),
        ("vd:\n  plain_port: 8443\n", "expected a port of its own, found 8443, which is https.port too"),
        ("roles: [cmu]\n", "a bus between nodes is not in this version"),
        ("roles: [cmu, cs]\n", "expected all, or some of cmu, scu, mdu, found cmu,cs"),
        ("tls:\n  key: k.pem\n", "tls.certificate: expected a file"),
        ("store:\n  url: postgres://h/d\n", "sqlite:… (postgres: not in this version), found postgres://h/d"),
        ("https: 8443\n", "v.yaml:1: https: no such key"),
        ("https:\n  port: [1, 2]\n", "expected a port, 0 to 65535, found 1,2"),
        ("https:\n  port:\n", "expected a port, 0 to 65535, found nothing"),
        ("https:\n  port: {a: 1}\n", "found a list or section"),
        ("https:\n  port: 1\n  port: 2\n", "given more than once: port"),
        ("- a\n- b\n", "expected sections"),
        ("https:\n\tport: 1\n", "not YAML"),
        ("a: &x [1]\nb: *x\n", "aliases (*name) are not supported"),
        ("log:\n  level: \"info\\nroot\"\n", "expected one of trace"),
    ]) func whatIsWrongIsSaid(yaml: String, part: String) {
        let found = problems(yaml)
        #expect(found.contains { $0.contains(part) }, "\(found)")
    }

    @Test func filesThatAreNoConfigurationAreRefused() throws {
        let huge = String(repeating: "# padding\n", count: 200_000)
        #expect(problems(huge).contains { $0.contains("larger than") })
        let path = folder.path + "/latin1"
        try Data([0x61, 0x3a, 0xe9]).write(to: URL(fileURLWithPath: path))
        #expect(throws: ConfigurationProblems.self) { try ConfigurationValues(file: path, environment: [:]) }
        #expect(throws: ConfigurationProblems.self) {
            try ConfigurationValues(file: "/nowhere.yaml", environment: [:])
        }
    }

    /// The classic: nine levels of nine aliases each would be 387 million nodes.
    @Test func manyLaughsCostNothing() {
        var yaml = "a0: &a0 [x]\n"
        for level in 1...9 {
            let items = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ",")
            yaml += "a\(level): &a\(level) [\(items)]\n"
        }
        #expect(problems(yaml).contains { $0.contains("aliases") })
    }

    @Test(arguments: ["[", "- ", "? ", "{a: "]) func deepNestingIsRefused(unit: String) {
        #expect(!problems(String(repeating: unit, count: 100_000)).isEmpty)
    }

    @Test func noTextTrapsTheReader() {
        let pieces = [
            "https", ":", "\n", "  ", "- ", "[", "]", "{", "}", "&a ", "*a", "|", ">", "'", "\"", "%", "é",
            "? ",
        ]
        for seed in UInt64(0)..<300 {
            var random = SeededGenerator(seed: seed)
            let length = Int.random(in: 0...60, using: &random)
            var text = ""
            for _ in 0..<length { text += pieces[Int.random(in: 0..<pieces.count, using: &random)] }
            _ = ConfigurationFile(text)
        }
    }

    @Test func secretsComeFromFilesAndAreNotShown() throws {
        let keys = [ConfigurationKey("store.url", .text, default: "", "x", mayBeSecret: true)]
        let secret = try folder.write("postgres://u:hunter2@h/d\n", as: "secret")
        let values = try values("store:\n  url_file: \(secret)\n", keys: keys)
        #expect(values["store.url"]?.text == "postgres://u:hunter2@h/d")
        let shown = ConfigurationReport.effective(values)
        #expect(shown.contains("postgres://u:<secret>@h/d") && !shown.contains("hunter2"))
        #expect(throws: ConfigurationProblems.self) {
            try self.values("store:\n  url_file: \(secret)\n  url: x\n", keys: keys)
        }
        let byVariable = try self.values(environment: ["VEDETTE_STORE_URL_FILE": secret], keys: keys)
        #expect(byVariable["store.url"]?.text == "postgres://u:hunter2@h/d")
    }

    @Test(arguments: [
        ("0", Duration.zero), ("120ms", .milliseconds(120)), ("15m", .seconds(900)),
        ("7d", .seconds(604_800)),
    ]) func durationsAreReadAndWritten(text: String, duration: Duration) {
        #expect(Quantity.duration(text) == duration)
        #expect(Quantity.text(duration) == text)
    }

    @Test(arguments: ["", "s", "1", "-1s", "1.5s", "1 s", "1S", "1w", "999999999999999d", "1sé"])
    func otherDurationsAreRefused(text: String) {
        #expect(Quantity.duration(text) == nil)
    }

    @Test func sizesAreReadAndWritten() {
        #expect(Quantity.bytes("8MiB") == 8_388_608)
        #expect(Quantity.bytes("1500") == 1500)
        #expect(Quantity.bytes("8MB") == nil)
        #expect(Quantity.text(bytes: 8_388_608) == "8MiB")
        #expect(Quantity.text(bytes: 1500) == "1500B")
    }

    /// `VEDETTE_TEST_UPDATE=1 swift test --filter ConfigurationTests` writes both anew.
    @Test func sampleAndReferenceAreThoseOfTheTable() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        for (name, text) in [
            ("Config/vedette.yaml", ConfigurationReport.sample()),
            ("docs/configuration.md", ConfigurationReport.reference()),
        ] {
            let file = root.appendingPathComponent(name)
            if ProcessInfo.processInfo.environment["VEDETTE_TEST_UPDATE"] != nil {
                let folder = file.deletingLastPathComponent()
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                try Data(text.utf8).write(to: file)
            }
            #expect(try String(contentsOf: file, encoding: .utf8) == text)
        }
    }

    @Test func theSampleSaysWhatTheDefaultsAre() throws {
        let values = try values(ConfigurationReport.sample())
        for entry in values.entries {
            #expect(entry.text == entry.key.defaultText)
            guard case .file = entry.origin else {
                Issue.record("\(entry.key.path) is not in the sample")
                continue
            }
        }
    }
}
