import Dispatch
import Glibc
import HSSModel
import NIOCore
import Synchronization
import Vd

/// The device behind a ``Camera``: carries orders to the maker's objects and their answers back. Each object has a
/// queue of its own, so that one that takes its time holds nobody else up.
final class CameraDevice: UnitDevice {
    /// Longer pictures and logs are not sent.
    private static let longestPicture = 4 << 20
    private static let longestLog = 16 << 20

    private enum Ability: Hashable {
        case ptz, configuration, firmware, storage, snapshots, player, log, power, status
    }

    private let abilities: CameraAbilities
    private let loop: any EventLoop
    private let configuration: KeptConfiguration?
    private var queues: [Ability: DispatchQueue] = [:]
    private var tell: ((UnitMachine.Input) -> Void)?

    init(_ abilities: CameraAbilities, configuration: KeptConfiguration?, on loop: any EventLoop) {
        self.abilities = abilities
        self.configuration = configuration
        self.loop = loop
    }

    func start(_ tell: @escaping (UnitMachine.Input) -> Void) {
        self.tell = tell
    }

    func stop() {
        tell = nil
    }

    func clockWasSet(to offset: Duration) {}
    func happened(_ event: UnitEvent) {}
    func scene(ofChannel channel: Int) -> SceneBoard? { nil }

    func carryOut(_ id: JobID, _ order: DeviceOrder) {
        switch order {
        case .restart: run(.power, id, abilities.power) { $0.restart() }
        case .restartChannel(let channel): restart(channel, id)
        case .turn(let channel, let command):
            run(.ptz, id, abilities.ptz) { try $0.carryOut(command, channel: channel) }
        case .presets(let channel):
            ask(.ptz, id, abilities.ptz) { .presets(Array(Set(try $0.presets(channel: channel))).sorted()) }
        case .status where abilities.status == nil: answer(id, .status(CameraStatus()))
        case .status: ask(.status, id, abilities.status) { .status($0.status()) }
        case .disk: ask(.storage, id, abilities.storage) { .disk(try $0.disk()) }
        case .format: run(.storage, id, abilities.storage) { try $0.format() }
        case .picture(let channel):
            ask(.snapshots, id, abilities.snapshots) { try Self.picture(try $0.picture(channel: channel)) }
        case .alarmPicture(let alarm):
            ask(.snapshots, id, abilities.snapshots) {
                try Self.picture(try $0.picture(of: CameraAlarm(alarm)))
            }
        case .configuration: ask(.configuration, id, configuration) { .configuration($0.document) }
        case .configure(let change):
            ask(.configuration, id, configuration) { .configuration(try $0.apply(change)) }
        case .resetConfiguration: run(.configuration, id, configuration) { try $0.reset() }
        case .log(let from, let to):
            ask(.log, id, abilities.log) { try Self.part($0, from: from, to: to) }
        case .install(let model, let file): install(model, file, id)
        case .play(let channel, let file):
            run(.player, id, abilities.player) { try $0.play(file.path ?? "", channel: channel) }
        case .player(let channel, let command):
            run(.player, id, abilities.player) { try $0.carryOut(command, channel: channel) }
        case .playerState(let channel):
            ask(.player, id, abilities.player) {
                .player(channel: channel, try $0.playback(channel: channel))
            }
        case .keepAwake(let channel, let duration):
            // The SDK stays awake by itself; the maker's part is the rest of the device.
            guard abilities.power != nil else { return answer(id, .done) }
            let seconds = Int(duration.wholeMilliseconds / 1000)
            run(.power, id, abilities.power) { $0.keepAwake(channel: channel, seconds: seconds) }
        }
    }

    // MARK: The maker's objects

    private func run<Object: Sendable>(
        _ ability: Ability,
        _ id: JobID,
        _ object: Object?,
        _ act: @escaping @Sendable (Object) throws -> Void
    ) {
        ask(ability, id, object) {
            try act($0)
            return .done
        }
    }

    private func ask<Object: Sendable>(
        _ ability: Ability,
        _ id: JobID,
        _ object: Object?,
        _ act: @escaping @Sendable (Object) throws -> DeviceAnswer
    ) {
        guard let object else {
            answer(id, .refused(.internalError("the camera cannot do that")))
            return
        }
        let bound = NIOLoopBound(self, eventLoop: loop)
        let loop = loop
        queue(ability).async {
            let answer: DeviceAnswer
            do {
                answer = try act(object)
            } catch let failure as RPCFailure {
                answer = .refused(failure)
            } catch {
                answer = .refused(.internalError(String("\(error)".prefix(200))))
            }
            loop.execute { bound.value.answer(id, answer) }
        }
    }

    private func answer(_ id: JobID, _ answer: DeviceAnswer) {
        tell?(.device(id, answer))
    }

    private func queue(_ ability: Ability) -> DispatchQueue {
        if let queue = queues[ability] { return queue }
        let queue = DispatchQueue(label: "vedette.camera.\(ability)")
        queues[ability] = queue
        return queue
    }

