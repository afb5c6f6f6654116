import Glibc
import HSSModel
import HostClock
import NIOCore
import NIOSSL
import Vd
import Vs

/// What all units of a process share.
struct UnitServices: Sendable {
    var scheduling: SchedulingClient
    var trust: NIOSSLContext
    var publisher: any MediaPublisher
    var transfers: TransferClient
    var feeds: any RecordFeeds
    var records: RecordClient
}

/// What a publisher tells of one push.
enum PushNews: Sendable {
    case started
    /// The last news.
    case ended(PushEnd)
}

/// Pushes streams to media servers, for all units of a process.
protocol MediaPublisher: Sendable {
    /// `tell` is called on a thread of the publisher.
    func start(
        _ order: PushOrder,
        scene: SceneBoard?,
        tell: @escaping @Sendable (PushNews) -> Void
    ) -> PushHandle
    /// Late and repeated stops change nothing.
    func stop(_ handle: PushHandle)
}

/// One push of a process.
struct PushHandle: Hashable, Sendable {
    let rawValue: UInt64
}

/// Chance that can be repeated (SplitMix64).
struct UnitRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// Carries out what one ``UnitMachine`` wants, on one event loop. Decides nothing.
///
/// No task belongs to it: a unit that is logged in costs a socket, its buffers and one timer.
final class UnitRunner: VdConnectionOwner {
    private let loop: any EventLoop
    private let services: UnitServices
    private let device: (any UnitDevice)?
    private let tell: @Sendable (UnitEvent) -> Void
    private let setClock: @Sendable (Duration) -> Bool
    private let sleeps: @Sendable (HibernationOrder) -> Void
    private var machine: UnitMachine
    private var random: UnitRandom
    private var timer: Scheduled<Void>?
    /// The connection of the latest attempt: on its way, or open.
    private var opening: (attempt: AttemptID, channel: EventLoopFuture<any Channel>)?
    private var open: (attempt: AttemptID, channel: any Channel)?
    /// While the unit sleeps.
    private var hibernation: HibernationClient?
    private var handles: [PushID: PushHandle] = [:]
    private let taps: RecordTaps
    /// Carrying out an action may bring news at once, which waits until all actions are done.
    private var inputs: [UnitMachine.Input] = []
    private var isBusy = false

    /// `tell` and `setClock` are called on the event loop. `setClock` sets the host's clock, or returns false
    /// where it leaves it alone, as a simulated unit does: then the machine counts the difference by itself. `sleeps` is
    /// told what keeps the platform in touch while the unit sleeps; that is done here too, as long as the process runs.
    init(
        _ profile: UnitProfile,
        faults: FaultPlan,
        device: (any UnitDevice)?,
        seed: UInt64,
        services: UnitServices,
        on loop: any EventLoop,
        setClock: @escaping @Sendable (Duration) -> Bool = { _ in false },
        sleeps: @escaping @Sendable (HibernationOrder) -> Void = { _ in },
        tell: @escaping @Sendable (UnitEvent) -> Void
    ) {
        machine = UnitMachine(profile, faults: faults)
        self.sleeps = sleeps
        self.loop = loop
        self.services = services
        taps = RecordTaps(profile, feeds: services.feeds)
        self.device = device
        random = UnitRandom(seed: seed)
        self.tell = tell
        self.setClock = setClock
    }

    /// On the event loop, as everything here.
    func receive(_ input: UnitMachine.Input) {
        loop.preconditionInEventLoop()
        inputs.append(input)
        guard !isBusy else { return }
        isBusy = true
        defer { isBusy = false }
        while !inputs.isEmpty {
            let next = inputs.removeFirst()
            switch next {
            case .start: startDevice()
            case .stop:
                device?.stop()
                taps.close()
                endHibernation()
            default: break
            }
            let actions = machine.receive(next, at: .now, using: &random)
            if case .transfer(_, .received(let file)) = next { discard(file, unlessUsedBy: actions) }
            for action in actions { carryOut(action) }
        }
        // Its memory too: thousands of units wait with nothing to do.
        inputs = []
    }

