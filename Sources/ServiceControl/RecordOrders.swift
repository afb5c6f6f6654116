import Bus
import HSSModel
import HostClock
import Logging
import ServerKit
import Store
import Vd
import Vr

// What RecordDirector sends: sessions to the storage, orders to units, events to the log.

extension RecordDirector {
    private static let payAgain = Duration.seconds(5)
    private static let endsAtOnce = 64

    func perform(_ action: RecordChannel.Action, on channel: ChannelAddress, _ end: RecordEnd) {
        switch action {
        // The session is made when its unit is told of it: of a unit that stays away nothing is kept.
        case .begin, .wake: break
        case .end(let session):
            guard desks[channel]?.begun == session else { break }
            desks[channel]?.begun = nil
            self.end(session, at: end.at, of: channel)
        case .start(let order, let prerecord):
            Task {
                let outcome = await turnstile.pass { await self.start(order, prerecord, on: channel) }
                self.settle(.started(order, outcome.answer), outcome, on: channel)
            }
        case .stop(let order):
            Task {
                let outcome = await turnstile.pass { await self.stop(order, on: channel) }
                self.settle(.stopped(order, outcome.answer), outcome, on: channel)
            }
        }
    }

    /// How an order ended.
    struct Outcome {
        var answer: RecordChannel.Answer
        var problem: RecordingStatus.Problem?

        static let lost = Outcome(answer: .lost)

        static func refused(_ text: String, code: Int? = nil) -> Outcome {
            let problem = RecordingStatus.Problem(at: .now, text: text, unitError: code)
            return Outcome(answer: .refused, problem: problem)
        }
    }

    private func settle(_ input: RecordChannel.Input, _ outcome: Outcome, on channel: ChannelAddress) {
        switch outcome.answer {
        case .agreed: metrics.agreed.add()
        case .refused: metrics.refused.add()
        case .lost: metrics.lost.add()
        }
        desks[channel]?.orders -= 1
        if let problem = outcome.problem {
            if desks[channel]?.problem?.text != problem.text {
                logger.notice(
                    "a recording is not as it is wanted",
                    metadata: ["channel": "\(channel)", "reason": "\(problem.text)"]
                )
            }
            desks[channel]?.problem = problem
        } else if outcome.answer == .agreed {
            desks[channel]?.problem = nil
        }
        // A connection that ended meanwhile is told first.
        hear()
        receive(input, on: channel)
    }

    // MARK: Orders

    private func start(
        _ order: RecordChannel.Order,
        _ prerecord: Duration,
        on channel: ChannelAddress
    ) async -> Outcome {
        let url: Secret
        do throws(RecordingError) {
            guard try await begin(order.session, of: channel) else { return .lost }
            url = try await address(of: order.session, for: channel.unit)
        } catch {
            return .refused(error.description)
        }
        guard let desk = desks[channel], desk.machine.session == order.session else { return .lost }
        let segment = desk.wishes.segment ?? parts.order.segment
        let request = StartRecord(
            session: order.session.rawValue,
            channel: channel.number,
            maxBitrate: parts.order.maxBitrate,
            segmentSeconds: Int(segment.inSeconds),
            segmentMaxBytes: parts.order.segmentBytes(of: segment),
            segmentMaxCount: parts.order.segmentCount(of: segment),
            prerecordSeconds: prerecord == .zero ? nil : Int(prerecord.inSeconds.rounded(.up)),
            // The clock of a unit may be 10 s behind (§9.3.1.1): what it records starts by ours.
            startTimestamp: Double(
                (WallTime.now - WallTime(milliseconds: 0)).inSeconds - prerecord.inSeconds
            ),
            callbackURL: url
        )
        do throws(UnitCallError) {
            // It may have fallen asleep while the order waited: only a command is worth waking it.
            let isCommand = desk.wish?.reasons.contains(.command) ?? false
            _ = try await calls.ask(request, of: channel.unit, wakes: isCommand)
            return Outcome(answer: .agreed)
        } catch {
            return outcome(of: error)
        }
    }

