import HSSModel
import Vd

/// What the platform asks and tells, message by message (Table 9-4).
extension UnitDuties {
    mutating func serve(_ request: RPCRequest, for caller: Caller, at now: Instant) -> [Output] {
        do throws(RPCFailure) {
            return try serve(
                Dialect.recommendation.name(ofWire: request.method),
                request.parameters,
                caller,
                now
            )
        } catch {
            return [.answer(caller, .failure(error))]
        }
    }

    private mutating func serve(
        _ name: String,
        _ parameters: JSONObject,
        _ caller: Caller,
        _ now: Instant
    ) throws(RPCFailure) -> [Output] {
        switch name {
        case PushLive.name:
            let (answer, actions) = pushes.pushLive(parameters)
            return [.answer(caller, answer)] + take(actions)
        case StopLive.name:
            let (answer, actions) = pushes.stopLive(parameters)
            return [.answer(caller, answer)] + take(actions)
        case StartRecord.name:
            try need(.recording, name)
            let (answer, actions) = recordings.startRecord(
                parameters,
                settings: profile.recording,
                at: now
            )
            return [.answer(caller, answer)] + take(actions)
        case StopRecord.name:
            // A success also where there is no such session (Table I.2-15), as in a unit that never has one.
            let (answer, actions) = recordings.stopRecord(parameters)
            return [.answer(caller, answer)] + take(actions)
        case QueryUpgrade.name:
            try need(.firmware, name)
            let status = UpgradeStatus(
                state: upgrade.state,
                progress: upgrade.progress,
                firmwareModel: profile.firmwareModel
            )
            return [.answer(caller, .success(status.object))]
        case SetTime.name:
            return readClock(for: caller, try Self.read(SetTime.self, parameters), at: now)
        case QueryTime.name:
            return readClock(for: caller, nil, at: now)
        case DevStatus.name:
            return order(.status, for: caller, at: now)
        case GetCap.name:
            return [.answer(caller, .success(profile.capabilities.object))]
        case GetPTZPresetList.name:
            try need(.ptz, name)
            let channel = try known(try Self.read(GetPTZPresetList.self, parameters).channel)
            return order(.presets(channel: channel), for: caller, at: now)
        case GetConfig.name:
            try need(.configuration, name)
            return order(.configuration, for: caller, at: now)
        case SetConfig.name:
            try need(.configuration, name)
            let change = try Self.read(SetConfig.self, parameters).document
            let job = Job.configure(caller, zone: change.number("tz"))
            return begin(job, .configure(change), for: caller, at: now)
        case ResetConfig.name:
            try need(.configuration, name)
            return begin(.configure(caller, zone: 0), .resetConfiguration, for: caller, at: now)
        case Snapshot.name:
            try need(.snapshots, name)
            let message = try Self.read(Snapshot.self, parameters)
            let channel = try online(message.channel)
            return begin(.picture(caller, url: message.url), .picture(channel: channel), for: caller, at: now)
        case QueryVideoStatus.name:
            try need(.player, name)
            let channel = try known(try Self.read(QueryVideoStatus.self, parameters).channel)
            return order(.playerState(channel: channel), for: caller, at: now)
        case KeepAwaken.name:
            try need(.sleep, name)
            let message = try Self.read(KeepAwaken.self, parameters)
            let channel = try known(message.channel)
            return order(.keepAwake(channel: channel, .seconds(message.seconds)), for: caller, at: now)
        case LogUploadAsync.name:
            try need(.log, name)
            return try uploadLog(try Self.read(LogUploadAsync.self, parameters), for: caller, at: now)
        case GetDiskInfo.name:
            try need(.storage, name)
            return order(.disk, for: caller, at: now)
        case FormatDisk.name:
            try need(.storage, name)
            return format(for: caller, at: now)
        default:
            throw .unsupportedMethod(name)
        }
    }

    /// Events have no answer: what cannot be done is told to the log only.
    mutating func receive(_ event: RPCEvent, at now: Instant) -> [Output] {
        let name = Dialect.recommendation.name(ofWire: event.name)
        do throws(RPCFailure) {
            return try receive(name, event.parameters, now)
        } catch {
            return [.act(.report(.eventIgnored(name: String(name.prefix(64)), error.message)))]
        }
    }

