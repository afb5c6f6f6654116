import ArgumentParser
import CustomerUnit

extension CustomerCommand {
    struct Share: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let others use your cameras.",
            subcommands: [Add.self, List.self, Remove.self]
        )
    }
}

extension CustomerCommand.Share {
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Share a camera with a user, or change that.",
            discussion: """
                Rights are live, playback, control and talk. WINDOW is days and times as for 'cu record plan set'; outside of \
                them the camera is not there for the user. What the user watches ends with its right.
                """
        )

        @Argument(help: "Device ID.") var device: String
        @Argument(help: "User name.") var user: String
        @Option(name: .long, help: "Rights, separated by commas.") var rights = "live"
        @Option(name: .long, help: "Days and times, such as 'mon-fri 08:00-18:00'; several times.")
        var window: [WindowArgument] = []
        @Option(name: .long, help: "Time zone of the windows, such as Europe/Berlin.") var zone = "UTC"
        @Option(name: .long, help: "When it ends, such as 2027-01-01T00:00:00Z.") var until: String?
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let body = ShareMessage(
                rights: Words.of(rights),
                schedule: window.isEmpty
                    ? nil : .init(timeZone: zone, periods: window.flatMap(\.windows)),
                expiresAt: until
            )
            let share: ShareMessage = try await session.withClient {
                try await $0.call(.put, "/devices/\(device)/shares/\(user)", sending: body)
            }
            guard !session.json else { return try Terminal.printJSON(share) }
            print("\(device) is shared with \(user): \(share.rights.joined(separator: ", ")).")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List with whom a camera is shared.")

        @Argument(help: "Device ID.") var device: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let shares: [ShareMessage] = try await session.withClient {
                try await $0.all("/devices/\(device)/shares")
            }
            guard !session.json else { return try Terminal.printJSON(shares) }
            guard !shares.isEmpty else { return print("\(device) is shared with nobody.") }
            Terminal.printTable(
                ["USER", "RIGHTS", "UNTIL", "HOURS"],
                shares.map {
                    [
                        $0.user ?? "-", $0.rights.joined(separator: ","), $0.expiresAt ?? "-",
                        $0.schedule?.text ?? "always",
                    ]
                }
            )
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a share; with your own name, leave a camera that is shared with you."
        )

        @Argument(help: "Device ID.") var device: String
        @Argument(help: "User name.") var user: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.delete, "/devices/\(device)/shares/\(user)")
            }
            if !session.json { print("\(device) is no longer shared with \(user).") }
        }
    }
}

extension ShareMessage.Schedule {
    fileprivate var text: String {
        let windows = periods.map { "\($0.days.joined(separator: ",")) \($0.from)-\($0.to)" }
        return windows.joined(separator: "; ") + " (\(timeZone))"
    }
}

/// Words that are separated by commas.
enum Words {
    static func of(_ text: String) -> [String] { text.split(separator: ",").map(String.init) }
}
