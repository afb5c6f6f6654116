import HSSModel
import HostClock
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Vd

/// A camera on a platform of ITU-T H.627.2: finds its signalling server, logs in, keeps in touch, comes back after
/// every failure, and pushes its channels while somebody looks at them.
///
/// ```swift
/// let camera = try Camera(configuration, source: encoder, delegate: device)
/// try await camera.run()
/// ```
public final class Camera: Sendable {
    /// What the camera is and where it belongs.
    public struct Configuration: Sendable {
        /// `https://HOST:PORT` of the platform's scheduling service.
        public var platform: String
        /// 1 to 64 of `A-Z a-z 0-9 . _ : -`, from the operator.
        public var deviceID: String
        /// Identity of the hardware, usually its MAC address; the same characters.
        public var macIdentity: String
        /// From the operator; at most 128 bytes. Empty will do where ``login`` is a certificate.
        public var loginPassword: String
        /// 1 to 128 bytes each.
        public var hardwareModel: String
        public var firmwareModel: String
        /// By number from 0: the bit/s of picture and sound that each comes to. A viewer that wants less is refused
        /// with error 11 (Table I.2-12). 1 to 256 channels.
        public var bitrates: [Int]
        /// PEM file with the authorities to trust; nil: those of the host.
        public var authorityFile: String?
        /// How it shows who it is.
        public var login = CameraLogin.signedWhenOffered
        /// What it can do besides showing its picture.
        public var abilities = CameraAbilities()
        /// For cameras on a battery: it sleeps when there was nothing to do for so long, 1 s to a day, and the platform
        /// has a hibernation server. It takes a ``macIdentity`` of 16 digits. Nil: it never sleeps.
        public var sleepAfter: Duration?

        public init(
            platform: String,
            deviceID: String,
            macIdentity: String,
            loginPassword: String,
            hardwareModel: String,
            firmwareModel: String,
            bitrates: [Int] = [2_000_000],
            authorityFile: String? = nil
        ) {
            self.platform = platform
            self.deviceID = deviceID
            self.macIdentity = macIdentity
            self.loginPassword = loginPassword
            self.hardwareModel = hardwareModel
            self.firmwareModel = firmwareModel
            self.bitrates = bitrates
            self.authorityFile = authorityFile
        }
    }

    /// What the heartbeat tells of a channel (Table I.2-1). Only one that is online is pushed.
    public enum ChannelState: Sendable {
        case online, disabled, error
    }

    private struct State {
        /// While the camera runs.
        var runner: NIOLoopBoundBox<UnitRunner>?
        var isRunning = false
        var bindCode: String?
        var channels: [Int: UnitProfile.Channel]
        /// From before the camera ran.
        var alarms: [UnitAlarm] = []
        var battery: Int?
        /// Channels whose push the delegate knows of.
        var pushed: Set<Int> = []
    }

    private static let sdk = "vedette-premises-unit/1.0"

    private let platform: String
    private let profile: UnitProfile
    private let trust: TLSConfiguration
    private let identity: TLSConfiguration
    private let source: LiveSource
    private let delegate: (any CameraDelegate)?
    private let abilities: CameraAbilities
    private let configuration: KeptConfiguration?
    private let state: Mutex<State>

    /// Checks the configuration and reads the file of authorities. Nothing is sent before ``run()``.
    public init(
        _ configuration: Configuration,
        source: any CameraSource,
        delegate: (any CameraDelegate)? = nil
    ) throws(CameraError) {
        do throws(UnitSetupError) {
            platform = try SchedulingClient.checked(platform: configuration.platform)
            trust = try UnitHost.trust(authorityFile: configuration.authorityFile)
            identity = try UnitHost.identify(trust, by: configuration.login.files)
        } catch {
            throw CameraError(error.description)
        }
        abilities = configuration.abilities
        self.configuration = try configuration.abilities.configuration.map { (keeper) throws(CameraError) in
            try KeptConfiguration(keeper)
        }
        do throws(UnitSetupError) {
            var profile = try configuration.profile(sdk: Self.sdk)
            profile.extras = self.configuration?.extras ?? []
            self.profile = profile
        } catch {
            throw CameraError(error.description)
        }
        self.source = LiveSource(source)
        self.delegate = delegate
        state = Mutex(State(channels: profile.channels))
    }

