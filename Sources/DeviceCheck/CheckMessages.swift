import HSSModel
import Vd

/// The messages of Appendix I.2 that ask a device for something and leave it as it was.
extension CheckPlan {
    static let time: [CheckStep] = [
        .ask("I.2-10", "tells its clock, which is within 10 s of the platform's (§9.3.1.1 step 3)") { _ in
            QueryTime()
        } problem: { answer, memory in
            // Without a zone nobody knows which hour it means, but its minutes and seconds.
            let now = memory.wall(at: memory.stepBegan)
            let shown = answer.dateTime.wallTime(hoursEast: answer.timeZone ?? 0)
            var difference = abs((shown - now).wholeMilliseconds)
            if answer.timeZone == nil {
                difference = min(difference % 1_800_000, 1_800_000 - difference % 1_800_000)
            }
            return difference <= 15_000 ? nil : "its clock is \(difference / 1000) s away"
        },
        .ask("I.2-9", "takes a time with tz null as one without a zone; within offset it keeps its clock") {
            memory in
            SetTime(
                dateTime: UnitDateTime(memory.wall(at: memory.stepBegan), hoursEast: 0),
                timeZone: nil,
                tolerance: 86_400
            )
        },
        CheckStep(
            clause: "§9.3.2.1",
            rule: "takes null as absent",
            orders: { memory in
                let now = UnitDateTime(memory.wall(at: memory.stepBegan), hoursEast: 0)
                return [.ask(RPCRequest(SetTime.name, Texts.nullZone(now)))]
            },
            judge: { memory, _ in
                memory.answer(0).map { outcome in
                    switch outcome {
                    case .answered(.success): .passed("answered with success")
                    case .answered(.failure(let failure)) where failure.code == 101:
                        .skipped("the device cannot do it: error 101")
                    default: .failed(outcome.text)
                    }
                }
            }
        ),
    ]

    static let messages: [CheckStep] = [
        .ask("I.2-11", "tells what it is: the device and models of its login") { _ in
            DevStatus()
        } problem: { answer, memory in
            guard let login = memory.logins.last?.url else { return nil }
            if answer.deviceID != login.deviceID { return "another device ID than at login" }
            if answer.firmwareModel != login.firmwareModel { return "another firmware_model than at login" }
            return nil
        },
        .ask("I.2-8", "tells the state of its firmware") { _ in QueryUpgrade() },
        .ask("I.2-18", "lists its presets", capability: .ptz) { GetPTZPresetList(channel: $0.channel) },
        .ask(
            "I.2-17",
            "keeps a preset that it is told to set",
            severity: .should,
            capability: .ptz,
            after: { [.tell(CtrlPTZ(channel: $0.channel, operation: .setPreset, value: 255).event)] },
            {
                GetPTZPresetList(channel: $0.channel)
            },
            problem: { answer, _ in
                answer.presets.contains(255) ? nil : "preset 255 was set and is not listed"
            }
        ),
        .ask(
            "I.2-17",
            "clears a preset, and bears a move and its stop",
            severity: .should,
            capability: .ptz,
            after: {
                [
                    .tell(CtrlPTZ(channel: $0.channel, operation: .clearPreset, value: 255).event),
                    .tell(CtrlPTZ(channel: $0.channel, operation: .left, value: 10).event),
                    .tell(CtrlPTZ(channel: $0.channel, operation: .stop).event),
                ]
            },
            {
                GetPTZPresetList(channel: $0.channel)
            },
            problem: { answer, _ in
                answer.presets.contains(255) ? "preset 255 was cleared and is listed" : nil
            }
        ),
        .ask("I.2-19", "tells its configuration") { _ in GetConfig() },
        .ask("I.2-20", "takes a change of nothing, and answers with the whole document") { _ in
            SetConfig(document: ConfigurationDocument())
        } problem: { answer, memory in
            let told = Set(answer.fields.map(\.path.description))
            let missing = memory.configuration?.fields.map(\.path.description).first { !told.contains($0) }
            return missing.map { "\($0) is missing, which GetConfig told" }
        },
        snapshot,
        CheckStep(
            clause: "I.2-22",
            rule: "says with an error that a snapshot could not be uploaded",
            severity: .should,
            orders: { [.ask(Snapshot(channel: $0.channel, url: $0.url(Names.refused)).request)] },
            judge: { memory, _ in
                guard let outcome = memory.answer(0) else { return nil }
                switch outcome {
                case .answered(.success): return .failed("success, though the upload was refused with 403")
                case .answered(.failure(let failure)) where failure.code == 101:
                    return .skipped("the device cannot do it: error 101")
                case .answered(.failure(let failure)): return .passed("error \(failure.code)")
                default: return .failed(outcome.text)
                }
            }
        ),
        CheckStep(
            clause: "I.2-23",
            rule: "fetches the file that PlayVideo names (one second of WAV)",
            skip: { memory in
                memory.capabilities?.supports(.audioOut) == true ? nil : "GetCap does not announce audio_out"
            },
            orders: { [.tell(PlayVideo(channel: $0.channel, url: $0.url(Names.sound)).event)] },
            judge: { memory, isOver in
                let came = memory.recent.contains { $0.what == .fetched(Names.sound) }
                return came ? .passed("the file was fetched") : isOver ? .failed("it was not fetched") : nil
            }
        ),
        .ask("I.2-25", "tells what it plays", capability: .audioOut) {
            QueryVideoStatus(channel: $0.channel)
        },
        .ask(
            "I.2-24",
            "is stopped after CtrlVideo stop",
            capability: .audioOut,
            after: { [.tell(CtrlVideo(channel: $0.channel, operation: .stop).event)] },
            {
                QueryVideoStatus(channel: $0.channel)
            },
            problem: { answer, _ in
                answer.state == .stopped ? nil : "still \(answer.state.rawValue)"
            }
        ),
        .ask("I.2-26", "stays awake for as long as it is told") {
            KeepAwaken(channel: $0.channel, seconds: 60)
        },
        log,
        .ask("I.2-31", "tells its disk") { _ in
            GetDiskInfo()
        } problem: { answer, _ in
            answer.free <= answer.total ? nil : "more is free than there is"
        },
        .ask("I.2-14", "records to the cloud, or says that it cannot", capability: .cloudRecord) { memory in
            StartRecord(
                session: "check-1",
                channel: memory.channel,
                maxBitrate: 0,
                segmentSeconds: 10,
                segmentMaxBytes: 1 << 24,
                segmentMaxCount: 1,
                prerecordSeconds: nil,
                startTimestamp: 0,
                callbackURL: memory.url(Names.refused)
            )
        },
        .ask("I.2-15", "takes the end of a record as a success, also where there is none") {
            StopRecord(session: "check-1", channel: $0.channel)
        },
    ]