    /// The session is durable before its unit hears of it. False where it is not wanted any more.
    private func begin(
        _ session: RecordSessionID,
        of channel: ChannelAddress
    ) async throws(RecordingError) -> Bool {
        guard let desk = desks[channel], desk.machine.session == session else { return false }
        if desk.begun == session, desk.since != nil { return true }
        desks[channel]?.begun = session
        let storage = parts.storage
        let begun = await inOrder(.session(channel)) {
            () async -> Result<RunningRecordSession, RecordingError> in
            do throws(RecordingError) {
                return .success(try await storage.begin(session, of: channel))
            } catch {
                return .failure(error)
            }
        }
        let running = try begun.get()
        guard desks[channel]?.machine.session == session else { return false }
        desks[channel]?.since = running.begunAt
        return true
    }

    /// Over https, unless the unit says of itself that it can send nothing that way and the platform listens without.
    private func address(
        of session: RecordSessionID,
        for unit: UnitID
    ) async throws(RecordingError) -> Secret {
        let transfers: Set<Capability> = [.pictureUploadHTTPS, .logUploadHTTPS, .firmwareDownloadHTTPS]
        if let known = calls.abilities.known(of: unit), known.abilities.isDisjoint(with: transfers) {
            do throws(RecordingError) {
                return try await parts.storage.address(of: session, secure: false)
            } catch {
                guard case .conflict = error else { throw error }
            }
        }
        return try await parts.storage.address(of: session, secure: true)
    }

    private func stop(_ order: RecordChannel.Order, on channel: ChannelAddress) async -> Outcome {
        let request = StopRecord(session: order.session.rawValue, channel: channel.number)
        do throws(UnitCallError) {
            _ = try await calls.ask(request, of: channel.unit)
            return Outcome(answer: .agreed)
        } catch {
            switch error {
            // It has nothing that could record, so nothing does.
            case .unsupported, .noSuchChannel, .refused(code: 101, message: _),
                .refused(code: 102, message: _):
                return Outcome(answer: .agreed)
            default: return outcome(of: error)
            }
        }
    }

    private func outcome(of error: UnitCallError) -> Outcome {
        switch error {
        case .refused(let code, message: _):
            let words = Self.words[code].map { " (\($0))" } ?? ""
            return .refused(error.description + words, code: code)
        case .unsupported, .noSuchChannel, .malformedAnswer, .busy: return .refused(error.description)
        case .silent: return Outcome(answer: .lost, problem: .init(at: .now, text: error.description))
        // It is told when it is back.
        case .offline, .asleep: return .lost
        }
    }

    /// Errors of Table I.2-14 for people.
    private static let words = [
        11: "its pictures take more bits than live.max_bitrate allows",
        12: "it cannot use the address for segments",
        101: "it cannot record to the platform",
        102: "it has no such channel",
        103: "its channel is switched off or broken",
    ]

    // MARK: Ends

    private func end(_ session: RecordSessionID, at time: WallTime, of channel: ChannelAddress) {
        let storage = parts.storage
        line(.session(channel)) {
            do throws(RecordingError) {
                try await storage.end(session, at: time)
            } catch {
                await self.owe(session, of: channel, at: time, because: error)
            }
        }
    }

    private func owe(
        _ session: RecordSessionID,
        of channel: ChannelAddress,
        at time: WallTime,
        because error: RecordingError
    ) {
        logger.error(
            "a record session cannot be ended yet",
            metadata: ["channel": "\(channel)", "reason": "\(error)"]
        )
        owe(session, of: channel, at: time)
    }

    func owe(_ session: RecordSessionID, of channel: ChannelAddress, at time: WallTime) {
        // As many as there are channels; what a killed platform owes it finds running.
        guard owed.count < Self.mostChannels else { return }
        owed[session] = Owed(channel: channel, at: time, retryAt: .now + Self.payAgain)
    }

    func payEnds(at now: Instant) {
        for (session, debt) in owed.filter({ $0.value.retryAt <= now }).prefix(Self.endsAtOnce) {
            owed[session] = nil
            end(session, at: debt.at, of: debt.channel)
        }
    }

    // MARK: In order

