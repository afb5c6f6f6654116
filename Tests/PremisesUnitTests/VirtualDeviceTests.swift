import HSSModel
import MediaFormats
import PremisesUnit
import TestSupport
import Testing
import Vd

@Suite("A device that does not exist") struct VirtualDeviceTests {
    /// A device on a virtual clock.
    struct Bench {
        var device: VirtualDevice
        var now = Instant(nanoseconds: 0)
        private var jobs: UInt64 = 0

        init(_ set: (inout VirtualDeviceSettings) -> Void = { _ in }) {
            var settings = VirtualDeviceSettings()
            set(&settings)
            device = VirtualDevice(settings, at: now)
        }

        var time: WallTime { WallTime(milliseconds: now.nanoseconds / 1_000_000) }

        mutating func order(_ order: DeviceOrder) -> [VirtualDevice.Action] {
            jobs += 1
            return device.receive(.order(JobID(jobs), order), at: now, time: time)
        }

        mutating func turn(_ command: PTZCommand) { _ = order(.turn(channel: 0, command)) }

        /// Lets time go, waking the device whenever it wants it.
        mutating func run(_ duration: Duration) -> [VirtualDevice.Action] {
            let end = now + duration
            var actions: [VirtualDevice.Action] = []
            while let next = device.nextWake, next <= end {
                now = max(now, next)
                actions += device.receive(.wake, at: now, time: time)
            }
            now = end
            return actions
        }

        var scene: TestPatternScene { device.scene(channel: 0, at: now, time: time) }
    }

    static func answers(_ actions: [VirtualDevice.Action]) -> [DeviceAnswer] {
        actions.compactMap { if case .answer(_, let answer) = $0 { answer } else { nil } }
    }

    static func news(_ actions: [VirtualDevice.Action]) -> [DeviceNews] {
        actions.compactMap { if case .news(let news) = $0 { news } else { nil } }
    }

    @Test(
        "Table I.2-17: a move goes on in its direction, with its speed, until stop",
        arguments: PTZDirection.allCases
    )
    func moves(direction: PTZDirection) {
        var bench = Bench()
        bench.turn(.goToPreset(1))
        // From the middle of everything there is room in each direction.
        bench.turn(.move(.zoomIn, speed: 100))
        _ = bench.run(.seconds(2))
        bench.turn(.stop)
        let start = bench.scene
        #expect(start.zoom == 50 && start.pan == 0)
        bench.turn(.move(direction, speed: 50))
        _ = bench.run(.seconds(1))
        let half = bench.scene
        _ = bench.run(.seconds(1))
        let moved = bench.scene
        bench.turn(.stop)
        _ = bench.run(.seconds(10))
        let rest = bench.scene
        let name = direction.rawValue
        let pan = name.contains("left") ? -60 : name.contains("right") ? 60 : 0
        let tilt = name.contains("up") ? 30 : name.contains("down") ? -30 : 0
        let zoom = direction == .zoomIn ? 25 : direction == .zoomOut ? -25 : 0
        #expect(moved.pan == pan && moved.tilt == tilt && moved.zoom == 50 + zoom)
        #expect(half.pan == pan / 2 && half.tilt == tilt / 2)
        #expect((rest.pan, rest.tilt, rest.zoom) == (moved.pan, moved.tilt, moved.zoom))
    }

    @Test("a head stops at its ends by itself")
    func ends() {
        var bench = Bench()
        bench.turn(.move(.upRight, speed: 100))
        _ = bench.run(.seconds(60))
        #expect(bench.scene.pan == 180 && bench.scene.tilt == 90)
        bench.turn(.move(.downLeft, speed: 100))
        _ = bench.run(.seconds(60))
        #expect(bench.scene.pan == -180 && bench.scene.tilt == -90)
        bench.turn(.move(.zoomOut, speed: 100))
        _ = bench.run(.seconds(60))
        #expect(bench.scene.zoom == 0)
    }

    @Test(
        "Table I.2-17: steps end by themselves; 0 is the smallest",
        arguments: [(0, 1), (1, 1), (25, 25), (100, 100)]
    )
    func steps(size: Int, degrees: Int) {
        var bench = Bench()
        bench.turn(.step(.left, size: size))
        _ = bench.run(.seconds(10))
        #expect(bench.scene.pan == -degrees && bench.scene.tilt == 0)
    }

    @Test("Table I.2-17: presets are set, travelled to, cleared; one that is not there changes nothing")
    func presets() {
        var bench = Bench()
        bench.turn(.move(.right, speed: 100))
        _ = bench.run(.seconds(1))
        bench.turn(.setPreset(0))
        bench.turn(.setPreset(256))
        bench.turn(.move(.left, speed: 100))
        _ = bench.run(.seconds(2))
        #expect(bench.scene.pan == -60)
        // None of these stops the motion.
        bench.turn(.goToPreset(9))
        bench.turn(.setPreset(1))
        bench.turn(.clearPreset(1))
        _ = bench.run(.seconds(1))
        #expect(bench.scene.pan == -120)
        bench.turn(.goToPreset(0))
        _ = bench.run(.seconds(2))
        #expect(bench.scene.pan == 0)
        _ = bench.run(.seconds(5))
        #expect(bench.scene.pan == 60)
        #expect(Self.answers(bench.order(.presets(channel: 0))) == [.presets([0])])
        bench.turn(.clearPreset(0))
        #expect(Self.answers(bench.order(.presets(channel: 0))) == [.presets([])])
    }