    /// Runs until the task is cancelled; every failure of the network or the platform is tried again by the rules of
    /// §9.3.1.3. When it returns, the platform and the source have been told of the end.
    public func run() async throws(CameraError) {
        let isFirst = state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard isFirst else { throw CameraError("this camera runs already") }
        defer {
            state.withLock {
                $0.isRunning = false
                $0.runner = nil
            }
        }
        do throws(UnitSetupError) {
            try await UnitHost.run(
                platform: platform,
                trust: trust,
                identity: identity,
                video: .live(source),
                threads: 1,
                keepsFiles: true
            ) {
                [start($0, on: $1.next())]
            }
        } catch {
            throw CameraError(error.description)
        }
        await source.settle()
    }

    /// A customer has shown this code to the camera: the platform is told at once, or after the next login, until
    /// it has certainly arrived (Table I.2-3). 1 to 128 bytes.
    public func report(bindCode: String) throws(CameraError) {
        guard (1...128).contains(bindCode.utf8.count) else {
            throw CameraError("bindCode: expected 1 to 128 bytes, found \(bindCode.utf8.count)")
        }
        state.withLock { state in
            guard state.runner != nil else {
                state.bindCode = bindCode
                return
            }
            Self.give(.bind(bindCode), to: state.runner)
            Self.give(.roused, to: state.runner)
        }
    }

    /// The lens is covered, the customer switched a channel off, or it is back. Ends a push that runs.
    public func set(_ channelState: ChannelState, ofChannel number: Int) throws(CameraError) {
        guard profile.channels[number] != nil else {
            throw CameraError("channel: expected 0 to \(profile.channels.count - 1), found \(number)")
        }
        let value: HSSModel.ChannelState =
            switch channelState {
            case .online: .online
            case .disabled: .disabled
            case .error: .error
            }
        state.withLock { state in
            state.channels[number]?.state = value
            Self.give(.channel(number, value), to: state.runner)
        }
    }

    /// Something happened before the lens. The platform hears of it, however long that takes, with the time of this
    /// call; of more than 256 that wait the oldest is forgotten. A start of what has started and an end of what has
    /// ended change nothing.
    public func raise(_ alarm: CameraAlarm) throws(CameraError) {
        guard profile.channels[alarm.channel] != nil else {
            throw CameraError("channel: expected 0 to \(profile.channels.count - 1), found \(alarm.channel)")
        }
        let alarm = UnitAlarm(
            channel: alarm.channel,
            type: alarm.kind.type,
            phase: alarm.phase.phase,
            time: .now,
            text: alarm.text
        )
        state.withLock { state in
            guard state.runner == nil else { return Self.give(.alarm(alarm), to: state.runner) }
            if state.alarms.count >= AlarmQueue.most { state.alarms.removeFirst() }
            state.alarms.append(alarm)
        }
    }

    /// Percent. The platform hears of it when it changes (Table I.2-27).
    public func report(battery percent: Int) {
        state.withLock { state in
            state.battery = percent
            Self.give(.news(.battery(percent)), to: state.runner)
        }
    }

    // MARK: The unit

    func give(_ input: UnitMachine.Input) {
        state.withLock { Self.give(input, to: $0.runner) }
    }

    private static func give(_ input: UnitMachine.Input, to runner: NIOLoopBoundBox<UnitRunner>?) {
        guard let runner else { return }
        runner.eventLoop.execute { runner.value.receive(input) }
    }

