import ArgumentParser
import CustomerUnit
import FoundationEssentials
import HSSModel

/// `vedette admin`: what an operator does, over the API with an operator's login.
struct AdminCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin",
        abstract: "Enrol devices, manage users and update cameras as an operator.",
        discussion: "Log in first: vedette cu login https://HOST:PORT --user admin",
        subcommands: [
            User.self, Device.self, Firmware.self, Node.self, Stream.self, Usage.self, Fsck.self,
            Recording.self, Audit.self, Backup.self, Restore.self,
        ]
    )
}

extension AdminCommand {
    struct User: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Manage users.",
            subcommands: [
                Add.self, List.self, Disable.self, Enable.self, Password.self, TOTPReset.self,
            ]
        )

        struct Add: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Add a user.")

            @Argument(help: "User name: 1 to 64 of A-Z a-z 0-9 . _ : -") var name: String
            @Option(name: .long, help: "File with the new user's password, 8 to 128 characters.")
            var passwordFile: String?
            @Flag(name: .long, help: "Make the user an operator.") var `operator` = false
            @OptionGroup var session: SessionOptions

            func run() async throws {
                let password = try Terminal.password(file: passwordFile, prompt: "Password of \(name): ")
                let body = [
                    "user": name, "password": password.reveal(), "role": `operator` ? "operator" : "customer",
                ]
                let user: UserAnswer = try await session.withClient {
                    try await $0.call(.post, "/admin/users", body)
                }
                try session.json ? Terminal.printJSON(user) : print("User \(user.user) added.")
            }
        }

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "List users.")

            @OptionGroup var session: SessionOptions

            func run() async throws {
                let users: [UserAnswer] = try await session.withClient { try await $0.all("/admin/users") }
                guard !session.json else { return try Terminal.printJSON(users) }
                Terminal.printTable(
                    ["USER", "ROLE", "STATE", "SINCE"],
                    users.map { [$0.user, $0.role, $0.disabled ? "disabled" : "active", $0.createdAt] }
                )
            }
        }

        struct Disable: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Disable a user and end its sessions.")

            @Argument(help: "User name.") var name: String
            @OptionGroup var session: SessionOptions

            func run() async throws {
                try await AdminCommand.set("/admin/users/\(name)", disabled: true, session)
                if !session.json { print("User \(name) is disabled.") }
            }
        }

        struct Enable: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Let a disabled user in again.")

            @Argument(help: "User name.") var name: String
            @OptionGroup var session: SessionOptions

            func run() async throws {
                try await AdminCommand.set("/admin/users/\(name)", disabled: false, session)
                if !session.json { print("User \(name) is active.") }
            }
        }
    }

    /// Switches a user or device off or on.
    static func set(_ path: String, disabled: Bool, _ session: SessionOptions) async throws {
        let body = try JSONEncoder().encode(["disabled": disabled])
        let _: PlatformClient.Nothing = try await session.withClient {
            try await $0.call(.patch, path, json: body)
        }
    }
}
