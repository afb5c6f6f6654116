import HSSModel
import HostClock
import MediaFormats
import NIOCore
import Synchronization

/// The device behind a unit, on the unit's event loop. Answers each order once, soon or late.
protocol UnitDevice: AnyObject {
    func start(_ tell: @escaping (UnitMachine.Input) -> Void)
    func carryOut(_ id: JobID, _ order: DeviceOrder)
    /// The unit's time is the host's and so much more.
    func clockWasSet(to offset: Duration)
    func happened(_ event: UnitEvent)
    /// What the test pattern shows; nil where there is a real picture.
    func scene(ofChannel channel: Int) -> SceneBoard?
    func stop()
}

/// Where a channel looks, for the thread that draws it.
final class SceneBoard: Sendable {
    private struct State {
        var head: VirtualHead?
        var clockOffset: Duration = .zero
    }

    private let channel: Int
    private let state = Mutex(State())

    init(channel: Int) {
        self.channel = channel
    }

    func show(_ head: VirtualHead?, clockOffset: Duration) {
        state.withLock { $0 = State(head: head, clockOffset: clockOffset) }
    }

    func scene() -> TestPatternScene {
        let now = state.withLock { $0 }
        return VirtualDevice.scene(
            now.head,
            channel: channel,
            at: .now,
            time: .now + now.clockOffset
        )
    }
}

/// Runs a ``VirtualDevice``. Decides nothing.
final class VirtualUnit: UnitDevice {
    private let loop: any EventLoop
    private var device: VirtualDevice
    private var clockOffset: Duration = .zero
    private var timer: Scheduled<Void>?
    private var tell: ((UnitMachine.Input) -> Void)?
    private var boards: [Int: SceneBoard] = [:]

    init(_ settings: VirtualDeviceSettings, on loop: any EventLoop) {
        self.loop = loop
        device = VirtualDevice(settings, at: .now)
    }

    func start(_ tell: @escaping (UnitMachine.Input) -> Void) {
        self.tell = tell
        for news in device.firstNews { tell(.news(news)) }
        give(.wake)
    }

    func carryOut(_ id: JobID, _ order: DeviceOrder) {
        give(.order(id, order))
    }

    func clockWasSet(to offset: Duration) {
        clockOffset = offset
        for (channel, board) in boards { board.show(device.head(channel), clockOffset: offset) }
    }

    func happened(_ event: UnitEvent) {
        give(.note(event.name))
    }

    func scene(ofChannel channel: Int) -> SceneBoard? {
        if let board = boards[channel] { return board }
        let board = SceneBoard(channel: channel)
        board.show(device.head(channel), clockOffset: clockOffset)
        boards[channel] = board
        return board
    }

    func stop() {
        timer?.cancel()
        tell = nil
    }

    private func give(_ input: VirtualDevice.Input) {
        guard let tell else { return }
        for action in device.receive(input, at: .now, time: .now + clockOffset) {
            switch action {
            case .answer(let id, let answer): tell(.device(id, answer))
            // The device stamps its alarms with the host's time; the unit's machine adds its own clock's part.
            case .news(.alarm(let channel, let type, let phase, let text)):
                tell(
                    .alarm(UnitAlarm(channel: channel, type: type, phase: phase, time: .now, text: text))
                )
            case .news(let news): tell(.news(news))
            case .wake(let instant): wake(at: instant)
            }
        }
        if case .order(_, .turn(let channel, _)) = input, let board = boards[channel] {
            board.show(device.head(channel), clockOffset: clockOffset)
        }
    }

    private func wake(at instant: Instant) {
        timer?.cancel()
        let bound = NIOLoopBound(self, eventLoop: loop)
        let delay = max(0, (instant - .now).wholeNanoseconds)
        timer = loop.scheduleTask(in: .nanoseconds(delay)) { bound.value.give(.wake) }
    }
}
