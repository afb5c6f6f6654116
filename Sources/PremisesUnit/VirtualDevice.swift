package import HSSModel
package import MediaFormats
import Vd

/// What a simulated device is made of. Shared by all units of a fleet.
package struct VirtualDeviceSettings: Sendable {
    package var channels = 1
    package var abilities = UnitAbilities.everything.subtracting(.battery)
    /// Percent at the start; nil: no battery.
    package var battery: Int?
    /// What one percent lasts.
    package var batteryStep: Duration = .seconds(360)
    package var alarms: [AlarmPlan] = []
    /// An installation breaks off half way (``FaultPlan/failsUpgrades``).
    package var failsUpgrades = false
    package var installTime: Duration = .seconds(5)
    package var formatTime: Duration = .seconds(3)

    package init() {}
}

/// A camera that does not exist: a head that turns, a card, a player, a configuration, a battery, a log. A value:
/// it is given orders and time, and says what came of them.
///
/// What nobody has touched takes no memory: thousands of units share a process.
package struct VirtualDevice: Sendable {
    package enum Input: Sendable {
        case order(JobID, DeviceOrder)
        /// Something for its log.
        case note(String)
        case wake
    }

    package enum Action: Equatable, Sendable {
        case answer(JobID, DeviceAnswer)
        case news(DeviceNews)
        /// Replaces the wake before.
        case wake(at: Instant)
    }

    /// MB.
    private static let cardSize = 30_436
    private static let cardFree = 21_004
    private static let restartTime: Duration = .seconds(2)
    /// Steps in which an installation tells how far it is.
    private static let installSteps = 10
    private static let lowBattery = 20
    package static let columns = 40
    package static let height = 360

    private struct Installation: Sendable {
        var id: JobID
        var step = 0
        var next: Instant
        var pause: Duration
    }

    private let settings: VirtualDeviceSettings
    private var heads: [Int: VirtualHead] = [:]
    private var players: [Int: VirtualPlayer] = [:]
    private var configuration: UnitConfiguration?
    private var log = VirtualLog()
    private var free = cardFree
    private var formatting: (id: JobID, until: Instant)?
    private var installation: Installation?
    /// Channels that restart, and when they are back.
    private var restarting: [Int: Instant] = [:]
    private var battery: (percent: Int, next: Instant)?
    private var awakeUntil: Instant?
    private var schedule: AlarmSchedule?

    /// `now`: when the power came.
    package init(_ settings: VirtualDeviceSettings, at now: Instant) {
        self.settings = settings
        battery = settings.battery.map { ($0, now + settings.batteryStep) }
        if !settings.alarms.isEmpty { schedule = AlarmSchedule(settings.alarms, at: now) }
    }

    package var isAwake: (Instant) -> Bool { { [awakeUntil] now in awakeUntil.map { now < $0 } ?? false } }

    /// News of the first moment.
    package var firstNews: [DeviceNews] { settings.battery.map { [.battery($0)] } ?? [] }

    package func scene(channel: Int, at now: Instant, time: WallTime) -> TestPatternScene {
        Self.scene(heads[channel], channel: channel, at: now, time: time)
    }

    func head(_ channel: Int) -> VirtualHead? { heads[channel] }

    static func scene(
        _ head: VirtualHead?,
        channel: Int,
        at now: Instant,
        time: WallTime
    ) -> TestPatternScene {
        let position = head?.position(at: now) ?? VirtualHead.Position()
        return TestPatternScene(
            channel: channel,
            pan: Int(position.pan.rounded()),
            tilt: Int(position.tilt.rounded()),
            zoom: Int(position.zoom.rounded()),
            secondOfDay: Int(((time.seconds % 86_400) + 86_400) % 86_400)
        )
    }

    /// `time`: what the device's own clock shows.
    package mutating func receive(_ input: Input, at now: Instant, time: WallTime) -> [Action] {
        var actions: [Action] = []
        switch input {
        case .note(let word): log.note(word, at: time)
        case .order(let id, let order): actions = carryOut(id, order, at: now, time: time)
        case .wake: break
        }
        actions += advance(to: now)
        if let next = nextWake { actions.append(.wake(at: next)) }
        return actions
    }

    // MARK: Time

    package var nextWake: Instant? {
        [formatting?.until, installation?.next, restarting.values.min(), battery?.next, schedule?.nextWake]
            .compactMap(\.self).min()
    }

    private mutating func advance(to now: Instant) -> [Action] {
        var actions: [Action] = []
        if let ending = formatting, ending.until <= now {
            formatting = nil
            free = Self.cardSize
            actions.append(.answer(ending.id, .done))
        }
        if let running = installation, running.next <= now { actions += install(running, at: now) }
        for (channel, instant) in restarting.sorted(by: { $0.key < $1.key }) where instant <= now {
            restarting[channel] = nil
            actions.append(.news(.channel(channel, state(of: channel))))
        }
        while let cell = battery, cell.next <= now, cell.percent > 0 {
            battery = (cell.percent - 1, cell.next + settings.batteryStep)
            actions.append(.news(.battery(cell.percent - 1)))
            if cell.percent - 1 == Self.lowBattery {
                actions.append(.news(.alarm(channel: 0, .lowPower, .pulse, "the battery is low")))
            }
        }
        if battery?.percent == 0 { battery?.next = now + .seconds(86_400) }
        if var schedule {
            actions += schedule.due(at: now).map { .news($0) }
            self.schedule = schedule
        }
        return actions
    }

    private mutating func install(_ running: Installation, at now: Instant) -> [Action] {
        var running = running
        running.step += 1
        running.next = now + running.pause
        let isHalfWay = running.step * 2 >= Self.installSteps
        if settings.failsUpgrades, isHalfWay {
            installation = nil
            return [.answer(running.id, .refused(.internalError("the image does not fit this device")))]
        }
        if running.step >= Self.installSteps {
            installation = nil
            return [.answer(running.id, .done)]
        }
        installation = running
        return [.news(.installing(running.step * 100 / Self.installSteps))]
    }

    // MARK: Orders

    private mutating func carryOut(
        _ id: JobID,
        _ order: DeviceOrder,
        at now: Instant,
        time: WallTime
    ) -> [Action] {
        func answer(_ answer: DeviceAnswer) -> [Action] { [.answer(id, answer)] }
        switch order {
        case .restart:
            players = [:]
            formatting = nil
            installation = nil
            return answer(.done)
        case .restartChannel(let channel):
            heads[channel]?.carryOut(.stop, at: now)
            players[channel] = nil
            restarting[channel] = now + Self.restartTime
            return [.news(.channel(channel, .offline))] + answer(.done)
        case .turn(let channel, let command):
            heads[channel, default: VirtualHead(at: now)].carryOut(command, at: now)
            return answer(.done)
        case .presets(let channel):
            return answer(.presets(heads[channel].map { $0.presets.keys.sorted() } ?? []))
        case .status: return answer(.status(status))
        case .disk: return answer(.disk(CameraDisk(state: .normal, total: Self.cardSize, free: free)))
        case .format:
            formatting = (id, now + settings.formatTime)
            return []
        case .picture(let channel):
            return answer(.picture(picture(channel, at: now, time: time)))
        case .alarmPicture(let alarm):
            return answer(.picture(picture(alarm.channel, at: now, time: alarm.time)))
        case .configuration, .configure, .resetConfiguration: return configure(id, order)
        case .log(let from, let to): return answer(.log(log.part(from: from, to: to)))
        case .install:
            let pause = settings.installTime / Self.installSteps
            installation = Installation(id: id, next: now + pause, pause: pause)
            return []
        case .play(let channel, let file):
            players[channel, default: VirtualPlayer()].play(size: file.size, at: now)
            return answer(.done)
        case .player(let channel, let command):
            players[channel]?.carryOut(command, at: now)
            return answer(.done)
        case .playerState(let channel):
            return answer(.player(channel: channel, players[channel]?.state(at: now) ?? .stopped))
        case .keepAwake(_, let duration):
            awakeUntil = max(awakeUntil ?? now, now + duration)
            return answer(.done)
        }
    }

    private var status: CameraStatus {
        CameraStatus(
            wifiName: "Vedette",
            wifiSignal: 78,
            upstream: 4_000_000,
            downstream: 20_000_000,
            localAddress: "192.0.2.20",
            battery: battery?.percent
        )
    }

    private func picture(_ channel: Int, at now: Instant, time: WallTime) -> [UInt8] {
        let picture = TestPatternPicture(
            frame: Int(truncatingIfNeeded: time.milliseconds / 40) & 0xFFFF,
            columns: Self.columns,
            rows: (Self.height + TestPatternPicture.blockSize - 1) / TestPatternPicture.blockSize,
            scene: scene(channel: channel, at: now, time: time)
        )
        return JPEGWriter.encode(picture, height: Self.height)
    }

    // MARK: Configuration

    private mutating func configure(_ id: JobID, _ order: DeviceOrder) -> [Action] {
        var current = configuration ?? UnitConfiguration(factory: VirtualConfiguration.factory(settings))
        defer { configuration = current }
        let before = (0..<settings.channels).map { current.isOn($0) }
        let answer: DeviceAnswer
        switch order {
        case .configure(let change):
            do throws(RPCFailure) {
                try VirtualConfiguration.check(change)
                try current.apply(change)
                answer = .configuration(current.document)
            } catch {
                answer = .refused(error)
            }
        case .resetConfiguration:
            current.reset()
            answer = .done
        default: answer = .configuration(current.document)
        }
        // A disabled channel captures, alarms and moves nothing.
        let switched = (0..<settings.channels).filter {
            current.isOn($0) != before[$0] && restarting[$0] == nil
        }
        return switched.map { .news(.channel($0, current.isOn($0) ? .online : .disabled)) }
            + [.answer(id, answer)]
    }

    private func state(of channel: Int) -> ChannelState {
        configuration?.isOn(channel) ?? true ? .online : .disabled
    }
}
