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

        @Flag(name: .long, help: "What the platform on the data folder runs with.") var running = false
        @OptionGroup var options: ConfigurationOptions
        @Flag(name: .long, help: "Print JSON instead of text.") var json = false

        func run() throws {
            let values = try options.values()
            let configuration = try checked(values)
            guard !running else { return try printRunning(configuration.node.data) }
            guard json else { return print(ConfigurationReport.effective(values), terminator: "") }
            try Terminal.printJSON(
                values.entries.map {
                    ["key": $0.key.path, "value": $0.shownText, "origin": $0.origin.description]
                }
            )
        }

        private func printRunning(_ folder: String) throws {
            let process = try DataFolderLock.runningProcess(folder)
            guard let report = RunningConfiguration.load(folder), report.process == Int(process) else {
                throw Failure("process \(process) has not told what it runs with")
            }
            guard !json else { return try Terminal.printJSON(report.values) }
            Terminal.printTable(
                ["KEY", "VALUE", "FROM"],
                report.values.map { [$0.key, $0.value, $0.origin] }
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
            abstract: "Have the running platform read configuration and certificates again, as SIGHUP does.",
            discussion: """
                Says of each key that has changed whether it is applied or takes effect with the next start. A file that \
                is wrong changes nothing: the command tells why, and ends with 1.
                """
        )

        @OptionGroup var options: ConfigurationOptions
        @Flag(name: .long, help: "Print JSON instead of text.") var json = false

        func run() throws {
            let folder = try options.checked().node.data
            let process = try DataFolderLock.runningProcess(folder)
            let before = RunningConfiguration.load(folder)
            guard kill(process, SIGHUP) == 0 else {
                throw Failure("process \(process) cannot be told: \(String(cString: strerror(errno)))")
            }
            guard let report = Self.report(of: process, after: before, in: folder) else {
                throw Failure("process \(process) was told, and has not answered within 30 s; see its log")
            }
            if json { try Terminal.printJSON(report) }
            if let refusal = report.refusal { throw Failure("nothing was changed: \(refusal)") }
            guard !json else { return }
            print("process \(process) has read its configuration again")
            for change in report.changes {
                let effect = change.effect == .applied ? "applied" : "with the next start"
                print("\(change.key): \(change.from) -> \(change.to) (\(effect))")
            }
        }

        /// The answer of the platform, which may take as long as its disk.
        private static func report(
            of process: pid_t,
            after before: RunningConfiguration?,
            in folder: String
        ) -> RunningConfiguration? {
            for _ in 0..<600 {
                if let report = RunningConfiguration.load(folder), report.process == Int(process),
                    report.number > (before?.process == Int(process) ? before?.number ?? 0 : 0)
                {
                    return report
                }
                usleep(50_000)
            }
            return nil
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