    private func start(_ services: UnitServices, on loop: any EventLoop) -> NIOLoopBoundBox<UnitRunner> {
        state.withLock { state in
            var profile = profile
            profile.channels = state.channels
            let unit = UnitRunner(
                profile,
                faults: FaultPlan(),
                device: CameraDevice(abilities, configuration: configuration, on: loop),
                seed: .random(in: 0...UInt64.max),
                services: services,
                on: loop,
                setClock: { [delegate] in delegate?.correctClock(by: $0) ?? false },
                sleeps: { [delegate] in delegate?.fellAsleep(CameraSleep($0)) },
                tell: { [weak self] in self?.tell($0) }
            )
            let runner = NIOLoopBoundBox.makeBoxSendingValue(unit, eventLoop: loop)
            state.runner = runner
            if let code = state.bindCode { Self.give(.bind(code), to: runner) }
            state.bindCode = nil
            for alarm in state.alarms { Self.give(.alarm(alarm), to: runner) }
            state.alarms = []
            if let battery = state.battery { Self.give(.news(.battery(battery)), to: runner) }
            Self.give(.start, to: runner)
            return runner
        }
    }

    private func tell(_ event: UnitEvent) {
        guard let delegate else { return }
        delegate.happened(event.name, event.description)
        delegate.heard(event)
        switch event {
        case .signsLogins: delegate.signsLogins()
        case .published(let channel, _):
            let isNew = state.withLock { $0.pushed.insert(channel).inserted }
            if isNew { delegate.pushStarted(channel: channel) }
        case .pushInterrupted(let channel, _, _), .pushFailed(let channel, _, _),
            .pushStopped(let channel, _):
            let wasPushed = state.withLock { $0.pushed.remove(channel) != nil }
            if wasPushed { delegate.pushEnded(channel: channel) }
        case .roused: delegate.wokeUp()
        default: break
        }
    }
}

extension Camera.Configuration: CustomStringConvertible, CustomReflectable {
    /// Without the password: it must not reach a log.
    public var description: String { "camera \(deviceID) of \(platform)" }
    public var customMirror: Mirror { Mirror(self, children: ["deviceID": deviceID, "platform": platform]) }

    fileprivate func profile(sdk: String) throws(UnitSetupError) -> UnitProfile {
        let identifier = "expected 1 to 64 of A-Z a-z 0-9 . _ : -"
        guard let device = UnitID(rawValue: deviceID) else { throw .option("deviceID", identifier) }
        guard let mac = MACIdentity(rawValue: macIdentity) else { throw .option("macIdentity", identifier) }
        var texts = [("hardwareModel", hardwareModel), ("firmwareModel", firmwareModel)]
        if login.files == nil { texts.append(("loginPassword", loginPassword)) }
        for (name, value) in texts where !(1...128).contains(value.utf8.count) {
            throw .option(name, "expected 1 to 128 bytes, found \(value.utf8.count)")
        }
        guard (1...ChannelAddress.highestNumber + 1).contains(bitrates.count) else {
            throw .option("bitrates", "expected 1 to 256 channels, found \(bitrates.count)")
        }
        guard bitrates.allSatisfy({ $0 > 0 }) else { throw .option("bitrates", "expected bit/s above 0") }
        if let sleepAfter {
            guard (.seconds(1) ... .seconds(86_400)).contains(sleepAfter) else {
                throw .option("sleepAfter", "expected 1 s to a day, found \(sleepAfter)")
            }
            guard HibernationIdentity(mac) != nil else {
                throw .option("macIdentity", "expected 16 digits of a camera that sleeps, found \(mac)")
            }
        }
        var profile = UnitProfile(
            credentials: UnitCredentials(device: device, macIdentity: mac, password: Secret(loginPassword)),
            hardwareModel: hardwareModel,
            firmwareModel: firmwareModel,
            sdk: sdk,
            channels: Dictionary(
                uniqueKeysWithValues: bitrates.enumerated().map { ($0, UnitProfile.Channel(bitrate: $1)) }
            )
        )
        profile.login = login.form
        profile.abilities = abilities.kinds
        if let recording = abilities.recording { profile.recording = try recording.settings() }
        profile.sleepAfter = sleepAfter
        if sleepAfter != nil { profile.abilities.insert(.sleep) }
        profile.alarms = Set(abilities.alarms.map(\.type))
        return profile
    }
}