    /// Of one line one thing after the other.
    func inOrder<Value: Sendable>(
        _ line: Line,
        _ body: @escaping @Sendable () async -> Value
    ) async -> Value {
        await self.line(line, body).value
    }

    /// The same, without waiting for it.
    @discardableResult
    private func line<Value: Sendable>(
        _ line: Line,
        _ body: @escaping @Sendable () async -> Value
    ) -> Task<Value, Never> {
        let before = lines[line]?.isOver
        let task = Task {
            await before?.value
            return await body()
        }
        lastTurn += 1
        let number = lastTurn
        let isOver = Task {
            _ = await task.value
            self.leave(line, number)
        }
        lines[line] = Turn(number: number, isOver: isOver)
        return task
    }

    private func leave(_ line: Line, _ number: UInt64) {
        if lines[line]?.number == number { lines[line] = nil }
    }

    // MARK: Units that sleep

    /// A command is worth waking a unit; a plan is not, for it would empty a battery by itself.
    func rouse(_ channel: ChannelAddress) {
        desks[channel]?.rouseAt = nil
        guard let desk = desks[channel], desk.wish?.reasons.contains(.command) ?? false, !desk.isRousing,
            units.link(of: channel.unit) == .asleep
        else { return }
        desks[channel]?.isRousing = true
        Task {
            let isAwake = await waker.wake(channel.unit) == .awake
            self.roused(channel, isAwake)
        }
    }

    private func roused(_ channel: ChannelAddress, _ isAwake: Bool) {
        // Its connection is news, and starts the order for which customers wait.
        hear()
        desks[channel]?.isRousing = false
        if isAwake {
            keepAwake(channel, at: .now)
        } else {
            desks[channel]?.rouseAt = .now + Self.rouseAgain
            let text = "unit \(channel.unit) sleeps and did not wake in time; it is tried again"
            desks[channel]?.problem = RecordingStatus.Problem(at: .now, text: text)
        }
        guard let desk = desks[channel] else { return release(channel) }
        if desk.orders == 0 { release(channel) }
        if desk.isIdle { look(channel, at: .now) }
    }

    /// Whether the unit knows `KeepAwaken` (Table I.2-26) or not changes nothing here.
    func keepAwake(_ channel: ChannelAddress, at now: Instant) {
        let time = Duration.seconds(60)
        guard desks[channel]?.wish?.reasons.contains(.command) ?? false else {
            desks[channel]?.keepAwakeAt = nil
            return
        }
        desks[channel]?.keepAwakeAt = now + time / 2
        let request = KeepAwaken(channel: channel.number, seconds: Int(time.inSeconds)).request
        Task { _ = await units.call(request, on: channel.unit) }
    }

    // MARK: Events

    /// A recording starts when its unit has taken the session up, and ends with the session: a connection that comes back
    /// is neither.
    func tell(_ channel: ChannelAddress, _ desk: inout RecordDesk, _ over: RecordEnd?) {
        if let told = desk.told, told != desk.machine.session {
            desk.told = nil
            metrics.running.add(-1)
            let reason = over?.reason ?? .over
            write(channel, at: over?.at ?? .now) {
                $0.field("state", "stopped")
                $0.field("session_id", told.rawValue)
                $0.field("reason", reason.rawValue)
            }
        }
        guard desk.isRecording, desk.told == nil, let session = desk.machine.session else { return }
        desk.told = session
        metrics.running.add(1)
        let reasons = desk.wish?.reasons ?? []
        write(channel, at: .now) {
            $0.field("state", "started")
            $0.field("session_id", session.rawValue)
            $0.field(named: "reasons", reasons.sorted { $0.rawValue < $1.rawValue }.map(\.word))
        }
    }

    private func write(_ channel: ChannelAddress, at time: WallTime, _ detail: (inout JSONWriter) -> Void) {
        let event = NewEvent(
            time: time,
            unit: channel.unit,
            channel: channel.number,
            kind: .recording,
            detail: JSONObject(detail).text
        )
        let sink = parts.events
        line(.events(channel)) { await sink.record(event) }
    }
}