    /// Table I.2-4: a camera that cannot restart one channel restarts.
    private func restart(_ channel: Int, _ id: JobID) {
        guard abilities.power != nil else { return answer(id, .needsRestart) }
        ask(.power, id, abilities.power) { $0.restart(channel: channel) ? .done : .needsRestart }
    }

    private func install(_ model: String, _ file: ReceivedFile, _ id: JobID) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let loop = loop
        run(.firmware, id, abilities.firmware) { updater in
            let path = file.path ?? ""
            defer { unlink(path) }
            try updater.install(path, version: model) { percent in
                loop.execute { bound.value.tell?(.news(.installing(percent))) }
            }
        }
    }

    private static func picture(_ bytes: [UInt8]) throws -> DeviceAnswer {
        guard !bytes.isEmpty, bytes.count <= longestPicture else {
            throw CameraError("a picture of \(bytes.count) bytes")
        }
        return .picture(bytes)
    }

    private static func part(_ source: any LogSource, from: WallTime, to: WallTime) throws -> DeviceAnswer {
        let log = try source.log(from: Int(from.seconds), to: Int(to.seconds))
        guard log.text.count <= longestLog else { throw CameraError("a log of \(log.text.count) bytes") }
        func time(_ seconds: Int?) -> WallTime? {
            seconds.map { WallTime(milliseconds: Int64(min(max($0, 0), 1 << 40)) * 1000) }
        }
        return .log(UnitLogPart(bytes: log.text, first: time(log.first), last: time(log.last)))
    }
}

/// The configuration of a maker's camera: what is told is kept first.
final class KeptConfiguration: Sendable {
    private let keeper: any ConfigurationKeeper
    private let state: Mutex<UnitConfiguration>

    init(_ keeper: any ConfigurationKeeper) throws(CameraError) {
        self.keeper = keeper
        let factory = try Self.read(keeper.factorySettings, "factorySettings")
        let kept: String?
        do { kept = try keeper.load() } catch { throw CameraError("load: \(error)") }
        // What a broken file held is lost, the camera is not.
        state = Mutex(UnitConfiguration(factory: factory, kept: kept.flatMap { try? Self.read($0, "load") }))
    }

    var document: ConfigurationDocument { state.withLock { $0.document } }
    /// Abilities that are fields of it.
    var extras: Set<Capability> {
        let factory = state.withLock { $0.factory }
        var extras: Set<Capability> = []
        for field in factory.fields {
            switch field.path.name.split(separator: ".").first {
            case "led": extras.insert(.led)
            case "trace": extras.insert(.trace)
            case "switch_schedule": extras.insert(.switchSchedule)
            case "auto_reboot": extras.insert(.autoReboot)
            default: break
            }
        }
        return extras
    }

    func apply(_ change: ConfigurationDocument) throws -> ConfigurationDocument {
        var next = state.withLock { $0 }
        try next.apply(change)
        try save(next, changed: change.fields.map(\.path.description))
        return next.document
    }

    func reset() throws {
        var next = state.withLock { $0 }
        next.reset()
        try save(next, changed: [])
    }

    /// Calls come one after another, on one queue.
    private func save(_ next: UnitConfiguration, changed: [String]) throws {
        do {
            try keeper.save(String(decoding: next.document.object.bytes, as: UTF8.self), changed: changed)
        } catch {
            throw RPCFailure.unsupportedConfiguration(String("\(error)".prefix(128)))
        }
        state.withLock { $0 = next }
    }

    private static func read(_ text: String, _ name: String) throws(CameraError) -> ConfigurationDocument {
        do {
            return try ConfigurationDocument(try JSONObject(parsing: Array(text.utf8)))
        } catch {
            throw CameraError("\(name): \(error)")
        }
    }
}

extension CameraAlarm {
    init(_ alarm: UnitAlarm) {
        self.init(Kind(alarm.type), Phase(alarm.phase), channel: alarm.channel, text: alarm.text)
    }
}

extension CameraAlarm.Kind {
    fileprivate init(_ type: AlarmType) {
        self =
            switch type {
            case .external: .external
            case .motion: .motion
            case .intrusion: .intrusion
            case .cry: .cry
            case .face: .face
            case .sound: .sound
            case .lowPower: .lowPower
            case .lockPicking: .lockPicking
            case .bellRing: .bellRing
            case .human: .human
            case .infraredMotion: .infraredMotion
            }
    }

    var type: AlarmType {
        switch self {
        case .external: .external
        case .motion: .motion
        case .intrusion: .intrusion
        case .cry: .cry
        case .face: .face
        case .sound: .sound
        case .lowPower: .lowPower
        case .lockPicking: .lockPicking
        case .bellRing: .bellRing
        case .human: .human
        case .infraredMotion: .infraredMotion
        }
    }
}

extension CameraAlarm.Phase {
    fileprivate init(_ phase: AlarmPhase) {
        self =
            switch phase {
            case .start: .start
            case .end: .end
            case .pulse: .pulse
            }
    }

    var phase: AlarmPhase {
        switch self {
        case .start: .start
        case .end: .end
        case .pulse: .pulse
        }
    }
}
