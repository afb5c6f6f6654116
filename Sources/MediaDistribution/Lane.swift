import Bus
import Glibc
import HSSModel
import HostClock
import SRTTransport
import Synchronization
import Vm

/// One UDP socket and the thread that moves its media. libsrt has one receive and one send thread of its own for it.
///
/// The thread sleeps 5 ms and then collects everything that has arrived: a third of the cost of waking for each packet
/// (FACTS). Others talk to it through ``post(_:)``.
final class Lane: Sendable {
    enum Command: Sendable {
        case close(SRTSocket)
        /// Close the listener and every connection, then end the thread.
        case stop
    }

    static let tickInMicroseconds: useconds_t = 5000

    let listener: SRTListener
    let poll: SRTPoll
    private let commands = Mutex<[Command]>([])
    private let ended: AsyncStream<Void>
    private let finishEnded: AsyncStream<Void>.Continuation

    init(_ listener: SRTListener) throws(SRTError) {
        self.listener = listener
        poll = try SRTPoll()
        try poll.add(listener.socket, [.readable, .failed])
        (ended, finishEnded) = AsyncStream.makeStream()
    }

    func post(_ command: Command) {
        commands.withLock { $0.append(command) }
    }

    func takeCommands() -> [Command] {
        commands.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }

    /// Starts the thread, which keeps its lane alive until it has been stopped.
    func start(number: Int, makeLoop: @escaping @Sendable (Lane) -> LaneLoop) throws(MediaStartError) {
        final class Start: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        let start = Start { [self] in
            nameThread("srt-lane-\(number)")
            makeLoop(self).run()
            finishEnded.finish()
        }
        var thread = pthread_t()
        let opaque = Unmanaged.passRetained(start).toOpaque()
        let code = pthread_create(
            &thread,
            nil,
            { opaque in
                guard let opaque else { return nil }
                Unmanaged<Start>.fromOpaque(opaque).takeRetainedValue().body()
                return nil
            },
            opaque
        )
        guard code == 0 else {
            Unmanaged<Start>.fromOpaque(opaque).release()
            throw .socket("no thread for lane \(number): \(String(cString: strerror(code)))")
        }
        pthread_detach(thread)
    }

    func waitUntilEnded() async {
        for await _ in ended {}
    }
}
