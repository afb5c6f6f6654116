import Foundation
import Testing

extension EndToEnd {
    /// `docs/cli.md` and the program say the same: every command and option stands in the page, and nothing else does.
    @Suite("The page of the command line") struct CommandDocumentTests {
        /// A command that does something, with what ArgumentParser says of it.
        private struct Command {
            /// Without the name of the program: `cu login`.
            var name: String
            var abstract: String
            /// As the page writes them, `--count <count>`, with their help.
            var arguments: [String: String]
        }

        private struct Help: Decodable {
            struct Command: Decodable {
                var commandName: String
                var abstract: String?
                var arguments: [Argument]?
                var subcommands: [Command]?
            }

            struct Argument: Decodable {
                struct Name: Decodable {
                    var kind: String
                    var name: String
                }

                var abstract: String?
                var kind: String
                var names: [Name]?
                var valueName: String?
            }

            var command: Command
        }

        private static func commands() async throws -> [Command] {
            let folder = try TestFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            // Larger than a pipe: a file has all of it, in its order.
            let file = folder + "/help.json"
            let process = try ToolProcess(
                PlatformProcess.program,
                ["--experimental-dump-help"],
                output: file
            )
            #expect(await process.end() == 0)
            let help = try JSONDecoder().decode(Help.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
            return leaves(help.command, below: [])
        }

        private static func leaves(_ command: Help.Command, below path: [String]) -> [Command] {
            let children = (command.subcommands ?? []).filter { $0.commandName != "help" }
            if !children.isEmpty {
                return children.flatMap { leaves($0, below: path + [$0.commandName]) }
            }
            var arguments: [String: String] = [:]
            for argument in command.arguments ?? [] {
                let names = (argument.names ?? []).map { ($0.kind == "short" ? "-" : "--") + $0.name }
                if names.contains("--help") || names.contains("--version") { continue }
                let value = argument.kind == "flag" ? "" : "<\(argument.valueName ?? "")>"
                let label = [names.sorted { $0.count < $1.count }.joined(separator: ", "), value]
                    .filter { !$0.isEmpty }.joined(separator: " ")
                arguments[label] = argument.abstract ?? ""
            }
            return [
                Command(
                    name: path.joined(separator: " "),
                    abstract: command.abstract ?? "",
                    arguments: arguments
                )
            ]
        }

        /// The text of each `### command`.
        private static func sections(_ page: String) -> [String: String] {
            var sections: [String: String] = [:]
            var name: String?
            for line in page.components(separatedBy: "\n") {
                if line.hasPrefix("#") {
                    name = line.hasPrefix("### ") ? String(line.dropFirst(4)) : nil
                } else if let name {
                    sections[name, default: ""] += line + "\n"
                }
            }
            return sections
        }

        private static func page() throws -> String {
            let root = #filePath.prefix(#filePath.count - "Tests/EndToEnd/CommandDocumentTests.swift".count)
            return try String(contentsOfFile: root + "docs/cli.md", encoding: .utf8)
        }

        @Test func thePageHasEveryCommandAndNothingElse() async throws {
            let page = try Self.page()
            let commands = try await Self.commands()
            #expect(Set(Self.sections(page).keys) == Set(commands.map(\.name)))
            for command in commands {
                let link = "#" + command.name.replacing(" ", with: "-")
                let row = "| [`\(command.name)`](\(link)) | \(command.abstract) |"
                #expect(page.contains(row + "\n"), "missing: \(row)")
            }
            let rows = page.matches(of: /\n\| \[`([^`]+)`\]\(#/).map { String($0.1) }
            #expect(rows == commands.map(\.name), "the table has the order of the program")
        }

        @Test func everySectionHasEveryOptionAndNothingElse() async throws {
            let sections = Self.sections(try Self.page())
            for command in try await Self.commands() {
                let section = sections[command.name] ?? ""
                #expect(section.contains("`vedette \(command.name)"), "\(command.name): how it is called")
                var found: [String: String] = [:]
                for row in section.matches(of: /\| `((?:-|<)[^`]*)` \| (.*) \|\n(?!\|---)/) {
                    found[String(row.1)] = String(row.2).replacing("\\|", with: "|")
                }
                #expect(Set(found.keys) == Set(command.arguments.keys), "\(command.name)")
                for (label, help) in command.arguments {
                    // The page may say more: defaults and values, and marks names as code.
                    let text = found[label]?.replacing("`", with: "") ?? ""
                    #expect(
                        text.hasPrefix(help.replacing("`", with: "")),
                        "\(command.name) \(label): \(help)"
                    )
                }
            }
        }
    }
}
