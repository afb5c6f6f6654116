import Bus
import ChildProcesses
import CodecProtocol
import HSSModel
import HostClock
import Logging
import NIOCore
import ServerKit
import Synchronization

/// The platform's end of `vedette-codec pictures`: keeps one running while it is needed, asks it for one picture after the
/// other, and starts another when it dies.
///
/// Nothing that a picture does to it harms anybody else: it is killed when it takes longer than ``Settings/deadline``;
/// who asked hears that there is no picture; and whatever comes next is asked of its successor.
final class PictureCodec: Sendable {
    struct Settings: Sendable {
        /// The programme; `nil`: it is not installed.
        var path: String?
        /// Pictures that may wait.
        var queue = 64
        /// For one picture; the largest take half a second.
        var deadline: Duration = .seconds(3)
        /// Before it is started again, having died twice without an answer; doubled up to a second.
        var pause: Duration = .milliseconds(50)
        var memoryInBytes = 1 << 30
        var quality = 4
    }

    enum Failure: Error, Equatable {
        case busy, ended
        case refused(PictureAnswer.Failure)
        /// It died of this picture, or was killed because it took too long.
        case crashed, late
        case notStarted(String)
    }

    typealias Made = PictureAnswer.Picture

    private struct Order: Sendable {
        var coding: PictureRequest.Coding
        var bytes: [UInt8]
        var width: Int?
        /// Programmes that died of it.
        var attempts = 0
        let answer: CheckedContinuation<Result<Made, Failure>, Never>
    }

    private struct State {
        var queue: [Order] = []
        var isOpen = true
    }

    private static let longestPause: Duration = .seconds(1)
    /// Pictures can wait; packets cannot.
    private static let niceness = 5

