import HSSModel
import Vd

/// What came of the jobs: of the device, of transfers, of a look at the clock.
extension UnitDuties {
    mutating func receive(_ id: JobID, _ answer: DeviceAnswer, at now: Instant) -> [Output] {
        guard let running = job(id) else { return [] }
        switch running.job {
        case .order(let caller):
            _ = end(id)
            return [.answer(caller, rpcAnswer(answer))]
        case .configure(let caller, let zone):
            _ = end(id)
            if case .refused = answer {} else { clock.zone = zone ?? clock.zone }
            return [.answer(caller, rpcAnswer(answer))]
        case .picture(let caller, let url):
            guard case .picture(let bytes) = answer else {
                _ = end(id)
                return [.answer(caller, .failure(Self.failure(answer)))]
            }
            proceed(id, as: .pictureUpload(caller))
            let limit = running.deadline.map { $0 - now } ?? Self.answerTime
            return [upload(id, url, "image/jpeg", bytes, within: limit)]
        case .alarmPicture(let url):
            guard case .picture(let bytes) = answer else {
                _ = end(id)
                return []
            }
            proceed(id, as: .alarmUpload)
            return [upload(id, url, "image/jpeg", bytes, within: .seconds(60))]
        case .log(let message):
            guard case .log(let part) = answer else {
                _ = end(id)
                return [logDone(message, nil)]
            }
            proceed(id, as: .logUpload(message, part))
            return [upload(id, message.url, "text/plain", part.bytes, within: .seconds(300))]
        case .installation(let model):
            _ = end(id)
            guard case .done = answer else { return upgradeFailed(Self.failure(answer).message) }
            profile.firmwareModel = model
            // The time is read when somebody asks for it.
            guard let clock = begin(.unheard, at: now) else { return finishUpgrade(model, nil) }
            proceed(clock, as: .installation(model: model))
            return [.act(.readClock(clock))]
        case .format:
            _ = end(id)
            isFormatting = false
            return []
        case .file(let channel, _):
            _ = end(id)
            if answer != .done { played[channel] = nil }
            return []
        case .unheard where answer == .needsRestart:
            _ = end(id)
            return begin(.unheard, .restart, at: now) + [.restart("one channel cannot restart alone")]
        case .unheard:
            _ = end(id)
            guard case .refused(let failure) = answer else { return [] }
            return [.act(.report(.eventIgnored(name: "order", failure.message)))]
        case .clock, .pictureUpload, .alarmUpload, .logUpload, .firmware:
            return []
        }
    }

    mutating func receive(_ id: JobID, _ news: TransferNews, at now: Instant) -> [Output] {
        guard let running = job(id) else { return [] }
        switch (running.job, news) {
        case (.firmware, .progress(let percent)):
            upgrade.downloaded(percent: percent)
            return []
        case (_, .progress): return []
        case (.pictureUpload(let caller), .sent):
            _ = end(id)
            return [.answer(caller, .success(.empty)), .act(.report(.uploaded("snapshot")))]
        case (.pictureUpload(let caller), .failed(let reason)):
            _ = end(id)
            return [
                .answer(caller, .failure(.internalError("the picture was not taken: \(reason)"))),
                .act(.report(.transferFailed("snapshot", reason))),
            ]
        case (.alarmUpload, .sent):
            _ = end(id)
            return [.act(.report(.uploaded("alarm picture")))]
        case (.logUpload(let message, let part), .sent):
            _ = end(id)
            return [.act(.report(.uploaded("log"))), logDone(message, part)]
        case (.logUpload(let message, _), .failed(let reason)):
            _ = end(id)
            return [.act(.report(.transferFailed("log", reason))), logDone(message, nil)]
        case (.firmware(let model), .received(let file)):
            // An empty file is what a broken roll-out serves.
            guard file.size > 0 else {
                _ = end(id)
                return upgradeFailed("the file is empty")
            }
            upgrade.install()
            proceed(id, as: .installation(model: model))
            return [.act(.device(id, .install(model: model, file)))]
        case (.firmware, .failed(let reason)):
            _ = end(id)
            return upgradeFailed(reason)
        case (.file(let channel, let url), .received(let file)):
            // Another order came meanwhile.
            guard played[channel] == url, file.size > 0 else {
                _ = end(id)
                return []
            }
            return [.act(.device(id, .play(channel: channel, file)))]
        case (.file(let channel, let url), .failed(let reason)):
            _ = end(id)
            if played[channel] == url { played[channel] = nil }
            return [.act(.report(.transferFailed("file to play", reason)))]
        case (_, .failed(let reason)):
            _ = end(id)
            return [.act(.report(.transferFailed("file", reason)))]
        default: return []
        }
    }