    private func carryOut(_ action: UnitMachine.Action) {
        switch action {
        case .schedule(let attempt, let request): schedule(attempt, request)
        case .connect(let attempt, let address):
            endHibernation()
            taps.open { device?.scene(ofChannel: $0) }
            connect(attempt, address)
        case .hibernate(let order):
            taps.close()
            hibernate(order)
        case .send(let attempt, let message): send(message.encoded(), attempt)
        case .sendBytes(let attempt, let bytes): send(bytes, attempt)
        case .sendMalformed(let attempt): send(Array(#"{"req":"Keepalive","seq":"#.utf8), attempt)
        case .close(let attempt): close(attempt)
        case .startPush(let order): startPush(order)
        case .stopPush(let id): handles.removeValue(forKey: id).map(services.publisher.stop)
        case .startRecording(let order): startRecording(order)
        case .stopRecording(let id): taps.stop(id)
        case .vr(let order): carryOut(order)
        case .wake(let instant): wake(at: instant)
        case .report(let event):
            device?.happened(event)
            tell(event)
        case .setClock(let offset):
            if setClock(offset) {
                receive(.clockWasSet)
            } else {
                device?.clockWasSet(to: offset)
            }
        case .readClock(let job): receive(.clock(job, host: .now))
        case .device(let job, let order):
            if let device {
                device.carryOut(job, order)
            } else {
                receive(.device(job, .refused(.internalError("there is no device"))))
            }
        case .upload(let order):
            services.transfers.upload(order, tell: transferNews(order.id))
        case .download(let order):
            services.transfers.download(order, tell: transferNews(order.id))
        }
    }

    // MARK: The device and its files

    private func startDevice() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        device?.start { bound.value.receive($0) }
    }

    /// A file that came too late for anybody to want it.
    private func discard(_ file: ReceivedFile, unlessUsedBy actions: [UnitMachine.Action]) {
        guard let path = file.path else { return }
        let isUsed = actions.contains { action in
            switch action {
            case .device(_, .install(_, file)), .device(_, .play(_, file)): true
            default: false
            }
        }
        if !isUsed { unlink(path) }
    }

    private func transferNews(_ job: JobID) -> @Sendable (TransferNews) -> Void {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let loop = loop
        return { news in
            loop.execute { bound.value.receive(.transfer(job, news)) }
        }
    }

    // MARK: Sleep

    private func hibernate(_ order: HibernationOrder) {
        let client = HibernationClient(order, seed: random.next(), on: loop) { [weak self] in
            self?.receive(.roused)
        }
        hibernation = client
        client.start()
        sleeps(order)
    }

    private func endHibernation() {
        hibernation?.stop()
        hibernation = nil
    }

    // MARK: Vs

    private func schedule(_ attempt: AttemptID, _ request: SchedulingRequest) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        services.scheduling.ask(request, on: loop).whenSuccess { result in
            switch result {
            case .success(let answer): bound.value.receive(.scheduled(attempt, answer, hostTime: .now))
            case .failure(let problem): bound.value.receive(.schedulingFailed(attempt, problem.description))
            }
        }
    }

    // MARK: Vd

    private func connect(_ attempt: AttemptID, _ address: SignallingAddress) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let channel = VdConnection.open(
            attempt,
            to: address,
            trust: services.trust,
            on: loop,
            owner: NIOLoopBound(self, eventLoop: loop)
        )
        opening = (attempt, channel)
        channel.whenFailure { error in
            bound.value.vdClosed(attempt, VdConnection.failure(error))
        }
    }

    func vdConnected(_ attempt: AttemptID, _ channel: any Channel) {
        guard opening?.attempt == attempt else { return channel.close(promise: nil) }
        opening = nil
        open = (attempt, channel)
        receive(.connected(attempt))
    }

    func vdReceived(_ attempt: AttemptID, _ message: Result<RPCMessage, MalformedPacket>) {
        switch message {
        case .success(let message): receive(.message(attempt, message))
        case .failure(let problem): receive(.malformed(attempt, problem))
        }
    }

    func vdClosed(_ attempt: AttemptID, _ reason: String) {
        forget(attempt)
        receive(.disconnected(attempt, reason))
    }

    func vdRefused(_ attempt: AttemptID, _ reason: String) {
        forget(attempt)
        receive(.refused(attempt, reason))
    }

    private func forget(_ attempt: AttemptID) {
        if opening?.attempt == attempt { opening = nil }
        if open?.attempt == attempt { open = nil }
    }

    private func send(_ bytes: [UInt8], _ attempt: AttemptID) {
        guard let open, open.attempt == attempt else { return }
        if !VdConnection.send(bytes, on: open.channel) { open.channel.close(promise: nil) }
    }

    private func close(_ attempt: AttemptID) {
        if let open, open.attempt == attempt {
            self.open = nil
            VdConnection.close(open.channel)
        } else if let opening, opening.attempt == attempt {
            self.opening = nil
            opening.channel.whenSuccess { $0.close(promise: nil) }
        }
    }

    // MARK: Pushes

    private func startPush(_ order: PushOrder) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let loop = loop
        let scene = device?.scene(ofChannel: order.channel)
        handles[order.id] = services.publisher.start(order, scene: scene) { news in
            loop.execute { bound.value.pushNews(order.id, news) }
        }
    }

    private func pushNews(_ id: PushID, _ news: PushNews) {
        switch news {
        case .started: receive(.pushStarted(id))
        case .ended(let end):
            handles[id] = nil
            receive(.pushEnded(id, end))
        }
    }

    // MARK: Recordings

    private func startRecording(_ order: RecordingOrder) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let loop = loop
        taps.start(order, scene: device?.scene(ofChannel: order.channel)) { news in
            loop.execute { bound.value.receive(.recording(order.id, news)) }
        }
    }

    private func carryOut(_ order: VrOrder) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let loop = loop
        services.records.carryOut(order) { reply in
            loop.execute { bound.value.receive(.vr(order.recording, order.number, reply)) }
        }
    }

    // MARK: Time

    private func wake(at instant: Instant) {
        timer?.cancel()
        let bound = NIOLoopBound(self, eventLoop: loop)
        let delay = max(0, (instant - .now).wholeNanoseconds)
        timer = loop.scheduleTask(in: .nanoseconds(delay)) { bound.value.receive(.wake) }
    }
}
