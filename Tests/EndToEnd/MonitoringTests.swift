import CustomerUnit
import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// Issue 6: "Prometheus metrics with bounded labels and a ready Grafana dashboard file and alert rules in `Config/`".
    @Suite("Monitoring") struct MonitoringTests {
        private static let config = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Config").path

        private struct Dashboard: Decodable {
            struct Panel: Decodable {
                struct Target: Decodable { var expr: String }
                var title: String
                var targets: [Target]?
            }
            var panels: [Panel]
        }

        private static func queries() throws -> [(panel: String, query: String)] {
            let data = try Data(contentsOf: URL(fileURLWithPath: config + "/grafana/vedette.json"))
            return try JSONDecoder().decode(Dashboard.self, from: data).panels.flatMap { panel in
                (panel.targets ?? []).map { (panel.title, $0.expr) }
            }
        }

        /// Names of figures in a query, without what a histogram adds.
        private static func names(in query: String) -> [String] {
            query.matches(of: /\b(vedette|process)_[a-z_]+/).map { match in
                String(match.0).replacing(/_(bucket|sum|count)$/, with: "")
            }
        }

        private static func scrape(_ platform: PlatformProcess) async throws -> String {
            try await Tool.output("curl", ["-s", "http://127.0.0.1:\(platform.metrics)/metrics"])
        }

        @Test func theRulesDoWhatTheirTestsSay() async throws {
            let folder = Self.config + "/prometheus"
            _ = try await Tool.output(
                "promtool",
                ["check", "config", "--syntax-only", folder + "/prometheus.yml"]
            )
            _ = try await Tool.output("promtool", ["check", "rules", folder + "/vedette.rules.yml"])
            _ = try await Tool.output("promtool", ["test", "rules", folder + "/vedette.rules.test.yml"])
        }

        /// A real Prometheus scrapes a real platform, and takes every query of the dashboard and every rule.
        @Test func prometheusTakesEveryQueryAndEveryRule() async throws {
            let platform = try await PlatformProcess()
            let port = try FreePorts.take(1)[0]
            let folder = platform.folder + "/prometheus"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let sample = try String(
                contentsOfFile: Self.config + "/prometheus/prometheus.yml",
                encoding: .utf8
            )
            let rules = Self.config + "/prometheus/vedette.rules.yml"
            let text = sample.replacing("127.0.0.1:9090", with: "127.0.0.1:\(platform.metrics)")
                .replacing("- vedette.rules.yml", with: "- \(rules)").replacing("15s", with: "1s")
            try text.write(toFile: folder + "/prometheus.yml", atomically: false, encoding: .utf8)
            let prometheus = try ToolProcess(
                "prometheus",
                [
                    "--config.file=\(folder)/prometheus.yml", "--storage.tsdb.path=\(folder)/data",
                    "--web.listen-address=127.0.0.1:\(port)", "--log.level=error",
                ]
            )
            defer { prometheus.kill() }
            func ask(_ path: String, _ query: String? = nil) async throws -> String {
                let url = "http://127.0.0.1:\(port)/api/v1/\(path)"
                let data = query.map { ["-G", "--data-urlencode", "query=\($0)"] } ?? []
                return (try? await Tool.output("curl", ["-s"] + data + [url])) ?? ""
            }
            try await eventually("it has scraped", within: 90) {
                try await ask("query", "vedette_uptime_seconds").contains(#""value""#)
            }
            for (panel, query) in try Self.queries() {
                let answer = try await ask("query", query)
                #expect(answer.hasPrefix(#"{"status":"success""#), "\(panel): \(query): \(answer)")
            }
            let health = #""health":"ok""#
            try await eventually("every rule was looked at", within: 90) {
                let answer = try await ask("rules")
                let alerts = answer.components(separatedBy: #""type":"alerting""#).count - 1
                return alerts > 10 && answer.components(separatedBy: health).count - 1 == alerts
            }
            let exposition = try await Self.scrape(platform)
            var asked = try Self.queries().flatMap { Self.names(in: $0.query) }
            asked += Self.names(in: try String(contentsOfFile: rules, encoding: .utf8))
            for name in Set(asked) where !name.contains("_rules") {
                #expect(exposition.contains("# TYPE \(name) "), "there is no figure \(name)")
            }
        }

        /// However many cameras and people there are: the series are those of the start.
        @Test func labelsAreBounded() async throws {
            let platform = try await PlatformProcess()
            func series() async throws -> Set<String> {
                Set(
                    try await Self.scrape(platform).split(separator: "\n").filter { !$0.hasPrefix("#") }
                        .map { String($0[..<($0.lastIndex(of: " ") ?? $0.startIndex)]) }
                )
            }
            let before = try await series()
            for number in 0..<20 { _ = try await platform.enrol("cam-\(number)", mac: "cam-\(number)") }
            for number in 0..<5 {
                let client = try await platform.customer("person-\(number)")
                let _: BindCodeAnswer = try await client.call(.post, "/bindings")
                await client.shutdown()
            }
            let unit = try ToolProcess(
                PlatformProcess.program,
                [
                    "pu", "run", "--platform", platform.url, "--ca", platform.authorityPath, "--device",
                    "stranger",
                    "--mac", "stranger",
                ],
                environment: ["VEDETTE_PASSWORD": "wrong"]
            )
            try await eventually("a stranger was refused") {
                try await Self.scrape(platform).contains(/vedette_vs_answers_total\{[^}]*\} [1-9]/)
            }
            unit.kill()
            let after = try await series()
            #expect(after == before, "\(after.subtracting(before).sorted())")
            for name in after {
                #expect(
                    !name.contains("cam-") && !name.contains("person-") && !name.contains("stranger"),
                    "\(name)"
                )
            }
        }
    }
}
