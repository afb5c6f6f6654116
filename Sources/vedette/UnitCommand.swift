import ArgumentParser
import FoundationEssentials
import HSSModel
import Logging
import PremisesUnit
import ServiceLifecycle
import UnixSignals

/// `vedette pu`: simulated premises units.
struct UnitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pu",
        abstract: "Simulate premises units.",
        subcommands: [Run.self, Check.self]
    )

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run one unit, or many in one process, until Ctrl-C.",
            discussion: """
                One unit:   vedette pu run --platform https://HOST:8443 --ca ca.pem --device cam-1 \\
                                --mac 00:11:22:33:44:55 --password-file FILE
                Many units: vedette pu run --platform https://HOST:8443 --ca ca.pem --credentials FILE \\
                                --count 100
                FILE has a line 'DEVICE_ID MAC_ID PASSWORD' for each unit, as 'vedette admin device import' prints it.
                """
        )

        @Option(name: .long, help: "Address of the scheduling service, https://HOST:PORT.") var platform:
            String
        @Option(name: .long, help: "PEM file of the authority to trust.") var ca: String?
        @Option(name: .long, help: "Device ID; with --count, %d stands for the number.") var device: String?
        @Option(name: .long, help: "MAC identity; with --count, %d stands for the number.") var mac: String?
        @Option(name: .long, help: "File with the login password (or VEDETTE_PASSWORD).") var passwordFile:
            String?
        @Option(name: .long, help: "File with the credentials of many units.") var credentials: String?
        @Option(
            name: .long,
            help:
                "password, offered (signed once the platform offers it) or signed: how units show who they are."
        )
        var login = "offered"
        @Option(name: .long, help: "PEM file of the unit's certificate, in place of a password; with --key.")
        var certificate: String?
        @Option(name: .long, help: "PEM file of its private key.") var key: String?
        @Option(name: .long, help: "Number of units; with --credentials at most that many of the file.")
        var count: Int?
        @Option(name: .long, help: "Channels of each unit, 1 to 256.") var channels = 1
        @Option(name: .long, help: "MPEG-TS file to push in a loop; without it a test pattern.") var video:
            String?
        @Option(name: .long, help: "Bit/s to which the test pattern is filled up.") var bitrate = 0
        @Option(name: .long, help: "Bind code that a customer showed to the first unit.") var bind: String?
        @Option(
            name: .long,
            help: """
                An alarm that comes again and again, TYPE[/CHANNEL]@TIME such as motion@30s. May be given several \
                times. Types: external, motion, intrusion, cry, face, sound, low_power, lock_picking, bell_ring, human, infrared_motion.
                """
        )
        var alarm: [String] = []
        @Option(
            name: .long,
            help: "Run on a battery, PERCENT or PERCENT:TIME, the time that one percent lasts (360s)."
        )
        var battery: String?
        @Option(
            name: .long,
            help: """
                What the units can do: none, or some of ptz,configuration,firmware,storage,snapshots,player,log,sleep,battery,\
                recording; without it all of these.
                """
        )
        var abilities: String?
        @Option(
            name: .long,
            help: """
                Misbehave: drop-after=TIME, mute, slow-answers=TIME, no-publish, refuse-live=CODE, garbage, \
                upgrade-fails; or spoil a share of the messages sent: drop=SHARE, delay=SHARE[/TIME], reorder=SHARE, \
                duplicate=SHARE, truncate=SHARE, lie=SHARE, such as drop=5%; or fail at the storage of recordings: \
                vr-drop=SHARE of uploads, vr-wrong-size=SHARE, vr-duplicate=SHARE of creates, vr-late-save=TIME, \
                vr-clock=TIME ahead, vr-plain (no https). May be given several times.
                """
        )
        var fault: [String] = []
        @Option(
            name: .long,
            help:
                "Sleep when there was nothing to do for so long, such as 30s; takes a MAC identity of 16 digits."
        )
        var sleepAfter: String?
        @Option(
            name: .long,
            help:
                "Keep so much of each channel, 0s to 60s, for recordings that begin before they are asked for."
        )
        var prerecord = "0s"
        @Option(name: .long, help: "Repeat the chance of a run: waits and faults.") var seed: UInt64?
        @Flag(
            name: .long,
            help: """
                Read lines from standard input: [@DEVICE] alarm TYPE [start|end|pulse] [CHANNEL], \
                [@DEVICE] bind CODE, [@DEVICE] channel NUMBER online|offline|error|disabled.
                """
        )
        var commands = false
        @Option(name: .long, help: "Units that start in one second.") var startsPerSecond = 250
        @Flag(name: .long, help: "Print JSON lines instead of text.") var json = false

        func validate() throws {
            guard (credentials != nil) != (device != nil && mac != nil) else {
                throw ValidationError("Give either --device and --mac, or --credentials.")
            }
            guard (certificate != nil) == (key != nil) else {
                throw ValidationError("Give --certificate and --key, or neither.")
            }
            if let bind, BindCodeForm.canonical(bind) == nil {
                throw ValidationError(
                    "--bind: expected a code such as ABCD-EFGH-JKMN-PQRS, as 'cu bind' prints it."
                )
            }
        }

        func run() async throws {
            let json = json
            let fleet: UnitFleet
            do {
                fleet = try UnitFleet(try options()) { Self.tell($0, json: json) }
            } catch let error as UnitSetupError {
                throw Failure(error.description)
            }
            if commands { fleet.obeyStandardInput { Terminal.printError($0) } }
            try await ServiceGroup(
                configuration: .init(
                    services: [
                        .init(
                            service: FleetService(fleet: fleet),
                            successTerminationBehavior: .gracefullyShutdownGroup
                        )
                    ],
                    gracefulShutdownSignals: [.sigterm, .sigint],
                    logger: Logger(label: "pu") { _ in SwiftLogNoOpLogHandler() }
                )
            ).run()
        }

        private func options() throws -> PremisesUnitOptions {
            var faults = FaultPlan()
            for text in fault { try faults.add(text) }
            var device = VirtualDeviceSettings()
            if let abilities { try device.setAbilities(abilities) }
            if let battery { try device.setBattery(battery) }
            device.alarms = try alarm.map { try AlarmPlan(parsing: $0, channels: max(1, channels)) }
            var options = PremisesUnitOptions(
                platform: platform,
                units: try units(),
                channels: channels,
                authorityFile: ca,
                videoFile: video,
                bindCode: bind,
                faults: faults,
                patternBitrate: bitrate,
                startsPerSecond: startsPerSecond,
                device: device,
                sleepAfter: try sleepAfter.map { try FaultPlan.duration($0, option: "sleep-after") },
                seed: seed
            )
            options.login = try UnitLoginForm(option: login)
            options.prerecord = try FaultPlan.duration(prerecord, option: "prerecord")
            guard options.prerecord <= .seconds(60) else {
                throw ValidationError("--prerecord: expected 0s to 60s, found \(prerecord)")
            }
            if let certificate, let key {
                options.certificate = UnitCertificateFiles(chain: certificate, key: key)
            }
            return options
        }

        private func units() throws -> [UnitCredentials] {
            if let credentials {
                guard let data = FileManager.default.contents(atPath: credentials) else {
                    throw Failure("credentials file \(credentials) cannot be read")
                }
                let units = try UnitCredentials.list(parsing: String(decoding: data, as: UTF8.self))
                return Array(units.prefix(count ?? units.count))
            }
            return try UnitCredentials.numbered(
                device: device ?? "",
                macIdentity: mac ?? "",
                // Nobody asks a unit with a certificate for one.
                password: certificate == nil
                    ? try Terminal.password(file: passwordFile, prompt: "Login password: ") : Secret(""),
                count: count ?? 1
            )
        }

        private static func tell(_ report: UnitReport, json: Bool) {
            if json {
                var line = [
                    "unit": report.unit.rawValue, "event": report.event.name,
                    "text": report.event.description,
                ]
                if let push = report.event.push {
                    line["channel"] = String(push.channel)
                    line["stream"] = push.stream.rawValue
                }
                try? Terminal.printJSON(line)
            } else {
                Terminal.printLine("\(report.unit) \(report.event)")
            }
        }
    }
}

/// Ends the fleet with the process.
private struct FleetService: Service {
    let fleet: UnitFleet

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await fleet.run()
        }
    }
}
