import ArgumentParser
import CustomerUnit
import FoundationEssentials

extension AdminCommand {
    struct Device: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Enrol and manage devices.",
            subcommands: [
                Add.self, Import.self, List.self, Show.self, Set.self, Disable.self, Enable.self, Remove.self,
            ]
        )

        struct Enrolment: Codable {
            var deviceId: String
            var macId: String
            var channels: Int
            var name: String?
            var signedOnly: Bool?

            func send(_ client: PlatformClient) async throws -> EnrolledAnswer {
                let encoder = JSONEncoder()
                encoder.keyEncodingStrategy = .convertToSnakeCase
                return try await client.call(.post, "/admin/devices", json: try encoder.encode(self))
            }
        }

        struct Add: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Enrol one device; its login password is shown once."
            )

            @Argument(help: "Device ID: 1 to 64 of A-Z a-z 0-9 . _ : -") var device: String
            @Option(name: .long, help: "MAC address or similar identity of the hardware.") var mac: String
            @Option(name: .long, help: "Number of channels, 1 to 256.") var channels = 1
            @Option(name: .long, help: "Name shown to people.") var name: String?
            @Flag(
                name: .long,
                help: "It signs its logins or shows a certificate: its password opens nothing."
            )
            var signedOnly = false
            @OptionGroup var session: SessionOptions

            func run() async throws {
                let enrolment = Enrolment(
                    deviceId: device,
                    macId: mac,
                    channels: channels,
                    name: name,
                    signedOnly: signedOnly ? true : nil
                )
                let answer = try await session.withClient { try await enrolment.send($0) }
                guard !session.json else { return try Terminal.printJSON(answer) }
                print("Device \(answer.deviceId) enrolled.")
                print("Login password, shown only now: \(answer.loginPassword)")
            }
        }

        struct Import: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "import",
                abstract: "Enrol the devices of a file.",
                discussion: """
                    Each line of FILE is 'DEVICE_ID MAC_ID [CHANNELS [NAME …]]'; empty lines and lines that start \
                    with # are skipped. Prints 'DEVICE_ID MAC_ID LOGIN_PASSWORD' for each device, which is what \
                    'vedette pu run --credentials' reads. Stops at the first line that is refused; the devices \
                    before it stay enrolled.
                    """
            )

            @Argument(help: "File to read.") var file: String
            @OptionGroup var session: SessionOptions

            func run() async throws {
                guard let data = FileManager.default.contents(atPath: file) else {
                    throw Failure("\(file) cannot be read")
                }
                let enrolments = try Self.parse(String(decoding: data, as: UTF8.self), file: file)
                try await session.withClient { client in
                    for (line, enrolment) in enrolments {
                        do {
                            let answer = try await enrolment.send(client)
                            if session.json {
                                try Terminal.printJSON(answer)
                            } else {
                                print("\(answer.deviceId) \(answer.macId) \(answer.loginPassword)")
                            }
                        } catch {
                            throw Failure("\(file):\(line): \(error)")
                        }
                    }
                }
            }

            private static func parse(_ text: String, file: String) throws -> [(line: Int, Enrolment)] {
                var enrolments: [(Int, Enrolment)] = []
                let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
                for (index, line) in lines.enumerated() {
                    let words = line.split(separator: " ", maxSplits: 3)
                    guard !words.isEmpty, !line.hasPrefix("#") else { continue }
                    guard words.count >= 2, let channels = words.count > 2 ? Int(words[2]) : 1 else {
                        throw Failure("\(file):\(index + 1): expected 'DEVICE_ID MAC_ID [CHANNELS [NAME …]]'")
                    }
                    enrolments.append(
                        (
                            index + 1,
                            Enrolment(
                                deviceId: String(words[0]),
                                macId: String(words[1]),
                                channels: channels,
                                name: words.count > 3 ? String(words[3]) : nil
                            )
                        )
                    )
                }
                return enrolments
            }
        }

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "List every device.")

            @OptionGroup var session: SessionOptions

            func run() async throws {
                let devices: [AdminDeviceAnswer] = try await session.withClient {
                    try await $0.all("/admin/devices")
                }
                guard !session.json else { return try Terminal.printJSON(devices) }
                Terminal.printTable(
                    ["DEVICE", "MAC", "STATE", "BATTERY", "OWNER", "CHANNELS", "LAST SEEN"],
                    devices.map {
                        [
                            $0.deviceId, $0.macId,
                            $0.disabled ? "disabled" : $0.state,
                            $0.battery.map { "\($0.percent) %" } ?? "-",
                            $0.owner ?? "-", "\($0.channels.count)", $0.lastSeen ?? "never",
                        ]
                    }
                )
            }
        }

        struct Show: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Show one device.")

            @Argument(help: "Device ID.") var device: String
            @OptionGroup var session: SessionOptions

            func run() async throws {
                let answer: AdminDeviceAnswer = try await session.withClient {
                    try await $0.call(.get, "/admin/devices/\(device)")
                }
                guard !session.json else { return try Terminal.printJSON(answer) }
                Terminal.printTable(
                    ["FIELD", "VALUE"],
                    [
                        ["device", answer.deviceId], ["mac", answer.macId], ["name", answer.name],
                        ["state", answer.disabled ? "disabled" : answer.state],
                        ["battery", answer.battery.map { "\($0.percent) %, told \($0.reportedAt)" } ?? "-"],
                        ["owner", answer.owner ?? "-"],
                        ["hardware", answer.hardwareModel ?? "-"], ["firmware", answer.firmwareModel ?? "-"],
                        ["password", answer.signedOnly ? "refused" : "accepted"],
                        ["last seen", answer.lastSeen ?? "never"], ["enrolled", answer.createdAt],
                    ]
                        + answer.channels.map {
                            let latency = $0.srtLatencyMs.map { ", SRT latency \($0) ms" } ?? ""
                            return ["channel \($0.channel)", $0.channelId + latency]
                        }
                )
            }
        }

        struct Disable: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Refuse a device and end its session.")

            @Argument(help: "Device ID.") var device: String
            @OptionGroup var session: SessionOptions

            func run() async throws {
                try await AdminCommand.set("/admin/devices/\(device)", disabled: true, session)
                if !session.json { print("Device \(device) is disabled.") }
            }
        }

        struct Enable: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Let a disabled device in again.")

            @Argument(help: "Device ID.") var device: String
            @OptionGroup var session: SessionOptions

            func run() async throws {
                try await AdminCommand.set("/admin/devices/\(device)", disabled: false, session)
                if !session.json { print("Device \(device) is enabled.") }
            }
        }

        struct Remove: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Remove a device with its binding and end its session."
            )

            @Argument(help: "Device ID.") var device: String
            @OptionGroup var session: SessionOptions

            func run() async throws {
                let _: PlatformClient.Nothing = try await session.withClient {
                    try await $0.call(.delete, "/admin/devices/\(device)")
                }
                if !session.json { print("Device \(device) is removed.") }
            }
        }
    }
}
