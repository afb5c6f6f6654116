package import HSSModel
import HostClock
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Vd

/// What `vedette pu run` is told.
package struct PremisesUnitOptions: Sendable {
    /// `https://HOST:PORT` of the scheduling service.
    package var platform: String
    package var units: [UnitCredentials]
    /// Channels of each unit, all of which show the same video.
    package var channels: Int
    /// PEM file with the authorities to trust; nil: those of the host.
    package var authorityFile: String?
    /// MPEG-TS file that is pushed in a loop; nil: the test pattern.
    package var videoFile: String?
    /// The code that a customer showed to the first unit.
    package var bindCode: String?
    package var faults: FaultPlan
    /// Bit/s to which the test pattern is filled up; 0: as small as it comes.
    package var patternBitrate: Int
    /// Units that start in one second. Households do not switch their cameras on all at once.
    package var startsPerSecond: Int
    package var device: VirtualDeviceSettings
    package var login = UnitLoginForm.offered
    /// For ``UnitLoginForm/certificate``: it names one unit.
    package var certificate: UnitCertificateFiles?
    /// Units sleep when they had nothing to do for so long; nil: never.
    package var sleepAfter: Duration?
    /// Kept of each channel before anybody wants it recorded.
    package var prerecord: Duration = .zero
    /// For chance of any kind, so that a run can be repeated; nil: another one each time.
    package var seed: UInt64?

    package init(
        platform: String,
        units: [UnitCredentials],
        channels: Int = 1,
        authorityFile: String? = nil,
        videoFile: String? = nil,
        bindCode: String? = nil,
        faults: FaultPlan = FaultPlan(),
        patternBitrate: Int = 0,
        startsPerSecond: Int = 250,
        device: VirtualDeviceSettings = VirtualDeviceSettings(),
        sleepAfter: Duration? = nil,
        seed: UInt64? = nil
    ) {
        self.platform = platform
        self.units = units
        self.channels = channels
        self.authorityFile = authorityFile
        self.videoFile = videoFile
        self.bindCode = bindCode
        self.faults = faults
        self.patternBitrate = patternBitrate
        self.startsPerSecond = startsPerSecond
        self.device = device
        self.sleepAfter = sleepAfter
        self.seed = seed
    }
}

/// Something that happened to one unit of a fleet.
package struct UnitReport: Sendable, Equatable {
    package var unit: UnitID
    package var event: UnitEvent

    package init(unit: UnitID, event: UnitEvent) {
        self.unit = unit
        self.event = event
    }
}

