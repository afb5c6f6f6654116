import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// The program in a shell: completion, tables of a terminal's width, a player that is started, webhooks and events.
    @Suite("Commands in a shell") struct ShellTests {
        /// What bash offers for `words`, of which the last one is being typed.
        private func completions(_ words: String...) async throws -> [String] {
            let script = """
                source <("$1" completions bash); shift
                COMP_WORDS=(vedette "$@"); COMP_CWORD=$#; COMP_LINE="vedette $*"; COMP_POINT=${#COMP_LINE}
                complete=$(complete -p vedette); complete=${complete##* -F }
                "${complete%% *}" vedette "${@: -1}" "${COMP_WORDS[COMP_CWORD-1]}"
                printf '%s\\n' "${COMPREPLY[@]}"
                """
            let output = try await Tool.output(
                "bash",
                ["-c", script, "bash", PlatformProcess.program] + words
            )
            return output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        }

        /// "completion scripts for bash/zsh/fish": bash really completes.
        @Test func bashCompletesCommandsOptionsAndValues() async throws {
            #expect(try await completions("cu", "li") == ["live"])
            #expect(try await completions("cu", "live", "--prot") == ["--protocol"])
            #expect(try await completions("cu", "live", "--player", "m") == ["mpv"])
            #expect(try await completions("comp") == ["completions"])
        }

        @Test(arguments: [("zsh", "#compdef vedette"), ("fish", "complete -c 'vedette'")])
        func otherShellsHaveTheirScripts(shell: String, mark: String) async throws {
            let (status, output) = try await Tool.vedette(["completions", shell])
            #expect(status == 0 && output.contains(mark) && output.contains("webhooks"))
        }

        /// "tables that fit the terminal": cut in a narrow one, whole in a pipe.
        @Test func tablesFitTheTerminal() async throws {
            let house = try await CommandHouse()
            func table(_ columns: [String: String]) async throws -> [Substring] {
                let environment = house.session.merging(columns) { $1 }
                let (status, output) = try await Tool.vedette(
                    ["admin", "device", "list"],
                    environment: environment
                )
                #expect(status == 0)
                return output.split(separator: "\n")
            }
            let whole = try await table([:])
            #expect(whole.contains { $0.count > 60 } && !whole.contains { $0.contains("…") })
            let narrow = try await table(["COLUMNS": "60"])
            #expect(narrow.allSatisfy { $0.count <= 60 } && narrow.contains { $0.contains("…") }, "\(narrow)")
        }

        /// "`cu live` that pipes to ffplay or mpv"
        @Test func liveStartsAPlayer() async throws {
            let house = try await CommandHouse()
            let folder = try TestFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let player = folder + "/mpv"
            try "#!/bin/sh\nexec cat >\(folder)/shown.ts\n".write(
                toFile: player,
                atomically: false,
                encoding: .utf8
            )
            #expect(chmod(player, 0o755) == 0)
            var environment = house.session
            environment["PATH"] = folder + ":/usr/bin:/bin"
            let live = ["cu", "live", "cam-1", "--duration", "2", "--player"]
            let (status, output) = try await Tool.vedette(live + ["mpv"], environment: environment)
            #expect(status == 0, "\(output)")
            let shown = try Data(contentsOf: URL(filePath: folder + "/shown.ts"))
            #expect(shown.count > 188 && shown.first == 0x47)
            environment["PATH"] = folder
            let (missing, text) = try await Tool.vedette(live + ["ffplay"], environment: environment)
            #expect(missing == 1 && text.contains("ffplay is not installed"), "\(text)")
        }

        @Test func webhooksAlarmsAndEventsHaveTheirCommands() async throws {
            let house = try await CommandHouse(["VEDETTE_WEBHOOKS_ALLOW_PRIVATE": "true"])
            func run(_ arguments: String..., status: Int32 = 0) async throws -> String {
                let (ended, output) = try await Tool.vedette(["cu"] + arguments, environment: house.session)
                #expect(ended == status, "\(arguments): \(output)")
                return output
            }
            #expect(try await run("webhooks").contains("'vedette cu webhooks add URL'"))
            #expect(try await run("webhooks", "add", "http://127.0.0.1/", status: 1).contains("https"))
            let made = try await run(
                "webhooks",
                "add",
                "https://127.0.0.1:1/",
                "--kinds",
                "upgrade",
                "--json"
            )
            let hook = try #require(
                try made.firstMatch(of: Regex(#""webhook_id":"([^"]+)""#, as: (Substring, Substring).self))
            ).1
            #expect(made.contains(#""secret":"#))
            #expect(try await run("webhooks", "deliveries", "\(hook)").contains("Nothing yet"))
            let test = try await run("webhooks", "test", "\(hook)", status: 1)
            #expect(test.contains("it did not arrive: the receiver cannot be reached"))
            #expect(try await run("webhooks", "deliveries", "\(hook)").contains("cannot be reached"))
            #expect(try await run("webhooks", "list").contains("works"))
            #expect(try await run("webhooks", "resume", "\(hook)").contains("goes on"))
            #expect(try await run("webhooks", "remove", "\(hook)").contains("nothing any more"))
            #expect(try await run("alarms").contains("No alarms"))
            #expect(try await run("alarms", "list", "--type", "rain", status: 1).contains("motion"))
            #expect(
                try await run("alarms", "picture", "none", "-o", "-", status: 1).contains("does not exist")
            )
            // The camera came online: that is kept, and is the first.
            let event = try await run("events", "--after", "0", "--count", "1", "--json")
            #expect(
                event.contains(#""device_id":"cam-1""#) && event.contains(#""kind":"online""#),
                "\(event)"
            )
            #expect(try await run("events", "--after", "0", "--count", "1").contains("cam-1  online"))
            #expect(try await run("events", "--kinds", "rain", status: 1).contains("kind"))
        }
    }
}
