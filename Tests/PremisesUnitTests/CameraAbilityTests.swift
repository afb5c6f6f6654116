import Foundation
import HSSModel
import PremisesUnit
import Synchronization
import TestSupport
import Testing
import Vd

/// What a maker writes, seen from the platform; of `PremisesUnit` only public names.
@Suite("A camera's abilities", .timeLimit(.minutes(4)), .serialized) struct CameraAbilityTests {
    /// Everything that a camera can have, in one object.
    final class Device: PTZControl, ConfigurationKeeper, FirmwareUpdater, CameraStorage, SnapshotSource,
        CameraPlayer, LogSource, PowerControl, StatusSource
    {
        private let notes = Mutex<[String]>([])
        var heard: [String] { notes.withLock { $0 } }
        let kept: String?

        init(kept: String? = nil) {
            self.kept = kept
        }

        private func note(_ text: String) { notes.withLock { $0.append(text) } }

        func carryOut(_ command: PTZCommand, channel: Int) throws { note("\(command) \(channel)") }
        func presets(channel: Int) throws -> [Int] { [2, 1, 2] }
        let factorySettings = #"{"channels":{"0":{"image":{"horflip":false}}},"led":true,"log_level":2}"#
        func load() throws -> String? { kept }
        func save(_ document: String, changed: [String]) throws {
            guard !document.contains(#""log_level":5"#) else { throw CameraError("no such level here") }
            note("save \(changed.joined(separator: ","))")
        }
        func install(_ file: String, version: String, progress: @escaping @Sendable (Int) -> Void) throws {
            let size = try Data(contentsOf: URL(filePath: file)).count
            progress(50)
            note("install \(version) of \(size) bytes")
        }
        func disk() throws -> CameraDisk { CameraDisk(state: .failed, total: 100, free: 7) }
        func format() throws { note("format") }
        func picture(channel: Int) throws -> [UInt8] {
            if channel == 1 { throw CameraError("the lens is covered") }
            return [0xFF, 0xD8, 0xFF, 0xD9]
        }
        func picture(of alarm: CameraAlarm) throws -> [UInt8] { Array("\(alarm.kind) \(alarm.text)".utf8) }
        func play(_ file: String, channel: Int) throws {
            note("play \(try Data(contentsOf: URL(filePath: file)).count)")
            try FileManager.default.removeItem(atPath: file)
        }
        func carryOut(_ command: PlaybackCommand, channel: Int) throws { note("\(command)") }
        func playback(channel: Int) throws -> Playback { .playing }
        func log(from: Int, to: Int) throws -> CameraLog {
            CameraLog(text: Array("a\n".utf8), first: from, last: from)
        }
        func restart() { note("restart") }
        func restart(channel: Int) -> Bool { false }
        func keepAwake(channel: Int, seconds: Int) { note("awake \(seconds)") }
        func status() -> CameraStatus { CameraStatus(wifiName: "Home", wifiSignal: 200) }
    }

    static func abilities(_ device: Device) -> CameraAbilities {
        var abilities = CameraAbilities()
        abilities.ptz = device
        abilities.configuration = device
        abilities.firmware = device
        abilities.storage = device
        abilities.snapshots = device
        abilities.player = device
        abilities.log = device
        abilities.power = device
        abilities.status = device
        abilities.hasBattery = true
        abilities.alarms = [.motion, .bellRing]
        return abilities
    }

    static func run(
        _ abilities: CameraAbilities,
        files: [String: [UInt8]] = [:],
        prepare: (Camera) throws -> Void = { _ in },
        body: (DeviceBench, Camera) async throws -> Void
    ) async throws {
        let platform = try await FakePlatform(files: files)
        var configuration = CameraTests.configuration(platform.address)
        configuration.abilities = abilities
        let camera = try Camera(configuration, source: FrameSource(hasAudio: false))
        try prepare(camera)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await camera.run() }
            let bench = DeviceBench(platform)
            try await bench.until { !bench.heartbeats.isEmpty }
            try await body(bench, camera)
            group.cancelAll()
        }
        await platform.shutdown()
    }

    @Test("each order reaches the maker's object, and its answer the platform")
    func everything() async throws {
        let device = Device()
        try await Self.run(
            Self.abilities(device),
            files: ["/song": [1, 2, 3]],
            body: { bench, _ in
                #expect(try await bench.ask(GetPTZPresetList(channel: 0)).presets == [1, 2])
                bench.tell(CtrlPTZ(channel: 1, operation: .zoomIn))
                bench.tell(CtrlPTZ(channel: 1, operation: .gotoPreset, value: 9))
                let disk = try await bench.ask(GetDiskInfo())
                #expect(disk == DiskInfo(state: .exception, total: 100, free: 7))
                _ = try await bench.ask(FormatDisk())
                _ = try await bench.ask(KeepAwaken(channel: 0, seconds: 5))
                _ = try await bench.ask(Snapshot(channel: 0, url: bench.url("/p")))
                #expect(bench.uploads.last?.content == [0xFF, 0xD8, 0xFF, 0xD9])
                guard
                    case .failure(let failure) = try await bench.ask(
                        Snapshot(channel: 1, url: bench.url("/p")).request
                    )
                else {
                    Issue.record("a picture through a covered lens")
                    return
                }
                #expect(failure == RPCFailure(1, "the lens is covered"))
                bench.tell(PlayVideo(channel: 0, url: bench.url("/song")))
                try await bench.ask(QueryVideoStatus(channel: 0)) { [device] _ in
                    device.heard.contains("play 3")
                }
                let status = try await bench.ask(DevStatus())
                #expect(status.wifiSSID == "Home" && status.wifiSignal == 100)
                let cap = try await bench.ask(GetCap())
                #expect(cap.supports(.led) && !cap.supports(.trace) && cap.supports(.battery))
                #expect(cap.alarms == [.motion])
                for note in [
                    "move(PremisesUnit.PTZDirection.zoomIn, speed: 50) 1", "goToPreset(9) 1", "awake 5",
                    "format",
                ] {
                    #expect(device.heard.contains(note), "\(note) in \(device.heard)")
                }
            }
        )
    }

    @Test("Tables I.2-19 to I.2-21: merged and checked by the SDK, kept and refused by the maker")
    func configuration() async throws {
        let device = Device(kept: #"{"led":false,"channels":{"0":{"trace":true}}}"#)
        try await Self.run(Self.abilities(device)) { bench, _ in
            let start = try await bench.ask(GetConfig())
            // What it had kept and the factory does not know is gone.
            #expect(start.flag("led") == false && start.flag("trace", channel: 0) == nil)
            var change = ConfigurationDocument()
            try change.set(.flag(true), at: ConfigurationPath("image.horflip", channel: 0))
            #expect(
                try await bench.ask(SetConfig(document: change)).flag("image.horflip", channel: 0) == true
            )
            #expect(device.heard.last == "save channels.0.image.horflip")
            let refused = try ConfigurationDocument(ConfigurationPath("log_level"), .number(5))
            #expect(try await bench.code(SetConfig(document: refused).request) == 13)
            #expect(try await bench.ask(GetConfig()).number("log_level") == 2)
            _ = try await bench.ask(ResetConfig())
            #expect(try await bench.ask(GetConfig()).flag("led") == true)
        }
    }

    @Test("Tables I.2-4, I.2-7: the image is in a file; a camera that cannot restart one channel restarts")
    func upgradeAndRestart() async throws {
        let device = Device()
        try await Self.run(
            Self.abilities(device),
            files: ["/image": [UInt8](repeating: 1, count: 70_000)],
            body: { bench, _ in
                bench.tell(UpgradeFirmware(firmwareModel: "9", url: bench.url("/image")))
                try await bench.until { bench.logins.count == 2 }
                #expect(device.heard.contains("install 9 of 70000 bytes"))
                #expect(bench.logins[1].contains("firmware_model=9&"))
                try await bench.until { bench.heartbeats.count >= 2 }
                bench.tell(RebootChannel(channel: 1))
                try await bench.until { bench.logins.count == 3 }
                #expect(bench.logins.allSatisfy { $0.hasSuffix("reconnect=0") })
            }
        )
    }

    @Test("Table I.2-24: a file that is stopped before it has come is not played and not left behind")
    func stoppedBeforeItCame() async throws {
        let device = Device()
        func leftBehind() throws -> Set<String> {
            let folder = FileManager.default.temporaryDirectory.path()
            return Set(
                try FileManager.default.contentsOfDirectory(atPath: folder).filter {
                    $0.hasPrefix("vedette-file-")
                }
            )
        }
        let before = try leftBehind()
        try await Self.run(
            Self.abilities(device),
            files: ["/song": [1, 2, 3], "/other": [1, 2, 3, 4]],
            body: { bench, _ in
                bench.tell(PlayVideo(channel: 0, url: bench.url("/song")))
                bench.tell(CtrlVideo(channel: 0, operation: .stop))
                bench.tell(PlayVideo(channel: 1, url: bench.url("/other")))
                try await bench.ask(QueryVideoStatus(channel: 1)) { _ in device.heard.contains("play 4") }
                _ = try await bench.ask(QueryVideoStatus(channel: 0))
                #expect(!device.heard.contains("play 3"))
            }
        )
        #expect(try leftBehind().subtracting(before).isEmpty)
    }

    @Test("Tables I.2-16, I.2-27: alarms and battery from before the login, with the alarm's own picture")
    func alarms() async throws {
        try await Self.run(
            Self.abilities(Device()),
            prepare: { camera in
                try camera.raise(CameraAlarm(.bellRing, .pulse, text: "early"))
                camera.report(battery: 42)
                #expect(throws: CameraError.self) {
                    try camera.raise(CameraAlarm(.motion, .start, channel: 2))
                }
            },
            body: { bench, camera in
                try await bench.until { bench.alarms.count == 1 && bench.events.count == 1 }
                #expect(try BatteryChange(bench.events[0].parameters).percent == 42)
                #expect(bench.alarms[0].description == "early" && bench.alarms[0].phase == .pulse)
                bench.pictureURL = bench.url("/alarm")
                try camera.raise(CameraAlarm(.motion, .start, channel: 1, text: "hall"))
                try await bench.until { bench.uploads.count == 1 }
                #expect(bench.uploads[0].content == Array("motion hall".utf8))
                try await bench.until { bench.heartbeats.last?.channels.last?.alarms == AlarmType.motion.bit }
            }
        )
    }

    @Test("factory settings that are no configuration are named before anything is sent")
    func brokenSettings() {
        struct Broken: ConfigurationKeeper {
            let factorySettings = #"{"led":"on"}"#
            func load() throws -> String? { nil }
            func save(_ document: String, changed: [String]) throws {}
        }
        var configuration = CameraTests.configuration("https://localhost:1")
        configuration.abilities.configuration = Broken()
        let error = #expect(throws: CameraError.self) {
            try Camera(configuration, source: FrameSource(hasAudio: false))
        }
        #expect(error?.description.contains("led") == true)
    }
}
