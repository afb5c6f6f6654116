import ArgumentParser
import CustomerUnit
import FoundationEssentials
import HSSModel

/// `vedette cu`: what a customer does.
struct CustomerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cu",
        abstract: "Watch, control and bind cameras as a customer.",
        subcommands: [
            LogIn.self, LogOut.self, Sessions.self, Token.self, Password.self, TOTP.self, Devices.self,
            Bind.self, Unbind.self, Share.self, Household.self, Group.self, Live.self, Status.self,
            Battery.self, Capabilities.self, Time.self, Config.self, Snapshot.self, Picture.self, PTZ.self,
            Presets.self, Record.self, Play.self, Recordings.self, Download.self, Clip.self, Alarms.self,
            Events.self,
            Webhooks.self,
            KeepAwake.self, Usage.self, Disk.self, FormatDisk.self, Logs.self, Upgrade.self, Reboot.self,
            Reschedule.self,
        ]
    )
}

extension CustomerCommand {
    struct LogIn: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "login",
            abstract: "Log in to a platform and keep the session.",
            discussion: """
                The session is kept with mode 0600 in vedette/session.json under your configuration folder; \
                VEDETTE_SESSION names another file. The password comes from --password-file, from \
                VEDETTE_PASSWORD or from a prompt.
                """
        )

        @Argument(help: "Address of the platform, https://HOST:PORT.") var url: String
        @Option(name: .long, help: "User name.") var user: String
        @Option(name: .long, help: "File with the password.") var passwordFile: String?
        @Option(name: .long, help: "Code of your authenticator, or a recovery code.") var code: String?
        @Option(
            name: .long,
            help: "What the session may be used for, such as 'read live'; everything unless told."
        )
        var scope: String?
        @Option(
            name: .long,
            help: "PEM file of the authority that signed the platform's certificate (<data>/tls/ca.pem)."
        )
        var ca: String?
        @Flag(name: .long, help: "Print JSON instead of text.") var json = false

        func run() async throws {
            let password = try Terminal.password(file: passwordFile, prompt: "Password of \(user): ")
            let path = SessionFile.path(environment: ProcessInfo.processInfo.environment)
            let client = try PlatformClient(url: url, authority: try ca.map(Self.pem)) {
                (session) throws(CustomerError) in try session.save(to: path)
            }
            do {
                try await client.logIn(
                    user: user,
                    password: password,
                    code: code.map { Secret($0) },
                    scope: scope
                )
                await client.shutdown()
            } catch CustomerError.refused(_, let detail) {
                await client.shutdown()
                throw Failure("login refused: \(detail)")
            } catch {
                await client.shutdown()
                throw error
            }
            if json {
                try Terminal.printJSON(["user": user, "session": path])
            } else {
                print("Logged in to \(url) as \(user).")
            }
        }

        private static func pem(_ path: String) throws -> String {
            guard let data = FileManager.default.contents(atPath: path), data.count <= 1 << 20 else {
                throw Failure("authority file \(path) cannot be read")
            }
            return String(decoding: data, as: UTF8.self)
        }
    }

    struct LogOut: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "logout",
            abstract: "End the session and forget it."
        )

        @OptionGroup var session: SessionOptions

        func run() async throws {
            let path = SessionFile.path(environment: ProcessInfo.processInfo.environment)
            try await session.withClient { try await $0.logOut() }
            try FileManager.default.removeItem(atPath: path)
            if !session.json { print("Logged out.") }
        }
    }

    struct Devices: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the devices that you may see.")

        @OptionGroup var session: SessionOptions

        func run() async throws {
            let devices: [DeviceAnswer] = try await session.withClient { try await $0.all("/devices") }
            guard !session.json else { return try Terminal.printJSON(devices) }
            guard !devices.isEmpty else {
                return print("No devices yet: 'vedette cu bind' makes a code for one.")
            }
            Terminal.printTable(
                ["DEVICE", "NAME", "OF", "STATE", "BATTERY", "CHANNELS", "FIRMWARE"],
                devices.map { device in
                    [
                        device.deviceId, device.name,
                        device.role == "owner" ? "you" : device.owner ?? "-", device.state,
                        device.battery.map { "\($0.percent) %" } ?? "-",
                        device.channels.map { "\($0.channel):\($0.state)\($0.streaming ? "*" : "")" }
                            .joined(separator: " "),
                        device.firmwareModel ?? "-",
                    ]
                }
            )
        }
    }

    struct Bind: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a one-use code that binds a camera to you when the camera reports it."
        )

        @OptionGroup var session: SessionOptions

        func run() async throws {
            let code: BindCodeAnswer = try await session.withClient { try await $0.call(.post, "/bindings") }
            guard !session.json else { return try Terminal.printJSON(code) }
            print("\(code.bindId)\nShow it to the camera before \(code.expiresAt).")
        }
    }

    struct Unbind: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give up a device.")

        @Argument(help: "Device ID.") var device: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.delete, "/devices/\(device)/binding")
            }
            if !session.json { print("\(device) is no longer bound to you.") }
        }
    }
}