/// One to many thousand simulated premises units in one process.
package final class UnitFleet: Sendable {
    private static let hardwareModel = "Vedette simulated camera"
    private static let firmwareModel = "1.0.0"
    /// Fields of its configuration that are abilities too.
    private static let extras: Set<Capability> = [.led, .trace, .switchSchedule, .autoReboot]
    private static let sdk = "vedette-premises-unit/1.0"

    private let options: PremisesUnitOptions
    private let video: VideoSource
    private let trust: TLSConfiguration
    private let identity: TLSConfiguration
    private let tell: @Sendable (UnitReport) -> Void
    /// While it runs.
    private let running = Mutex<[(id: UnitID, runner: NIOLoopBoundBox<UnitRunner>)]>([])

    /// Reads and checks the files of the options. `tell` is called on event loops and must not wait.
    package init(
        _ options: PremisesUnitOptions,
        tell: @escaping @Sendable (UnitReport) -> Void
    ) throws(UnitSetupError) {
        guard !options.units.isEmpty else { throw .option("units", "expected at least one") }
        let channels = 1...(ChannelAddress.highestNumber + 1)
        guard channels.contains(options.channels) else {
            throw .option("channels", "expected 1 to \(channels.upperBound), found \(options.channels)")
        }
        guard options.startsPerSecond > 0 else { throw .option("startsPerSecond", "expected 1 or more") }
        guard options.certificate == nil || options.units.count == 1 else {
            throw .option(
                "certificate",
                "expected one unit, found \(options.units.count): it names one device"
            )
        }
        if options.sleepAfter != nil,
            let unit = options.units.first(where: { HibernationIdentity($0.macIdentity) == nil })
        {
            throw .option("sleep-after", "expected a MAC identity of 16 digits, found \(unit.macIdentity)")
        }
        self.options = options
        self.tell = tell
        video =
            if let path = options.videoFile { try VideoSource(file: path) } else {
                VideoSource(patternBitrate: options.patternBitrate)
            }
        trust = try UnitHost.trust(authorityFile: options.authorityFile)
        identity = try UnitHost.identify(trust, by: options.certificate)
    }

    /// Runs until the task is cancelled; then every unit says goodbye.
    package func run() async throws(UnitSetupError) {
        try await UnitHost.run(
            platform: options.platform,
            trust: trust,
            identity: identity,
            video: .looped(video),
            threads: min(4, System.coreCount),
            keepsFiles: false,
            start: start
        )
    }

    /// False where there is no such unit, or none yet.
    package func carryOut(_ order: UnitOrder, of unit: UnitID?) -> Bool {
        let chosen = running.withLock { units in
            units.filter { unit == nil || $0.id == unit }.map(\.runner)
        }
        for runner in chosen {
            runner.eventLoop.execute {
                switch order {
                case .alarm(let type, let phase, let channel):
                    let text = "on command"
                    let alarm = UnitAlarm(channel: channel, type: type, phase: phase, time: .now, text: text)
                    runner.value.receive(.alarm(alarm))
                case .bind(let code): runner.value.receive(.bind(code))
                case .channel(let number, let state): runner.value.receive(.channel(number, state))
                }
            }
        }
        return !chosen.isEmpty
    }

    private func start(
        _ services: UnitServices,
        on group: MultiThreadedEventLoopGroup
    ) -> [NIOLoopBoundBox<UnitRunner>] {
        let channel = UnitProfile.Channel(bitrate: video.bitrate)
        let channels = Dictionary(uniqueKeysWithValues: (0..<options.channels).map { ($0, channel) })
        var settings = options.device
        settings.channels = options.channels
        settings.failsUpgrades = options.faults.failsUpgrades
        if settings.battery != nil { settings.abilities.insert(.battery) }
        let device = settings
        let seed = options.seed ?? UInt64.random(in: 0...UInt64.max)
        let runners = options.units.enumerated().map { index, credentials in
            var profile = UnitProfile(
                credentials: credentials,
                hardwareModel: Self.hardwareModel,
                firmwareModel: Self.firmwareModel,
                sdk: Self.sdk,
                channels: channels
            )
            profile.login = options.certificate == nil ? options.login : .certificate
            profile.abilities = device.abilities
            profile.extras = device.abilities.contains(.configuration) ? Self.extras : []
            profile.sleepAfter = options.sleepAfter
            profile.alarms = Set(AlarmType.allCases)
            profile.recording.prerecord = options.prerecord
            let loop = group.next()
            let runner = NIOLoopBoundBox.makeBoxSendingValue(
                UnitRunner(
                    profile,
                    faults: options.faults,
                    device: VirtualUnit(device, on: loop),
                    seed: seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15,
                    services: services,
                    on: loop
                ) { [tell] event in
                    tell(UnitReport(unit: credentials.device, event: event))
                },
                eventLoop: loop
            )
            let code = index == 0 ? options.bindCode : nil
            let delay = TimeAmount.milliseconds(Int64(index) * 1000 / Int64(options.startsPerSecond))
            loop.scheduleTask(in: delay) {
                if let code { runner.value.receive(.bind(code)) }
                runner.value.receive(.start)
            }
            return runner
        }
        running.withLock { $0 = zip(options.units, runners).map { ($0.device, $1) } }
        return runners
    }
}
