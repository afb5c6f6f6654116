import CustomerUnit
import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// Issue 6, operator: what an operator does at the machine, with the real programme.
    @Suite("Operating a platform") struct OperatorTests {
        private static func run(_ arguments: [String], _ house: CommandHouse) async throws -> String {
            let (status, output) = try await Tool.vedette(arguments, environment: house.session)
            #expect(status == 0, "\(arguments): \(output)")
            return output
        }

        /// The trail of real calls, exported, verified here without the platform, and with one octet changed.
        @Test func theAuditTrailIsListedVerifiedAndExported() async throws {
            let house = try await CommandHouse()
            let (refused, _) = try await Tool.vedette(
                ["cu", "login", house.platform.url, "--user", "anna", "--ca", house.platform.authorityPath],
                environment: [
                    "VEDETTE_SESSION": house.platform.folder + "/x.json",
                    "VEDETTE_PASSWORD": "hunter2-secret",
                ]
            )
            #expect(refused == 1)
            _ = try await Self.run(["admin", "device", "disable", "cam-1"], house)
            try await eventually("the refusal is written") {
                try await Self.run(["admin", "audit", "list"], house).contains("session.refused")
            }
            let list = try await Self.run(["admin", "audit", "list", "--json"], house)
            for word in [
                "session.opened", "POST /admin/devices", "PATCH /admin/devices/{id}", "disabled=true",
                "asked",
            ] {
                #expect(list.contains(word), "\(word): \(list)")
            }
            #expect(
                !list.contains("hunter2-secret") && !list.contains(PlatformProcess.adminPassword.reveal())
            )
            #expect(
                try await Self.run(["admin", "audit", "verify"], house).contains(
                    "are as they were written; head "
                )
            )

            let file = house.platform.folder + "/audit.ndjson"
            _ = try await Self.run(["admin", "audit", "export", "-o", file], house)
            let entries = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").count
            // It goes on behind the last entry, and reading is no entry.
            #expect(
                try await Self.run(["admin", "audit", "export", "-o", file], house).contains(": 0 entries")
            )
            let (whole, said) = try await Tool.vedette(["admin", "audit", "verify", file])
            #expect(whole == 0 && said.hasPrefix("\(entries) entries"), "\(said)")
            var octets = try Data(contentsOf: URL(fileURLWithPath: file))
            let index = try #require(octets.range(of: Data("disabled=true".utf8))).lowerBound
            octets[index] ^= 1
            try octets.write(to: URL(fileURLWithPath: file))
            let (changed, fault) = try await Tool.vedette(["admin", "audit", "verify", file])
            #expect(
                changed == 1 && fault.contains("is not as it was written") && fault.contains("line "),
                "\(fault)"
            )
            let (gone, _) = try await Tool.vedette(
                ["admin", "audit", "verify", "--head", "999999:" + String(repeating: "a", count: 64)],
                environment: house.session
            )
            #expect(gone == 1)
        }

        /// Whoever reads the description of the chain can verify it: here in Python.
        @Test func theChainIsVerifiedByAnotherProgramme() async throws {
            let house = try await CommandHouse()
            let file = house.platform.folder + "/audit.ndjson"
            _ = try await Self.run(["admin", "audit", "export", "-o", file], house)
            let script = """
                import hashlib, json, sys
                previous, count = "0" * 64, 0
                for line in open(sys.argv[1], encoding="utf-8"):
                    e = json.loads(line)
                    texts = ["vedette-audit-1", previous, str(e["id"]), str(e["at"]), e["user"], e["address"],
                             e["action"], e["object"], e["result"], e["detail"]]
                    octets = b"".join(str(len(t.encode())).encode() + b":" + t.encode() + b"," for t in texts)
                    assert e["previous"] == previous and hashlib.sha256(octets).hexdigest() == e["hash"], e["id"]
                    previous, count = e["hash"], count + 1
                print(count, "entries")
                """
            let output = try await Tool.output("python3", ["-c", script, file])
            #expect(output.hasSuffix(" entries\n") && !output.hasPrefix("0 "), "\(output)")
        }

        /// "a platform under load backed up, restored elsewhere, users log in".
        @Test func aBackupOfARunningPlatformIsPutBack() async throws {
            let house = try await CommandHouse()
            let anna = try await house.platform.customer("anna")
            await anna.shutdown()
            let (data, backups) = (house.platform.folder + "/data", house.platform.folder + "/backups")
            // People log in, and operators enrol, while it is made.
            let load = Task {
                for number in 0..<10 {
                    _ = try? await house.platform.enrol("load-\(number)", mac: "load-\(number)")
                }
            }
            let made = try await Self.run(["admin", "backup", backups, "--data", data], house)
            await load.value
            #expect(made.contains(" files, "), "\(made)")
            _ = try await Self.run(["admin", "backup", backups, "--data", data, "--keep", "1"], house)
            let names = try FileManager.default.contentsOfDirectory(atPath: backups).filter {
                !$0.hasPrefix(".")
            }
            #expect(names.count == 1)
            #expect(try await Self.run(["admin", "restore", backups, "--check"], house).contains("is whole"))
            #expect(try await Self.run(["admin", "audit", "list"], house).contains("backup.made"))

            let restored = house.platform.folder + "/restored"
            _ = try await Self.run(["admin", "restore", backups, "--data", restored], house)
            let (again, why) = try await Tool.vedette(["admin", "restore", backups, "--data", restored])
            #expect(again == 1 && why.contains("is there already"), "\(why)")
            // On the data of the running platform nothing is put back.
            let (busy, _) = try await Tool.vedette(["admin", "restore", backups, "--data", data])
            #expect(busy == 1)

            let second = try await PlatformProcess([
                "VEDETTE_NODE_DATA": restored, "VEDETTE_ADMIN_PASSWORD": "",
            ])
            let authority = try String(contentsOfFile: restored + "/tls/ca.pem", encoding: .utf8)
            for (user, password) in [
                ("admin", PlatformProcess.adminPassword), ("anna", Secret("password-of-anna")),
            ] {
                let client = try PlatformProcess.client(second.url, authority)
                try await client.logIn(user: user, password: password)
                await client.shutdown()
            }
            let admin = try PlatformProcess.client(second.url, authority)
            try await admin.logIn(user: "admin", password: PlatformProcess.adminPassword)
            let devices: [DeviceName] = try await admin.all("/admin/devices")
            #expect(devices.contains { $0.deviceId == "cam-1" } && devices.count >= 11)
            let verdict: Verdict = try await admin.call(.get, "/admin/audit/verify")
            #expect(verdict.intact)
            await admin.shutdown()
        }

        private struct DeviceName: Codable, Sendable { var deviceId: String }
        private struct Verdict: Codable, Sendable { var intact: Bool }

        @Test func aPlatformDoesNotStartOnHalfARestore() async throws {
            let folder = try TestFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try "".write(toFile: folder + "/restore.unfinished", atomically: false, encoding: .utf8)
            let (status, output) = try await Tool.vedette(
                ["serve", "--data", folder],
                environment: ["VEDETTE_METRICS_PORT": "0"]
            )
            #expect(status == 1 && output.contains("a restore that was broken off"), "\(output)")
        }

        /// What can be applied is, without cutting anybody off; a broken file changes nothing.
        @Test func aReloadAppliesWhatItCanAndSaysSo() async throws {
            let folder = try TestFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let (file, data) = (folder + "/vedette.yaml", folder + "/data")
            func write(_ text: String) throws {
                try text.write(toFile: file, atomically: false, encoding: .utf8)
            }
            let ports = try FreePorts.take(4)
            let base = """
                https: {host: 127.0.0.1, port: \(ports[0])}
                vd: {port: \(ports[1])}
                srt: {port: \(ports[2])}
                metrics: {port: \(ports[3])}

                """
            try write(base)
            let platform = try ToolProcess(
                PlatformProcess.program,
                ["serve", "--config", file, "--data", data],
                environment: ["VEDETTE_ADMIN_PASSWORD": "a long password"]
            )
            try await eventually("it is ready", within: 60) { platform.output.contains("\nready\n") }
            // Somebody who is connected stays so.
            let client = try PlatformProcess.client(
                "https://localhost:\(ports[0])",
                try String(contentsOfFile: data + "/tls/ca.pem", encoding: .utf8)
            )
            try await client.logIn(user: "admin", password: Secret("a long password"))
            let changed = base.replacing("port: \(ports[1])", with: "port: \(ports[1]), rpc_timeout: 5s")
            try write(changed + "log: {level: debug}\nlimits: {api_rate: 77}\n")
            let reload = ["config", "reload", "--data", data]
            let (status, output) = try await Tool.vedette(reload)
            #expect(status == 0, "\(output)")
            #expect(output.contains("log.level: info -> debug (applied)"), "\(output)")
            #expect(output.contains("limits.api_rate: 50 -> 77 (applied)"), "\(output)")
            #expect(output.contains("vd.rpc_timeout: 20s -> 5s (with the next start)"), "\(output)")
            let print = ["config", "print", "--running", "--data", data, "--json"]
            let (_, running) = try await Tool.vedette(print)
            #expect(
                running.contains(#""key":"log.level","origin":"\#(file):5","value":"debug""#),
                "\(running)"
            )
            #expect(
                running.contains(#""key":"vd.rpc_timeout","origin":"default","value":"20s""#),
                "\(running)"
            )

            try write(changed + "limits: {api_rate: many, nonsense: 1}\n")
            let (refused, why) = try await Tool.vedette(reload)
            #expect(refused == 1 && why.contains("nothing was changed") && why.contains("nonsense"), "\(why)")
            let (_, still) = try await Tool.vedette(print)
            #expect(
                still.contains(#""key":"limits.api_rate","origin":"\#(file):6","value":"77""#),
                "\(still)"
            )
            let list: [DeviceName] = try await client.all("/admin/devices")
            #expect(list.isEmpty)
            await client.shutdown()
            platform.send(SIGTERM)
            #expect(await platform.end() == 0)
        }

        /// READY=1 when it listens, a sign of life, RELOADING=1, STOPPING=1; the peer is a program of its own.
        @Test func systemdHearsOfIt() async throws {
            let folder = try TestFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let heard = folder + "/heard"
            let script = """
                import socket, sys
                s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                s.bind(sys.argv[1])
                s.settimeout(120)
                print("listening", flush=True)
                while True:
                    print(repr(s.recv(4096).decode()), flush=True)
                """
            let peer = try ToolProcess("python3", ["-c", script, folder + "/notify"], output: heard)
            func text() -> String { (try? String(contentsOfFile: heard, encoding: .utf8)) ?? "" }
            try await eventually("the peer listens") { text().contains("listening") }
            let platform = try await PlatformProcess([
                "NOTIFY_SOCKET": folder + "/notify", "WATCHDOG_USEC": "1000000",
            ])
            try await eventually("it is ready") { text().contains("READY=1") }
            try await eventually("it shows signs of life", within: 60) { text().contains("WATCHDOG=1") }
            platform.running.send(SIGHUP)
            try await eventually("it reloads") {
                text().contains("RELOADING=1") && text().components(separatedBy: "READY=1").count >= 3
            }
            platform.running.send(SIGTERM)
            #expect(await platform.running.end() == 0)
            #expect(text().contains("STOPPING=1"), "\(text())")
            peer.kill()
        }

        /// Every line of a run is one JSON object with the same members.
        @Test func everyLineOfAJSONLogIsAnObject() async throws {
            let platform = try await PlatformProcess([
                "VEDETTE_LOG_FORMAT": "json", "VEDETTE_LOG_LEVEL": "trace",
            ])
            let admin = try await platform.admin()
            await admin.shutdown()
            platform.running.send(SIGHUP)
            try await eventually("it reloads") { platform.running.output.contains("Reload done") }
            platform.running.send(SIGTERM)
            #expect(await platform.running.end() == 0)
            let lines = platform.running.output.split(separator: "\n").filter { $0.hasPrefix("{") }
            #expect(lines.count > 5)
            for line in lines {
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                let names = Set(object?.keys.map { $0 } ?? [])
                #expect(names.subtracting(["metadata"]) == ["time", "level", "logger", "message"], "\(line)")
            }
            // What is no object is what `serve` says on standard output: listeners and 'ready'.
            for line in platform.running.output.split(separator: "\n") where !line.hasPrefix("{") {
                #expect(line == "ready" || line.contains("  "), "\(line)")
            }
        }
    }
}
