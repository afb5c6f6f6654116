import ArgumentParser
import Glibc
import ServerKit

/// `vedette config`: what is in force, and what is wrong with a file.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Show and check the configuration.",
        subcommands: [Print.self, Check.self, Reload.self, Sample.self]
    )

    struct Print: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the effective configuration with the origin of each value."
        )

        @OptionGroup var options: ConfigurationOptions
        @Flag(name: .long, help: "Print JSON instead of text.") var json = false

        func run() throws {
            let values = try options.values()
            _ = try checked(values)
            guard json else { return print(ConfigurationReport.effective(values), terminator: "") }
            try Terminal.printJSON(
                values.entries.map {
                    ["key": $0.key.path, "value": $0.shownText, "origin": $0.origin.description]
                }
            )
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a configuration file: every mistake with its file, line and key."
        )

        @Argument(help: "File to check.") var file: String
        @Flag(name: .long, help: "Print JSON instead of text.") var json = false

        func run() throws {
            let values: ConfigurationValues
            do {
                // The file alone: what the environment of this shell says does not matter for it.
                values = try ConfigurationValues(file: file, environment: [:])
            } catch {
                throw Failure(error.description)
            }
            _ = try checked(values)
            try json ? Terminal.printJSON(["file": file, "result": "ok"]) : print("\(file) is fine")
        }
    }

    struct Reload: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell the running platform to read its TLS certificate again, as SIGHUP does.",
            discussion: "Its log says what came of it. Other keys take effect at the next start."
        )

        @OptionGroup var options: ConfigurationOptions
        @Flag(name: .long, help: "Print JSON instead of text.") var json = false

        func run() throws {
            let folder = try options.checked().node.data
            let process = try DataFolderLock.runningProcess(folder)
            guard kill(process, SIGHUP) == 0 else {
                throw Failure("process \(process) cannot be told: \(String(cString: strerror(errno)))")
            }
            try json ? Terminal.printJSON(["process": Int(process)]) : print("told process \(process)")
        }
    }

    struct Sample: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the commented sample, which is Config/vedette.yaml."
        )

        func run() {
            print(ConfigurationReport.sample(), terminator: "")
        }
    }
}

private func checked(_ values: ConfigurationValues) throws -> Configuration {
    do {
        return try Configuration(values)
    } catch {
        throw Failure(error.description)
    }
}