    /// Commands in any order, at any time: a head never leaves its range.
    @Test func aHeadStaysInItsRange() {
        for seed in SeededGenerator.environmentSeeds(count: 200) {
            var random = SeededGenerator(seed: seed)
            var bench = Bench()
            for _ in 0..<100 {
                let direction = PTZDirection.allCases.randomElement(using: &random) ?? .up
                let value = Int.random(in: -10...300, using: &random)
                let commands: [PTZCommand] = [
                    .move(direction, speed: value), .step(direction, size: value), .stop, .setPreset(value),
                    .goToPreset(value % 4), .setPreset(value % 4), .clearPreset(value % 4),
                ]
                bench.turn(commands.randomElement(using: &random) ?? .stop)
                _ = bench.run(.milliseconds(Int.random(in: 0...5000, using: &random)))
                let head = bench.device.scene(channel: 0, at: bench.now, time: bench.time)
                #expect((-180...180).contains(head.pan) && (-90...90).contains(head.tilt), "seed \(seed)")
                #expect((0...100).contains(head.zoom), "seed \(seed)")
            }
        }
    }

    @Test("the factory settings name every field that they are meant to")
    func factorySettings() throws {
        var bench = Bench { $0.channels = 2 }
        guard case .configuration(let document)? = Self.answers(bench.order(.configuration)).first else {
            Issue.record("no document")
            return
        }
        #expect(document.channels == [0, 1])
        // 24 fields of a channel besides two for each of seven alarms; the unit has seven.
        #expect(document.fields.count == 2 * (22 + 14) + 7)
        #expect(try ConfigurationDocument(document.object) == document)
    }

    @Test("the battery falls a percent at a time down to nothing, and low power is told once")
    func battery() {
        var bench = Bench {
            $0.battery = 23
            $0.batteryStep = .seconds(60)
        }
        #expect(bench.device.firstNews == [.battery(23)])
        let news = Self.news(bench.run(.seconds(3600 * 24)))
        #expect(news.count { if case .battery = $0 { true } else { false } } == 23)
        #expect(news.contains(.battery(0)))
        #expect(news.count { if case .alarm(_, .lowPower, .pulse, _) = $0 { true } else { false } } == 1)
    }

    @Test("scheduled alarms: one that lasts starts and ends, one that happens comes again")
    func schedule() throws {
        var bench = Bench {
            $0.alarms = [
                AlarmPlan(type: .motion, channel: 0, every: .seconds(10)),
                AlarmPlan(type: .bellRing, channel: 0, every: .seconds(7)),
            ]
        }
        let phases = Self.news(bench.run(.seconds(31))).compactMap { news -> String? in
            if case .alarm(_, let type, let phase, _) = news { "\(type.word) \(phase)" } else { nil }
        }
        #expect(
            phases.filter { $0.hasPrefix("motion") } == [
                "motion start", "motion end", "motion start", "motion end", "motion start",
            ]
        )
        #expect(phases.filter { $0.hasPrefix("bell") } == Array(repeating: "bell_ring pulse", count: 4))
    }

    @Test(
        "an alarm of the command line that is not right is named",
        arguments: [
            "motion", "motion@", "smoke@3s", "motion/2@3s", "motion/x@3s", "motion@1ms", "motion@3s@4s",
            "@3s",
        ]
    )
    func alarmPlans(text: String) {
        #expect(throws: UnitSetupError.self) { try AlarmPlan(parsing: text, channels: 2) }
    }

    @Test func alarmPlansAreRead() throws {
        #expect(
            try AlarmPlan(parsing: "infrared_motion/1@2m", channels: 2)
                == AlarmPlan(type: .infraredMotion, channel: 1, every: .seconds(120))
        )
    }

    @Test("an installation tells how far it is, and breaks off half way where it shall")
    func installation() {
        for fails in [false, true] {
            var bench = Bench { $0.failsUpgrades = fails }
            #expect(Self.answers(bench.order(.install(model: "2", ReceivedFile(size: 1)))) == [])
            let actions = bench.run(.seconds(6))
            let percents = Self.news(actions).compactMap {
                if case .installing(let percent) = $0 { percent } else { nil }
            }
            #expect(percents == Array(stride(from: 10, through: fails ? 40 : 90, by: 10)))
            #expect((Self.answers(actions) == [.done]) == !fails)
        }
    }

    /// Thousands share a process: what nobody has touched must cost next to nothing.
    @Test func anIdleUnitIsSmall() {
        #expect(MemoryLayout<VirtualDevice>.size <= 288)
        #expect(MemoryLayout<UnitMachine>.size <= 1384)
    }

    @Test("a file plays as long as it lasts, and a pause does not count")
    func playing() {
        var bench = Bench()
        func state() -> Playback? {
            var copy = bench
            guard case .player(_, let state)? = Self.answers(copy.order(.playerState(channel: 0))).first
            else {
                return nil
            }
            return state
        }
        _ = bench.order(.play(channel: 0, ReceivedFile(size: 160_000)))
        _ = bench.run(.seconds(6))
        _ = bench.order(.player(channel: 0, .pause))
        _ = bench.run(.seconds(100))
        #expect(state() == .pausing)
        _ = bench.order(.player(channel: 0, .resume))
        _ = bench.run(.seconds(3))
        #expect(state() == .playing)
        _ = bench.run(.seconds(2))
        #expect(state() == .stopped)
    }
}
