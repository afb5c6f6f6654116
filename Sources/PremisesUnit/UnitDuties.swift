import HSSModel
import Vd

/// What a unit does for the platform once it is there: live pictures, and everything of Table 9-4 that the device
/// has to act on. Keeps the rules of Appendix I.2 (what is answered when, and with which code), so that a device
/// only has to move, store and look.
struct UnitDuties: Sendable {
    /// Who waits for an answer. One of a connection that has ended is not heard any more.
    struct Caller: Hashable, Sendable {
        var attempt: AttemptID
        var serve: ServeID
    }

    enum Output: Equatable {
        case answer(Caller, RPCAnswer)
        case act(UnitMachine.Action)
        case tell(AlarmNotify)
        case notify(RPCEvent)
        /// The platform should hear of it before the next heartbeat is due.
        case heartbeat
        /// Close the connection and begin anew, as after a start (Table I.2-5).
        case restart(String)
    }

    /// What was begun, and what is to be done with its outcome.
    enum Job: Sendable {
        case order(Caller)
        /// Its zone counts once the device has agreed.
        case configure(Caller, zone: Int?)
        case clock(Caller, SetTime?)
        case picture(Caller, url: Secret)
        case pictureUpload(Caller)
        case alarmPicture(url: Secret)
        case alarmUpload
        case log(LogUploadAsync)
        case logUpload(LogUploadAsync, UnitLogPart)
        case firmware(model: String)
        case installation(model: String)
        case file(channel: Int, url: Secret)
        case format
        /// An event: nobody hears what came of it.
        case unheard

        var caller: Caller? {
            switch self {
            case .order(let caller), .configure(let caller, _), .clock(let caller, _),
                .picture(let caller, _), .pictureUpload(let caller):
                caller
            default: nil
            }
        }
    }

    struct RunningJob: Sendable {
        var job: Job
        /// After it whoever waits is told that the device did not act in time.
        var deadline: Instant?
    }

    /// The platform gives an answer up after 20 s (§9.3.2.1.1).
    static let answerTime: Duration = .seconds(15)
    /// Beyond it the newcomer is refused.
    static let mostJobs = 64
    static let mostLogs = 4

    var profile: UnitProfile
    var pushes: LivePushes
    var recordings: UnitRecordings
    var alarms = AlarmQueue()
    var clock = UnitClock()
    var upgrade = FirmwareUpgrade()
    var isFormatting = false
    /// By channel, the addresses of what players play.
    var played: [Int: Secret] = [:]
    var battery: Int?
    private(set) var isBatteryTold = true
    private(set) var jobs: [JobID: RunningJob] = [:]
    private var lastJob: UInt64 = 0

    init(_ profile: UnitProfile, faults: FaultPlan) {
        self.profile = profile
        pushes = LivePushes(channels: profile.channels, faults: faults)
        recordings = UnitRecordings(channels: profile.channels, faults: faults.recording)
    }

    /// What the next heartbeat tells (Table I.2-1).
    var heartbeat: Keepalive {
        Keepalive(
            macID: profile.credentials.macIdentity.rawValue,
            state: upgrade.isRunning ? .upgrading : .online,
            channels: profile.channels.sorted { $0.key < $1.key }.map { number, channel in
                Keepalive.Channel(
                    number: number,
                    state: channel.state,
                    stream: pushes.stream(on: number),
                    recordSession: recordings.session(on: number),
                    alarms: alarms.active[number] ?? 0
                )
            }
        )
    }

    /// Something is under way that would end with the unit's sleep.
    var isBusy: Bool {
        !jobs.isEmpty || isFormatting || upgrade.isRunning || !alarms.isIdle || !recordings.isIdle
            || profile.channels.keys.contains { pushes.stream(on: $0) != nil }
    }

    // MARK: Time

    var nextWake: Instant? {
        let deadline = jobs.values.lazy.compactMap(\.deadline).min()
        return [pushes.nextWake, alarms.nextWake, recordings.nextWake, deadline].compactMap(\.self).min()
    }

