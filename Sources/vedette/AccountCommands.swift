import ArgumentParser
import CustomerUnit
import HSSModel

extension CustomerCommand {
    struct Sessions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "See where you are logged in, and end that.",
            subcommands: [List.self, End.self],
            defaultSubcommand: List.self
        )

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "List your sessions and tokens.")

            @OptionGroup var session: SessionOptions

            func run() async throws {
                let sessions: [UserSessionAnswer] = try await session.withClient {
                    try await $0.all("/sessions")
                }
                guard !session.json else { return try Terminal.printJSON(sessions) }
                Terminal.printTable(
                    ["SESSION", "KIND", "LAST USED", "ADDRESS", "SCOPE", "WHAT"],
                    sessions.map {
                        [
                            $0.sessionId + ($0.current ? " *" : ""), $0.kind, $0.lastUsedAt ?? "-",
                            $0.address ?? "-", $0.scope, $0.name ?? $0.client ?? "-",
                        ]
                    }
                )
            }
        }

        struct End: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "End a session or a token, or all but this one."
            )

            @Argument(help: "Name of the session, as the list has it.") var name: String?
            @Flag(name: .long, help: "End all others.") var others = false
            @OptionGroup var session: SessionOptions

            func validate() throws {
                guard (name == nil) == others else {
                    throw ValidationError("Name a session, or say --others.")
                }
            }

            func run() async throws {
                let path = name.map { "/sessions/\($0)" } ?? "/sessions"
                let _: PlatformClient.Nothing = try await session.withClient {
                    try await $0.call(.delete, path)
                }
                if !session.json { print(others ? "All other sessions have ended." : "It has ended.") }
            }
        }
    }

    struct Token: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make tokens for programs; 'cu sessions' lists and ends them.",
            subcommands: [Add.self]
        )

        struct Add: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Make a token; its secret is shown once.",
                discussion: "Scopes are read, live, playback, control, account and admin."
            )

            @Argument(help: "What it is for.") var name: String
            @Option(name: .long, help: "Scopes, with spaces between them.") var scope = "read"
            @Option(name: .long, help: "When it ends; in a year unless told.") var until: String?
            @OptionGroup var session: SessionOptions

            func run() async throws {
                var body = ["name": name, "scope": scope]
                body["expires_at"] = until
                let made: UserSessionAnswer = try await session.withClient {
                    try await $0.call(.post, "/account/tokens", body)
                }
                guard !session.json else { return try Terminal.printJSON(made) }
                print("\(made.token ?? "")\nFor \(made.scope), until \(made.expiresAt).")
            }
        }
    }

    struct Password: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change your password; all other sessions end.",
            discussion: "The present one comes from --password-file, from VEDETTE_PASSWORD or from a prompt."
        )

        @Option(name: .long, help: "File with the present password.") var passwordFile: String?
        @Option(name: .long, help: "File with the new password, 8 to 128 characters.")
        var newPasswordFile: String?
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let password = try Terminal.password(file: passwordFile, prompt: "Password: ")
            let new = try Terminal.newPassword(file: newPasswordFile, prompt: "New password: ")
            let body = ["password": password.reveal(), "new_password": new.reveal()]
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.put, "/account/password", body)
            }
            if !session.json { print("The password is changed; all other sessions have ended.") }
        }
    }

    struct TOTP: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "totp",
            abstract: "Ask for a code of your authenticator at each login.",
            subcommands: [Enable.self, Confirm.self, Disable.self]
        )

        struct Enable: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Make a secret for an authenticator; 'cu totp confirm' makes it count."
            )

            @Option(name: .long, help: "File with your password.") var passwordFile: String?
            @OptionGroup var session: SessionOptions

            func run() async throws {
                let password = try Terminal.password(file: passwordFile, prompt: "Password: ")
                let made: SecondFactorAnswer = try await session.withClient {
                    try await $0.call(.post, "/account/totp", ["password": password.reveal()])
                }
                guard !session.json else { return try Terminal.printJSON(made) }
                print(
                    """
                    \(made.uri)
                    Scan it as a QR code, or type \(made.secret) into your authenticator; then: vedette cu totp confirm CODE
                    """
                )
            }
        }

        struct Confirm: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Show that your authenticator has the secret; prints recovery codes, once."
            )

            @Argument(help: "Code of your authenticator.") var code: String
            @OptionGroup var session: SessionOptions

            func run() async throws {
                let codes: RecoveryCodesAnswer = try await session.withClient {
                    try await $0.call(.post, "/account/totp/confirm", ["code": code])
                }
                guard !session.json else { return try Terminal.printJSON(codes) }
                print("Logins ask for a code from now on. Keep these, each for one login without it:")
                for code in codes.recoveryCodes { print(code) }
            }
        }

        struct Disable: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Ask for no code any more.")

            @Argument(help: "Code of your authenticator, or a recovery code.") var code: String
            @Option(name: .long, help: "File with your password.") var passwordFile: String?
            @OptionGroup var session: SessionOptions

            func run() async throws {
                let password = try Terminal.password(file: passwordFile, prompt: "Password: ")
                let body = ["password": password.reveal(), "code": code]
                let _: PlatformClient.Nothing = try await session.withClient {
                    try await $0.call(.delete, "/account/totp", body)
                }
                if !session.json { print("Logins ask for no code any more.") }
            }
        }
    }
}

extension AdminCommand.User {
    struct Password: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a user's password and end all of its sessions."
        )

        @Argument(help: "User name.") var name: String
        @Option(name: .long, help: "File with the new password, 8 to 128 characters.")
        var passwordFile: String?
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let password = try Terminal.newPassword(file: passwordFile, prompt: "New password of \(name): ")
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.post, "/admin/users/\(name)/password", ["password": password.reveal()])
            }
            if !session.json { print("The password of \(name) is set; its sessions have ended.") }
        }
    }

    struct TOTPReset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "totp-reset",
            abstract: "Take a user's second factor away, for one who lost it."
        )

        @Argument(help: "User name.") var name: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.delete, "/admin/users/\(name)/totp")
            }
            if !session.json { print("Logins of \(name) ask for no code any more.") }
        }
    }
}
