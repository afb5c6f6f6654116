import ArgumentParser
import CustomerUnit

/// What a customer asks of a unit.
extension CustomerCommand {
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask a device for its models, network and battery."
        )

        @Argument(help: "Device ID.") var device: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let status: StatusAnswer = try await session.withClient {
                try await $0.call(.get, "/devices/\(device)/status")
            }
            guard !session.json else { return try Terminal.printJSON(status) }
            var lines = [
                ("Device", status.deviceId), ("Hardware", status.hardwareModel),
                (
                    "Firmware",
                    status.firmwareModel + (status.lastUpgradeDatetime.map { ", installed \($0)" } ?? "")
                ),
            ]
            if let ssid = status.wifiSsid, !ssid.isEmpty {
                lines.append(("Wi-Fi", ssid + (status.wifiSignal.map { ", signal \($0) of 100" } ?? "")))
            }
            if let up = status.upBandwidth { lines.append(("Uplink", "\(up) bit/s")) }
            if let down = status.downBandwidth { lines.append(("Downlink", "\(down) bit/s")) }
            if let address = status.ipAddr { lines.append(("Address", address)) }
            if let address = status.macAddr { lines.append(("MAC", address)) }
            if let battery = status.battery { lines.append(("Battery", "\(battery) %")) }
            Terminal.printPairs(lines)
        }
    }

    struct Battery: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List what a device said of its battery, newest first."
        )

        @Argument(help: "Device ID.") var device: String
        @Option(name: .long, help: "Only from this time on, YYYY-MM-DDThh:mm:ssZ.") var from: String?
        @Option(name: .long, help: "Only before this time.") var to: String?
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let times = [("from", from), ("to", to)].compactMap { name, time in time.map { "\(name)=\($0)" } }
            let query = times.isEmpty ? "" : "?" + times.joined(separator: "&").replacing("+", with: "%2B")
            let history: [BatteryAnswer] = try await session.withClient {
                try await $0.all("/devices/\(device)/battery" + query)
            }
            guard !session.json else { return try Terminal.printJSON(history) }
            guard !history.isEmpty else {
                return print("\(device) told nothing of a battery\(times.isEmpty ? "" : " in that time").")
            }
            Terminal.printTable(["TIME", "BATTERY"], history.map { [$0.reportedAt, "\($0.percent) %"] })
        }
    }

    struct Capabilities: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Ask a device what it can do.")

        @Argument(help: "Device ID.") var device: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let document = try await session.withClient {
                try await $0.document(.get, "/devices/\(device)/capabilities")
            }
            guard !session.json else { return Terminal.printLine(document.text) }
            Terminal.printPairs(try document.leaves())
        }
    }

    struct Disk: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask a device for the state of its SD card."
        )

        @Argument(help: "Device ID.") var device: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let disk: DiskAnswer = try await session.withClient {
                try await $0.call(.get, "/devices/\(device)/disk")
            }
            guard !session.json else { return try Terminal.printJSON(disk) }
            guard disk.state == "normal" else { return print("\(device): SD card \(disk.state)") }
            print("\(device): SD card normal, \(disk.freeMb) of \(disk.totalMb) MB free")
        }
    }

    struct Upgrade: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask a device how far the installation of new firmware is."
        )

        @Argument(help: "Device ID.") var device: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let upgrade: UpgradeAnswer = try await session.withClient {
                try await $0.call(.get, "/devices/\(device)/upgrade")
            }
            guard !session.json else { return try Terminal.printJSON(upgrade) }
            print("\(device): \(upgrade.state), \(upgrade.progress) %, runs \(upgrade.firmwareModel)")
        }
    }

    struct Presets: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the presets of a camera that turns.")

        @Argument(help: "DEVICE or DEVICE/CHANNEL.") var channel: ChannelArgument
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let answer: PresetsAnswer = try await session.withClient {
                try await $0.call(.get, channel.path + "/presets")
            }
            guard !session.json else { return try Terminal.printJSON(answer) }
            guard !answer.presets.isEmpty else {
                return print("No presets: 'vedette cu ptz \(channel) set_preset NUMBER' makes one.")
            }
            print(answer.presets.map { "\($0)" }.joined(separator: " "))
        }
    }

    struct Time: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show or set the clock of a device.",
            discussion: """
                With --set and nothing else the device gets the platform's time in the zone that it has. A \
                device whose clock is off by no more than --tolerance keeps it.
                """
        )

        @Argument(help: "Device ID.") var device: String
        @Flag(name: .long, help: "Set the clock.") var set = false
        @Option(name: .long, help: "Time to set, YYYY-MM-DDThh:mm:ss in the zone of --tz.")
        var datetime: String?
        @Option(name: .long, help: "Hours east of UTC.") var tz: Int?
        @Option(name: .long, help: "Seconds that the clock may be off.") var tolerance: Int?
        @OptionGroup var session: SessionOptions

        func validate() throws {
            guard set || (datetime == nil && tz == nil && tolerance == nil) else {
                throw ValidationError("--datetime, --tz and --tolerance go with --set.")
            }
        }

        func run() async throws {
            try await session.withClient { client in
                if set {
                    let body = SetTimeRequest(datetime: datetime, tz: tz, tolerance: tolerance)
                    let _: PlatformClient.Nothing = try await client.call(
                        .post,
                        "/devices/\(device)/time",
                        sending: body
                    )
                }
                let time: UnitTimeAnswer = try await client.call(.get, "/devices/\(device)/time")
                guard !session.json else { return try Terminal.printJSON(time) }
                let zone = time.tz.map { " (UTC\($0 < 0 ? "" : "+")\($0))" } ?? ""
                let ahead = time.aheadSeconds.map { ", \(abs($0)) s \($0 < 0 ? "behind" : "ahead")" } ?? ""
                print("\(device): \(time.datetime)\(zone)\(ahead)")
            }
        }
    }
}