    private let settings: Settings
    private let metrics: PictureMetrics
    private let logger: Logger
    private let state = Mutex(State())
    private let bell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    init(_ settings: Settings, metrics: PictureMetrics, logger: Logger) {
        self.settings = settings
        self.metrics = metrics
        self.logger = logger
        (bell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    var isInstalled: Bool { settings.path != nil }

    // MARK: Asking

    func jpeg(of bytes: [UInt8], _ coding: PictureRequest.Coding, width: Int?) async throws(Failure) -> Made {
        let result = await withCheckedContinuation { continuation in
            let order = Order(coding: coding, bytes: bytes, width: width, answer: continuation)
            let refusal = state.withLock { state -> Failure? in
                guard state.isOpen else { return .ended }
                guard state.queue.count < settings.queue else { return .busy }
                state.queue.append(order)
                metrics.waiting.set(state.queue.count)
                return nil
            }
            if let refusal { return continuation.resume(returning: .failure(refusal)) }
            ring.yield()
        }
        switch result {
        case .success: metrics.made.add()
        case .failure(let failure): count(failure)
        }
        return try result.get()
    }

    private func count(_ failure: Failure) {
        switch failure {
        case .busy: metrics.count(.busy)
        case .ended: break
        case .refused(.request): metrics.count(.protocolBroken)
        case .refused(.damaged): metrics.count(.damaged)
        case .refused(.unsupported), .refused(.encoder): metrics.count(.unsupported)
        case .refused(.memory): metrics.count(.memory)
        case .crashed: metrics.count(.crashed)
        case .late: metrics.count(.late)
        case .notStarted: metrics.count(.notStarted)
        }
    }

    // MARK: Running

    /// Until the task is cancelled. The programme is started with the first order.
    func run() async {
        var deaths = 0
        while await waitForOrder() {
            if deaths > 1, (try? await Task.sleep(for: pause(after: deaths))) == nil { break }
            deaths = await live() ? 1 : deaths + 1
        }
        for order in close() { order.answer.resume(returning: .failure(.ended)) }
    }

    private func pause(after deaths: Int) -> Duration {
        min(Self.longestPause, settings.pause * (1 << min(deaths - 2, 10)))
    }

    /// One life of the programme. True: it answered something.
    private func live() async -> Bool {
        guard let path = settings.path else {
            failAll(.notStarted("it is not installed"))
            return false
        }
        var command = ChildCommand(path, ["pictures", "--memory", "\(settings.memoryInBytes)"])
        command.niceness = Self.niceness
        metrics.starts.add()
        do {
            let ((answers, lastWords), exit) = try await ChildProcess.run(command) { child, output, input in
                let answers = try await self.converse(with: child, output, input)
                return (answers, child.lastLines)
            }
            if !Task.isCancelled {
                logger.warning(
                    "vedette-codec has ended; the next picture starts it again",
                    metadata: [
                        "cause": "\(exit)", "answers": "\(answers)",
                        "said": "\(lastWords.joined(separator: " | "))",
                    ]
                )
            }
            return answers > 0
        } catch {
            logger.error(
                "vedette-codec cannot be run: no pictures of streams",
                metadata: ["path": "\(path)", "reason": "\(error)"]
            )
            failAll(.notStarted("\(error)"))
            return false
        }
    }

    /// Until it ends, or is to. Returns how often it answered.
    private func converse(
        with child: ChildProcess,
        _ output: ChildProcess.Output,
        _ input: ChildProcess.Input
    ) async throws -> Int {
        var pipe = Conversation(output: output.makeAsyncIterator(), input: input)
        var answers = 0
        while await waitForOrder(), var order = take() {
            let begin = Instant.now
            switch await pipe.exchange(order.coding, order.bytes, order.width, settings, child) {
            case .answer(let outcome):
                answers += 1
                metrics.seconds.observe((Instant.now - begin).inSeconds)
                order.answer.resume(returning: outcome.mapError { .refused($0) })
            case .late:
                order.answer.resume(returning: .failure(.late))
                return answers
            case .dead:
                // It may have been dead before it was asked.
                order.attempts += 1
                if order.attempts > 1 {
                    order.answer.resume(returning: .failure(.crashed))
                } else {
                    giveBack(order)
                }
                return answers
            }
        }
        return answers
    }

    // MARK: The queue

    /// False: cancelled.
    private func waitForOrder() async -> Bool {
        while !Task.isCancelled {
            guard state.withLock(\.queue.isEmpty) else { return true }
            var bell = bell.makeAsyncIterator()
            _ = await bell.next(isolation: #isolation)
        }
        return false
    }

    private func take() -> Order? {
        state.withLock { state in
            let order = state.queue.isEmpty ? nil : state.queue.removeFirst()
            metrics.waiting.set(state.queue.count)
            return order
        }
    }

    private func giveBack(_ order: Order) {
        state.withLock { $0.queue.insert(order, at: 0) }
    }

    private func failAll(_ failure: Failure) {
        let orders = state.withLock { state in
            defer { state.queue = [] }
            return state.queue
        }
        metrics.waiting.set(0)
        for order in orders { order.answer.resume(returning: .failure(failure)) }
    }

    private func close() -> [Order] {
        state.withLock { state in
            state.isOpen = false
            defer { state.queue = [] }
            return state.queue
        }
    }
}

/// One pipe to the programme and back.
private struct Conversation {
    enum Outcome {
        case answer(Result<PictureAnswer.Picture, PictureAnswer.Failure>)
        case late
        /// Its pipe has ended, or what came through it is no answer.
        case dead
    }

    var output: ChildProcess.Output.AsyncIterator
    let input: ChildProcess.Input
    private var reader = CodecFrameReader(longest: PictureAnswer.longest)
    private var number: UInt32 = 0

    init(output: ChildProcess.Output.AsyncIterator, input: ChildProcess.Input) {
        self.output = output
        self.input = input
    }

    mutating func exchange(
        _ coding: PictureRequest.Coding,
        _ bytes: [UInt8],
        _ width: Int?,
        _ settings: PictureCodec.Settings,
        _ child: ChildProcess
    ) async -> Outcome {
        number &+= 1
        let request = PictureRequest(
            number: number,
            coding: coding,
            width: width,
            quality: settings.quality,
            picture: bytes
        )
        guard let frame = request.encoded() else { return .answer(.failure(.unsupported)) }
        let deadline = settings.deadline
        let isLate = Atomic(false)
        // Its death ends the wait below. Cancelled as soon as there is an answer.
        async let _: Void = {
            guard (try? await Task.sleep(for: deadline)) != nil else { return }
            isLate.store(true, ordering: .relaxed)
            child.signal(9)
        }()
        do {
            try await input.write(ByteBuffer(bytes: frame))
            while true {
                if let found = try reader.next() {
                    let answer = try PictureAnswer(decoding: found)
                    return answer.number == number ? .answer(answer.outcome) : .dead
                }
                guard let piece = try await output.next(isolation: #isolation) else { break }
                reader.take(piece.readableBytesView)
            }
        } catch {
            // Whatever it was: nothing more can be said through this pipe.
        }
        return isLate.load(ordering: .relaxed) ? .late : .dead
    }
}