    private mutating func receive(
        _ name: String,
        _ parameters: JSONObject,
        _ now: Instant
    ) throws(RPCFailure) -> [Output] {
        switch name {
        case RebootDevice.name:
            return begin(.unheard, .restart, at: now) + [.restart("the platform asked for it")]
        case RebootChannel.name:
            let channel = try known(try Self.read(RebootChannel.self, parameters).channel)
            return begin(.unheard, .restartChannel(channel), at: now)
        case CtrlPTZ.name:
            try need(.ptz, name)
            let message = try Self.read(CtrlPTZ.self, parameters)
            let command = PTZCommand(message)
            let channel = try online(message.channel)
            return begin(.unheard, .turn(channel: channel, command), at: now)
        case UpgradeFirmware.name:
            try need(.firmware, name)
            return upgrade(try Self.read(UpgradeFirmware.self, parameters), at: now)
        case PlayVideo.name:
            try need(.player, name)
            let message = try Self.read(PlayVideo.self, parameters)
            return play(message.url, on: try known(message.channel), at: now)
        case CtrlVideo.name:
            try need(.player, name)
            let message = try Self.read(CtrlVideo.self, parameters)
            let channel = try known(message.channel)
            let command: PlaybackCommand =
                switch message.operation {
                case .stop: .stop
                case .pause: .pause
                case .resume: .resume
                }
            if command == .stop { played[channel] = nil }
            return begin(.unheard, .player(channel: channel, command), at: now)
        default:
            throw RPCFailure(101, "unknown event")
        }
    }

    // MARK: What is checked before anything is done

    static func read<Body: VdBody>(_ type: Body.Type, _ parameters: JSONObject) throws(RPCFailure) -> Body {
        do { return try Body(parameters) } catch { throw .parameter(error) }
    }

    private func need(_ ability: UnitAbilities, _ name: String) throws(RPCFailure) {
        guard profile.abilities.contains(ability) else { throw .unsupportedMethod(name) }
    }

    private func known(_ channel: Int) throws(RPCFailure) -> Int {
        guard profile.channels[channel] != nil else { throw .noSuchChannel(channel) }
        return channel
    }

    /// A channel that is switched off takes no picture and moves nothing.
    private func online(_ channel: Int) throws(RPCFailure) -> Int {
        guard profile.channels[try known(channel)]?.state == .online else { throw .channelNotOnline(channel) }
        return channel
    }

    // MARK: What takes more than one step

    /// The device's answer is the answer.
    private mutating func order(_ order: DeviceOrder, for caller: Caller, at now: Instant) -> [Output] {
        begin(.order(caller), order, for: caller, at: now)
    }

    mutating func begin(
        _ job: Job,
        _ order: DeviceOrder,
        for caller: Caller? = nil,
        at now: Instant
    ) -> [Output] {
        guard let id = begin(job, at: now) else {
            return caller.map { [.answer($0, .failure(Self.busy))] } ?? []
        }
        return [.act(.device(id, order))]
    }

    private static let busy = RPCFailure.internalError("the device has too much to do")

    private mutating func readClock(for caller: Caller, _ order: SetTime?, at now: Instant) -> [Output] {
        guard let id = begin(.clock(caller, order), at: now) else {
            return [.answer(caller, .failure(Self.busy))]
        }
        return [.act(.readClock(id))]
    }

    /// Table I.2-29: answered at once; the upload goes on by itself.
    private mutating func uploadLog(
        _ message: LogUploadAsync,
        for caller: Caller,
        at now: Instant
    ) throws(RPCFailure) -> [Output] {
        let running = jobs.values.count {
            switch $0.job {
            case .log, .logUpload: true
            default: false
            }
        }
        guard running < Self.mostLogs, let id = begin(.log(message), at: now) else { throw Self.busy }
        let from = message.start.wallTime(hoursEast: clock.zone)
        let to = message.end.wallTime(hoursEast: clock.zone)
        return [
            .answer(caller, .success(.empty)),
            .act(.device(id, .log(from: from, to: to))),
        ]
    }

    /// Table I.2-32: answered at once; `GetDiskInfo` tells when it is done. One that formats goes on.
    private mutating func format(for caller: Caller, at now: Instant) -> [Output] {
        let answer = Output.answer(caller, .success(.empty))
        guard !isFormatting, let id = begin(.format, at: now) else { return [answer] }
        isFormatting = true
        return [answer, .act(.device(id, .format))]
    }

    /// Table I.2-7. What runs already goes on: a second order for the same version is a repetition, one for
    /// another version comes too late.
    private mutating func upgrade(_ message: UpgradeFirmware, at now: Instant) -> [Output] {
        let model = message.firmwareModel
        guard !upgrade.isRunning else {
            return [.act(.report(.eventIgnored(name: UpgradeFirmware.name, "an upgrade is running")))]
        }
        guard let id = begin(.firmware(model: model), at: now) else {
            return [.act(.report(.eventIgnored(name: UpgradeFirmware.name, Self.busy.message)))]
        }
        upgrade.start(model)
        let order = DownloadOrder(id: id, url: message.url, most: Self.longestFirmware, limit: .seconds(1800))
        return [.act(.report(.upgrading(model))), .act(.download(order)), .heartbeat]
    }

    private static let longestFirmware = 1 << 30
    private static let longestFile = 256 << 20

    private mutating func play(_ url: Secret, on channel: Int, at now: Instant) -> [Output] {
        guard let id = begin(.file(channel: channel, url: url), at: now) else {
            return [.act(.report(.eventIgnored(name: PlayVideo.name, Self.busy.message)))]
        }
        played[channel] = url
        return [
            .act(.download(DownloadOrder(id: id, url: url, most: Self.longestFile, limit: .seconds(300))))
        ]
    }
}