    mutating func wake(at now: Instant, isOnline: Bool) -> [Output] {
        var outputs = take(pushes.wake(at: now)) + take(recordings.wake(at: now))
        for (id, running) in jobs.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard let deadline = running.deadline, deadline <= now, let caller = running.job.caller else {
                continue
            }
            jobs[id] = nil
            outputs.append(.answer(caller, .failure(.internalError("the device did not act in time"))))
        }
        return isOnline ? outputs + nextAlarm(at: now) : outputs
    }

    // MARK: The connection

    mutating func connected(at now: Instant) -> [Output] {
        nextAlarm(at: now) + batteryEvent()
    }

    /// Whoever waited on it is not there any more.
    mutating func connectionLost() {
        alarms.connectionLost()
        for (id, running) in jobs where running.job.caller != nil { jobs[id] = nil }
    }

    /// The device begins anew: what it was doing is gone, what has happened is not.
    mutating func restart() -> [Output] {
        jobs = [:]
        played = [:]
        isFormatting = false
        if upgrade.isRunning { upgrade.fail() }
        alarms.connectionLost()
        return take(pushes.stopAll()) + take(recordings.stopAll())
    }

    // MARK: Jobs

    /// Nil: too many are running.
    mutating func begin(_ job: Job, at now: Instant) -> JobID? {
        guard jobs.count < Self.mostJobs else { return nil }
        lastJob += 1
        let id = JobID(lastJob)
        jobs[id] = RunningJob(job: job, deadline: job.caller == nil ? nil : now + Self.answerTime)
        return id
    }

    /// The same job goes on with its next step.
    mutating func proceed(_ id: JobID, as job: Job) {
        jobs[id]?.job = job
    }

    mutating func end(_ id: JobID) -> Job? {
        jobs.removeValue(forKey: id)?.job
    }

    func job(_ id: JobID) -> RunningJob? { jobs[id] }

    // MARK: Alarms and battery

    mutating func raise(_ alarm: UnitAlarm, at now: Instant, isOnline: Bool) -> [Output] {
        guard profile.channels[alarm.channel] != nil else { return [] }
        var alarm = alarm
        alarm.time = clock.time(alarm.time)
        alarm.text = String(
            String.UnicodeScalarView(alarm.text.unicodeScalars.prefix(AlarmQueue.longestText))
        )
        let before = alarms.forgotten
        guard alarms.raise(alarm) else { return [] }
        var outputs: [Output] = [.act(.report(.alarmRaised(alarm)))]
        if alarms.forgotten > before { outputs.append(.act(.report(.alarmForgotten))) }
        return isOnline ? outputs + nextAlarm(at: now) : outputs
    }

    mutating func alarmAnswered(_ answer: RPCAnswer, at now: Instant) -> [Output] {
        let result: Result<Secret?, RPCFailure>
        switch answer {
        case .success(let object): result = .success((try? AlarmAnswer(object))?.pictureURL)
        case .failure(let failure): result = .failure(failure)
        }
        var outputs: [Output] = []
        switch alarms.answered(result, at: now) {
        case .told(let alarm, let picture):
            outputs.append(.act(.report(.alarmTold(alarm))))
            if let picture, profile.abilities.contains(.snapshots),
                let id = begin(.alarmPicture(url: picture), at: now)
            {
                outputs.append(.act(.device(id, .alarmPicture(alarm))))
            }
        case .refused(let alarm, let failure):
            outputs.append(.act(.report(.alarmRefused(alarm, code: failure.code))))
        case .again, nil: break
        }
        return outputs + nextAlarm(at: now)
    }

    private mutating func nextAlarm(at now: Instant) -> [Output] {
        guard let alarm = alarms.next(at: now) else { return [] }
        return [
            .tell(
                AlarmNotify(
                    channel: alarm.channel,
                    timestamp: alarm.time,
                    type: alarm.type,
                    phase: alarm.phase,
                    description: alarm.text
                )
            )
        ]
    }

    /// Table I.2-27: told when it changes.
    mutating func setBattery(_ percent: Int, isOnline: Bool) -> [Output] {
        let percent = min(max(percent, 0), 100)
        guard percent != battery else { return [] }
        battery = percent
        isBatteryTold = false
        return isOnline ? batteryEvent() : []
    }

    private mutating func batteryEvent() -> [Output] {
        guard let battery, !isBatteryTold else { return [] }
        isBatteryTold = true
        return [.notify(BatteryChange(percent: battery).event)]
    }

    // MARK: Helpers

    func take(_ actions: [LivePushes.Action]) -> [Output] {
        actions.map { action in
            switch action {
            case .start(let order): .act(.startPush(order))
            case .stop(let id): .act(.stopPush(id))
            case .report(let event): .act(.report(event))
            case .tellPlatform: .heartbeat
            }
        }
    }
}