    mutating func clockRead(_ id: JobID, host: WallTime) -> [Output] {
        switch end(id) {
        case .clock(let caller, nil):
            return [.answer(caller, .success(clock.answer(host: host).object))]
        case .clock(let caller, let order?):
            let answer = Output.answer(caller, .success(.empty))
            guard let offset = clock.correction(for: order, host: host) else { return [answer] }
            clock.offset = offset
            return [answer, .act(.setClock(offset)), .act(.report(.clockSet(offset)))]
        case .installation(let model):
            return finishUpgrade(model, clock.time(host))
        default: return []
        }
    }

    mutating func receive(_ news: DeviceNews, isOnline: Bool) -> [Output] {
        switch news {
        case .battery(let percent): return setBattery(percent, isOnline: isOnline)
        case .installing(let percent):
            upgrade.installed(percent: percent)
            return []
        case .channel(let number, let state): return setState(state, of: number)
        // Alarms come with their time, as ``UnitMachine/Input/alarm(_:)``.
        case .alarm: return []
        }
    }

    /// A channel that is not online has no picture to push.
    mutating func setState(_ state: ChannelState, of number: Int) -> [Output] {
        guard let known = profile.channels[number], known.state != state else { return [] }
        profile.channels[number]?.state = state
        return take(pushes.setState(state, of: number)) + take(recordings.setState(state, of: number))
            + [.heartbeat]
    }

    // MARK: Helpers

    private func upload(
        _ id: JobID,
        _ url: Secret,
        _ type: String,
        _ content: [UInt8],
        within limit: Duration
    ) -> Output {
        .act(.upload(UploadOrder(id: id, url: url, type: type, content: content, limit: limit)))
    }

    private mutating func upgradeFailed(_ reason: String) -> [Output] {
        upgrade.fail()
        return [.act(.report(.upgradeFailed(reason))), .heartbeat]
    }

    private mutating func finishUpgrade(_ model: String, _ time: WallTime?) -> [Output] {
        upgrade.finish(at: time)
        return [.act(.report(.upgraded(model))), .restart("firmware \(model) is installed")]
    }

    /// Table I.2-30. What was not uploaded has no length.
    private func logDone(_ message: LogUploadAsync, _ part: UnitLogPart?) -> Output {
        .notify(
            LogDone(
                macID: profile.credentials.macIdentity.rawValue,
                transaction: message.transaction,
                outcome: part == nil ? .fail : .success,
                start: part?.first.map { UnitDateTime($0, hoursEast: clock.zone) } ?? message.start,
                end: part?.last.map { UnitDateTime($0, hoursEast: clock.zone) } ?? message.end,
                url: message.url,
                sizeInBytes: part?.bytes.count ?? 0
            ).event
        )
    }

    private static func failure(_ answer: DeviceAnswer) -> RPCFailure {
        if case .refused(let failure) = answer { return failure }
        return .internalError("the device has nothing")
    }

    private func rpcAnswer(_ answer: DeviceAnswer) -> RPCAnswer {
        switch answer {
        case .done, .needsRestart, .picture, .log: .success(.empty)
        case .presets(let presets): .success(PTZPresetList(presets: presets).object)
        case .status(let status): .success(report(status).object)
        case .disk(let disk): .success(report(disk).object)
        case .configuration(let document): .success(report(document).object)
        case .player(let channel, let state):
            .success(PlayingStatus(state: state.wire, url: state == .stopped ? nil : played[channel]).object)
        case .refused(let failure): .failure(failure)
        }
    }

    /// Table I.2-11: the device's part, and what the SDK knows.
    private func report(_ status: CameraStatus) -> DeviceStatus {
        DeviceStatus(
            deviceID: profile.credentials.device.rawValue,
            hardwareModel: profile.hardwareModel,
            firmwareModel: profile.firmwareModel,
            lastUpgrade: upgrade.lastDone.map { UnitDateTime($0, hoursEast: clock.zone) },
            wifiSSID: status.wifiName,
            wifiSignal: status.wifiSignal.map { min(max($0, 0), 100) },
            upBandwidth: status.upstream.map { max(0, $0) },
            downBandwidth: status.downstream.map { max(0, $0) },
            address: status.localAddress,
            macAddress: status.macAddress ?? profile.credentials.macIdentity.rawValue,
            battery: battery
        )
    }

    /// The zone is the clock's, which `Settime` changes too.
    private func report(_ document: ConfigurationDocument) -> ConfigurationDocument {
        let path = ConfigurationPath("tz")
        guard document[path] != nil else { return document }
        var document = document
        // A zone that the clock has is one that the document may have.
        try? document.set(.number(clock.zone), at: path)
        return document
    }

    /// Table I.2-31: state 3 until the formatting has ended.
    private func report(_ disk: CameraDisk) -> DiskInfo {
        let state: DiskState =
            switch disk.state {
            case _ where isFormatting: .formatting
            case .normal: .normal
            case .noCard: .noCard
            case .failed: .exception
            }
        return DiskInfo(state: state, total: max(0, disk.total), free: max(0, min(disk.free, disk.total)))
    }
}

extension Playback {
    fileprivate var wire: PlayerState {
        switch self {
        case .stopped: .stopped
        case .pausing: .pausing
        case .playing: .playing
        }
    }
}
