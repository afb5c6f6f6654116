import ArgumentParser
import CustomerUnit
import FoundationEssentials

/// What a customer has a unit send.
extension CustomerCommand {
    struct Snapshot: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take a picture with a camera.")

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @Option(name: .shortAndLong, help: "File to write, - for standard output.") var output: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let picture = try await session.withClient {
                try await $0.bytes(.post, channel.path + "/snapshot")
            }
            try CustomerCommand.write(picture, to: output, session)
        }
    }

    struct Picture: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the latest picture of a camera that the platform has.",
            discussion: """
                Of the running stream, or the last one that is remembered. It never wakes a camera; \
                'vedette cu snapshot' takes a picture of now.
                """
        )

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @Option(name: .shortAndLong, help: "File to write, - for standard output.") var output: String
        @Option(name: .long, help: "Width in pixels, 16 to 8192; never larger than the camera's.") var width:
            Int?
        @OptionGroup var session: SessionOptions

        func validate() throws {
            guard width.map((16...8192).contains) ?? true else {
                throw ValidationError("--width: expected 16 to 8192")
            }
        }

        func run() async throws {
            let picture = try await session.withClient {
                try await $0.bytes(.get, channel.path + "/picture" + (width.map { "?width=\($0)" } ?? ""))
            }
            try CustomerCommand.write(picture, to: output, session)
        }
    }

    struct Logs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fetch logs of a device.",
            subcommands: [Request.self, List.self, Fetch.self]
        )
    }

    static func write(_ data: Data, to path: String, _ session: SessionOptions) throws {
        let file = try PictureFile(path: path)
        defer { file.close() }
        _ = try data.withUnsafeBytes { try file.write($0) }
        if session.json, path != "-" { try Terminal.printJSON(["bytes": data.count]) }
    }
}

extension CustomerCommand.Logs {
    struct Request: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask a device to send its log.",
            discussion: """
                Without times: the last day of the device's clock. The log is there when 'vedette cu logs list DEVICE' says \
                done; 'vedette cu logs fetch DEVICE TASK -o FILE' writes it.
                """
        )

        @Argument(help: "Device ID.") var device: String
        @Option(name: .long, help: "First time, YYYY-MM-DDThh:mm:ss by the device's clock.") var from: String?
        @Option(name: .long, help: "Last time, YYYY-MM-DDThh:mm:ss by the device's clock.") var to: String?
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let task: LogTaskAnswer = try await session.withClient {
                try await $0.call(
                    .post,
                    "/devices/\(device)/logs",
                    sending: LogRequest(start: from, end: to)
                )
            }
            guard !session.json else { return try Terminal.printJSON(task) }
            print("\(device) sends its log of \(task.start) to \(task.end) as task \(task.task).")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the logs that a device was asked for."
        )

        @Argument(help: "Device ID.") var device: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let tasks: Page<LogTaskAnswer> = try await session.withClient {
                try await $0.call(.get, "/devices/\(device)/logs")
            }
            guard !session.json else { return try Terminal.printJSON(tasks.items) }
            guard !tasks.items.isEmpty else {
                return print("None: 'vedette cu logs request \(device)' asks for one.")
            }
            Terminal.printTable(
                ["TASK", "STATE", "FROM", "TO"],
                tasks.items.map { [$0.task, $0.state, $0.coversStart ?? $0.start, $0.coversEnd ?? $0.end] }
            )
        }
    }

    struct Fetch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write a log that a device has sent.")

        @Argument(help: "Device ID.") var device: String
        @Argument(help: "Task, as 'list' prints it.") var task: String
        @Option(name: .shortAndLong, help: "File to write, - for standard output.") var output: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let log = try await session.withClient {
                try await $0.bytes(.get, "/devices/\(device)/logs/\(task)/file")
            }
            try CustomerCommand.write(log, to: output, session)
        }
    }
}
