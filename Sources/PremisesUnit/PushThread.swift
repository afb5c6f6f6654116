import Dispatch
import Foundation
import HSSModel
import HostClock
import MediaFormats
import SRTTransport
import Synchronization
import Vm

/// What the pushes of a process show.
enum PushVideo: Sendable {
    /// At the pace of its own clock.
    case looped(VideoSource)
    /// As it comes.
    case live(LiveSource)
}

/// One thread that pushes all streams of a process: each message leaves when it is due, none waits for another.
final class PushThread: MediaPublisher {
    /// Pushes of one process; libsrt keeps a megabyte for each.
    private static let mostPushes = 10_000
    private static let tick: UInt32 = 5000  // µs

    private enum Command: Sendable {
        case start(PushHandle, Push.Target, @Sendable (PushNews) -> Void)
        case stop(PushHandle)
        case shutdown(CheckedContinuation<Void, Never>)
    }

    private struct Inbox {
        var commands: [Command] = []
        var lastHandle: UInt64 = 0
        /// Handles of pushes that run or will.
        var wanted: Set<PushHandle> = []
        var isShutDown = false
    }

    private let inbox = Mutex(Inbox())
    private let work = DispatchSemaphore(value: 0)
    /// getaddrinfo blocks: not on the thread that keeps the pace.
    private let resolver = DispatchQueue(label: "vedette.push.resolver")

    init(video: PushVideo) {
        let thread = Thread { [self] in
            nameThread("push")
            run(video)
        }
        thread.start()
    }

    func start(
        _ order: PushOrder,
        scene: SceneBoard?,
        tell: @escaping @Sendable (PushNews) -> Void
    ) -> PushHandle {
        let (handle, isAccepted) = inbox.withLock { inbox in
            inbox.lastHandle += 1
            let handle = PushHandle(rawValue: inbox.lastHandle)
            guard !inbox.isShutDown, inbox.wanted.count < Self.mostPushes else { return (handle, false) }
            inbox.wanted.insert(handle)
            return (handle, true)
        }
        guard isAccepted else {
            tell(.ended(.noPicture("too many streams in one process")))
            return handle
        }
        let address = order.address
        resolver.async { [self] in
            do {
                let found = try NetworkAddress.resolve(host: address.host, port: address.port)
                let target = Push.Target(
                    channel: order.channel,
                    scene: scene,
                    options: Self.options(address),
                    addresses: found.prefix(4)
                )
                post(.start(handle, target, tell))
            } catch {
                if forget(handle) { tell(.ended(.broken("\(error)"))) }
            }
        }
        return handle
    }

    func stop(_ handle: PushHandle) {
        if forget(handle) { post(.stop(handle)) }
    }

    /// Ends every push without news, and the thread. Once; waits for it in a cancelled task, too.
    func shutdown() async {
        inbox.withLock { $0.isShutDown = true }
        await withCheckedContinuation { post(.shutdown($0)) }
    }

    private static func options(_ address: SRTAddress) -> SRTOptions {
        var options = SRTOptions(address)
        // A second of 8 Mbit/s: what waits longer is dropped here, at a key frame.
        options.sendBufferInBytes = 1 << 20
        options.receiveBufferInBytes = 64 << 10
        options.flowWindow = 4096
        return options
    }

    private func post(_ command: Command) {
        inbox.withLock { $0.commands.append(command) }
        work.signal()
    }

    /// False: it was forgotten before.
    private func forget(_ handle: PushHandle) -> Bool {
        inbox.withLock { $0.wanted.remove(handle) != nil }
    }

    // MARK: The thread

    private func run(_ video: PushVideo) {
        var pushes: [PushHandle: Push] = [:]
        while true {
            if pushes.isEmpty { work.wait() }
            let commands = inbox.withLock { inbox in
                defer { inbox.commands = [] }
                return inbox.commands
            }
            for command in commands {
                switch command {
                case .start(let handle, let target, let tell):
                    guard inbox.withLock({ $0.wanted.contains(handle) }) else { break }
                    pushes[handle] = Push(target, video: video, tell: tell)
                case .stop(let handle):
                    pushes.removeValue(forKey: handle)?.close()
                case .shutdown(let ended):
                    for push in pushes.values { push.close() }
                    return ended.resume()
                }
            }
            let now = Instant.now
            for (handle, push) in pushes {
                guard let end = push.advance(at: now) else { continue }
                push.close()
                pushes[handle] = nil
                if forget(handle) { push.tell(.ended(end)) }
            }
            if !pushes.isEmpty { usleep(Self.tick) }
        }
    }
}