    private static let snapshot = CheckStep(
        clause: "I.2-22",
        rule: "uploads a JPEG with PUT, and answers when it is there",
        orders: { [.ask(Snapshot(channel: $0.channel, url: $0.url(Names.picture)).request)] },
        judge: { memory, _ in
            guard let outcome = memory.answer(0) else { return nil }
            switch outcome {
            case .answered(.success):
                guard let upload = memory.upload(Names.picture) else {
                    return .failed("answered before the PUT had ended")
                }
                guard upload.head.starts(with: [0xFF, 0xD8]) else { return .failed("the file is no JPEG") }
                return .passed("\(upload.sizeInBytes) bytes, then the answer")
            case .answered(.failure(let failure)) where failure.code == 101:
                return .skipped("the device cannot do it: error 101")
            default: return .failed(outcome.text)
            }
        }
    )

    private static let log = CheckStep(
        clause: "I.2-29",
        rule:
            "answers LogUploadAsync, uploads its log and tells LogDone with the trans_id (I.2-30); it may be empty",
        patience: { _ in .seconds(60) },
        orders: { memory in
            let now = memory.wall(at: memory.stepBegan)
            let order = LogUploadAsync(
                transaction: TransactionID(4711),
                start: UnitDateTime(now + .seconds(-86_400), hoursEast: 0),
                end: UnitDateTime(now + .seconds(86_400), hoursEast: 0),
                url: memory.url(Names.log)
            )
            return [.ask(order.request)]
        },
        judge: { memory, isOver in
            guard let outcome = memory.answer(0) else { return nil }
            switch outcome {
            case .answered(.success): break
            case .answered(.failure(let failure)) where failure.code == 101:
                return .skipped("the device cannot do it: error 101")
            default: return .failed(outcome.text)
            }
            for entry in memory.recent {
                guard case .event(let event) = entry.what, event.name == LogDone.name else { continue }
                do throws(FieldError) {
                    return judge(try LogDone(event.parameters), memory)
                } catch {
                    return .failed("LogDone breaks a rule: \(error)")
                }
            }
            return isOver ? .failed("no LogDone within 60 s") : nil
        }
    )

    private static func judge(_ done: LogDone, _ memory: CheckMemory) -> CheckVerdict {
        guard done.transaction == TransactionID(4711) else { return .failed("LogDone with another trans_id") }
        guard done.outcome == .success else { return .failed("LogDone says that it failed") }
        guard let upload = memory.upload(Names.log) else { return .failed("LogDone came without a PUT") }
        guard upload.sizeInBytes == done.sizeInBytes else {
            return .failed("LogDone says \(done.sizeInBytes) bytes, \(upload.sizeInBytes) came")
        }
        return .passed("\(upload.sizeInBytes) bytes, then LogDone")
    }
}

extension CheckStep {
    static let capabilities = CheckStep(
        clause: "I.2-28",
        rule: "tells what it can do",
        isGroundwork: true,
        orders: { _ in [.ask(GetCap().request)] },
        judge: { memory, _ in
            guard let outcome = memory.answer(0) else { return nil }
            switch outcome {
            case .answered(.success(let object)):
                do throws(FieldError) {
                    let names = try Capabilities(object).abilities.map(\.rawValue).sorted()
                    return .passed(names.isEmpty ? "nothing" : names.joined(separator: ", "))
                } catch {
                    return .failed("the answer breaks a rule (\(error)): \(memory.shown(object))")
                }
            case .answered(.failure(let failure)) where failure.code == 101:
                return .skipped("the device cannot do it: error 101")
            default: return .failed(outcome.text)
            }
        }
    )
}

/// Files by the last part of their paths.
package enum Names {
    static let picture = "snapshot.jpg"
    static let log = "log.txt"
    /// Served to the device.
    package static let sound = "sound.wav"
    package static let firmware = "firmware.bin"
    /// A `PUT` of it is refused with 403.
    package static let refused = "refused"
}

extension Texts {
    static func nullZone(_ now: UnitDateTime) -> JSONObject {
        let text = #"{"datetime":"\#(now)","tz":null,"offset":86400,"no_such_field":null}"#
        return (try? JSONObject(parsing: Array(text.utf8))) ?? .empty
    }
}