/// One connection to a media server. Belongs to the ``PushThread``.
private final class Push {
    /// What comes so much too late is left out up to the next key frame.
    private static let longestLag: Duration = .seconds(2)
    /// After a longer pause (the process was stopped) the stream goes on as if there had been none.
    private static let longestPause: Duration = .seconds(10)
    /// Where sending starts again behind a gap.
    private static let tolerableLag: Duration = .milliseconds(500)
    /// Messages taken in one tick, so that one stream that catches up does not hold the others up.
    private static let mostPerTick = 2000

    struct Target: Sendable {
        var channel: Int
        /// What a test pattern shows.
        var scene: SceneBoard?
        var options: SRTOptions
        /// What is left to try.
        var addresses: ArraySlice<NetworkAddress>
    }

    private enum State {
        case waiting
        case connecting(SRTSocket)
        case running(SRTSocket, start: Instant)
    }

    let tell: @Sendable (PushNews) -> Void
    private var target: Target
    private let video: PushVideo
    private var feed: VideoFeed?
    private var live: LiveFeed?
    private var state = State.waiting
    private var next: TransportStreamLoop.Message?
    /// The message of ``live`` that the socket did not take yet.
    private var pending: [UInt8]?
    private var isSkipping = false

    init(_ target: Target, video: PushVideo, tell: @escaping @Sendable (PushNews) -> Void) {
        self.target = target
        self.video = video
        self.tell = tell
    }

    func close() {
        switch state {
        case .waiting: break
        case .connecting(let socket), .running(let socket, _): socket.close()
        }
        state = .waiting
        live?.close()
        live = nil
    }

    /// Does what is due. Not nil: this push is over.
    func advance(at now: Instant) -> PushEnd? {
        do {
            switch state {
            case .waiting:
                guard let address = target.addresses.popFirst() else { return .broken("no address") }
                if case .looped(let video) = video { feed = try video.makeFeed() }
                let socket = try SRTSocket(target.options)
                state = .connecting(socket)
                try socket.connect(to: address)
            case .connecting(let socket):
                switch socket.state {
                case .connected:
                    state = .running(socket, start: now)
                    if case .live(let source) = video {
                        live = LiveFeed(source, channel: target.channel)
                    }
                    tell(.started)
                    return try send(on: socket, start: now, at: now)
                case .broken: return failed(socket)
                default: break
                }
            case .running(let socket, let start):
                return try send(on: socket, start: start, at: now)
            }
            return nil
        } catch let error as SRTError {
            if case .connecting(let socket) = state { return failed(socket) }
            return .broken(error.description)
        } catch {
            return .noPicture("\(error)")
        }
    }

    private func failed(_ socket: SRTSocket) -> PushEnd? {
        let rejection = socket.rejection
        switch rejection {
        case .overload: return .broken(rejection.description)
        case .badSecret, .unsecure: return .refused(rejection.description)
        case _ where rejection.code >= 1000: return .refused(rejection.description)
        default:
            guard !target.addresses.isEmpty else { return .broken("no connection: \(rejection)") }
            close()
            return nil
        }
    }

    private func send(on socket: SRTSocket, start: Instant, at now: Instant) throws -> PushEnd? {
        if let live {
            return try send(live, on: socket)
        }
        var start = start
        for _ in 0..<Self.mostPerTick {
            if next == nil { next = try feed?.next(showing: target.scene) }
            guard let message = next else { return .noPicture("the video has ended") }
            let lag = now - (start + message.due)
            guard lag >= .zero else { return nil }
            if lag > Self.longestPause {
                start = now + (.zero - message.due)
                state = .running(socket, start: start)
            }
            if lag > Self.longestLag { isSkipping = true }
            if isSkipping {
                guard message.isRandomAccess, lag <= Self.tolerableLag || lag > Self.longestPause else {
                    next = nil
                    continue
                }
                isSkipping = false
            }
            guard try message.packets.withUnsafeBytes({ try socket.send($0) }) else { return nil }
            next = nil
        }
        return nil
    }

    /// The backlog of the feed drops what the socket does not take.
    private func send(_ live: LiveFeed, on socket: SRTSocket) throws -> PushEnd? {
        // An encoder that is silent must not hide that the media server is gone.
        guard socket.state == .connected else { return .broken("the media server is gone") }
        for _ in 0..<Self.mostPerTick {
            if pending == nil { pending = try live.next() }
            guard let message = pending, try message.withUnsafeBytes({ try socket.send($0) }) else {
                return nil
            }
            pending = nil
        }
        return nil
    }
}
