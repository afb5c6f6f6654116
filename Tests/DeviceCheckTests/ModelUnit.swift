import DeviceCheck
import HSSModel
import Vd

/// A device in virtual time: good, but for one fault. Plays against a ``CheckMachine`` without a network.
struct ModelUnit {
    enum Fault: String, CaseIterable, Sendable {
        case otherMAC, noHeader, claimsReconnect, otherMACInKeepalive, noKeepalive, slowKeepalive
        case badCapabilities, unknownMethodIsSuccess, answersOutOfOrder, answersEvents, refusesUnknownFields
        case nullIsAValue, takesBrokenParameters, takesMissingChannels, wrongClock, ptzNotAnnounced
        case snapshotBeforeUpload, noJPEG, noLogDone, logOfAnotherSize, ignoresStop
        case malformedPacket, survivesGarbage, forgetsReconnect, slowReturn, leavesAtReschedule, staysSilent
        case unknownRequest, keepsFirstStream, lostPreset, noKeyFrame, ignoresFile, secondLogin, noStream
        case staysAway, forgetsFields
    }

    let fault: Fault?
    let settings: CheckSettings
    private(set) var report = CheckReport()
    private var machine: CheckMachine
    private var now = Instant(nanoseconds: 1_000_000_000)
    private let wall = WallTime(milliseconds: 1_795_257_971_000)
    private let start = Instant(nanoseconds: 1_000_000_000)
    private var connection = 0
    private var isOnline = false
    private var wasOnline = false
    private var returnAt: Instant?
    private var heartbeatAt: Instant?
    private var seq = 0
    private var stream = ""
    private var presets: [Int] = []
    private var isPlaying = false
    private var held: [UInt8]?
    private var isFinished = false

    init(_ fault: Fault?, settings: CheckSettings) {
        self.fault = fault
        self.settings = settings
        machine = CheckMachine(settings, at: now, wall: wall)
    }

    /// Until the check is over. Ends in any case: virtual time is bounded.
    static func report(_ fault: Fault?, settings: CheckSettings) -> CheckReport {
        var unit = ModelUnit(fault, settings: settings)
        unit.connect()
        let end = unit.start + .seconds(7200)
        while !unit.isFinished, unit.now < end {
            let next =
                [unit.machine.nextWake, unit.heartbeatAt, unit.returnAt].compactMap(\.self).min() ?? end
            unit.now = max(unit.now, next)
            if let due = unit.returnAt, due <= unit.now {
                unit.returnAt = nil
                unit.connect()
            }
            if let due = unit.heartbeatAt, due <= unit.now { unit.heartbeat() }
            unit.feed(.wake)
        }
        return unit.machine.report
    }

    // MARK: Vs and login

    private mutating func connect() {
        schedule()
        login()
    }

    private mutating func schedule() {
        let mac = fault == .otherMAC ? "other" : settings.macIdentity.rawValue
        feed(.scheduling(macids: [mac], headers: fault == .noHeader ? [] : [mac]))
    }

    private mutating func login() {
        connection += 1
        isOnline = true
        seq = 0
        held = nil
        let again = fault == .claimsReconnect || (wasOnline && fault != .forgetsReconnect)
        wasOnline = true
        let url = UnitLoginURL(
            deviceID: settings.device.rawValue,
            password: "",
            hardwareModel: "Model",
            firmwareModel: "1",
            sdk: nil,
            reconnect: again
        )
        feed(.login(CheckConnection(connection), url))
        ask(GetServerInfo.name, #"{"mac_id":"\#(settings.macIdentity)","state":1}"#)
        if fault == .unknownRequest { ask("SellMyData", "{}") }
        if fault == .malformedPacket { say("{") }
        if fault == .secondLogin, connection == 1 { return login() }
        if fault != .noKeepalive { heartbeat() }
    }

    private mutating func heartbeat() {
        guard isOnline else {
            heartbeatAt = nil
            return
        }
        let mac = fault == .otherMACInKeepalive ? "other" : settings.macIdentity.rawValue
        heartbeatAt = now + .seconds(settings.heartbeatSeconds * (fault == .slowKeepalive ? 3 : 1))
        ask(
            Keepalive.name,
            #"{"mac_id":"\#(mac)","state":1,"channels":[{"channel":0,"state":1,"stream_id":"\#(stream)"}]}"#
        )
    }

    private mutating func leave(for seconds: Int) {
        guard isOnline else { return }
        isOnline = false
        heartbeatAt = nil
        returnAt = now + .seconds(seconds)
        feed(.closed(CheckConnection(connection)))
    }

    // MARK: Messages

    private mutating func ask(_ method: String, _ parameters: String) {
        seq += 1
        say(#"{"req":"\#(method)","params":\#(parameters),"seq":\#(seq)}"#)
    }

    private mutating func say(_ text: String) {
        feed(.message(CheckConnection(connection), Array(text.utf8)))
    }

    private mutating func feed(_ input: CheckMachine.Input) {
        for action in machine.receive(input, at: now) {
            switch action {
            case .send(_, .request(let request, let seq)): serve(request, seq)
            case .send(_, .event(let event)): obey(event)
            case .send(_, .answer): break
            case .sendBytes where fault == .staysAway: leave(for: 100_000)
            case .sendBytes: if fault != .survivesGarbage { leave(for: 1) }
            case .close(let id) where id == CheckConnection(connection) && isOnline:
                isOnline = false
                heartbeatAt = nil
                returnAt = now + .seconds(fault == .slowReturn ? 70 : 2)
            case .close, .report: break
            case .finish: isFinished = true
            }
        }
    }

    private mutating func serve(_ request: RPCRequest, _ seq: Int) {
        guard isOnline, fault != .staysSilent || request.method != DevStatus.name else { return }
        let result = answer(request)
        let text =
            switch result {
            case .result(let body): #"{"seq":\#(seq),"resp":\#(body)}"#
            case .error(let code): #"{"seq":\#(seq),"err":{"code":\#(code),"msg":"no"}}"#
            }
        if fault == .answersOutOfOrder, request.method == DevStatus.name, held == nil {
            held = Array(text.utf8)
            return
        }
        say(text)
        if let late = held {
            held = nil
            say(String(decoding: late, as: UTF8.self))
        }
        if request.method == LogUploadAsync.name { sendLog(request.parameters) }
    }

    private enum Answer {
        case result(String)
        case error(Int)
    }

    private mutating func answer(_ request: RPCRequest) -> Answer {
        let parameters = request.parameters
        switch request.method {
        case GetCap.name:
            if fault == .refusesUnknownFields, parameters.has("no_such_field") { return .error(12) }
            if fault == .badCapabilities { return .result(#"{"ptz":"yes"}"#) }
            return .result(
                #"{"ptz":\#(fault != .ptzNotAnnounced),"audio_out":true,"cloud_record":false,"media_protocol":"srt"}"#
            )
        case DevStatus.name:
            let status = DeviceStatus(
                deviceID: settings.device.rawValue,
                hardwareModel: "Model",
                firmwareModel: "1",
                lastUpgrade: nil,
                wifiSSID: nil,
                wifiSignal: nil,
                upBandwidth: nil,
                downBandwidth: nil,
                address: nil,
                macAddress: nil,
                battery: nil
            )
            return .result(String(decoding: status.object.bytes, as: UTF8.self))
        case GetConfig.name: return .result(#"{"log_level":2,"tz":1}"#)
        case SetConfig.name:
            return .result(fault == .forgetsFields ? #"{"tz":1}"# : #"{"log_level":2,"tz":1}"#)
        case QueryTime.name:
            let off: Duration = fault == .wrongClock ? .seconds(700) : .zero
            return .result(
                #"{"datetime":"\#(UnitDateTime(wall + (now - start) + off, hoursEast: 0))","tz":0}"#
            )
        case SetTime.name:
            let bytes = String(decoding: parameters.bytes, as: UTF8.self)
            return fault == .nullIsAValue && bytes.contains("null") ? .error(12) : .result("{}")
        case PushLive.name: return push(parameters)
        case StopLive.name:
            if fault != .ignoresStop { stop() }
            return .result("{}")
        case GetPTZPresetList.name:
            return .result(
                #"{"presetList":[\#(presets.map { #"{"ptzId":\#($0)}"# }.joined(separator: ","))]}"#
            )
        case Snapshot.name: return snapshot(parameters)
        case QueryVideoStatus.name: return .result(#"{"status":"\#(isPlaying ? "playing" : "stopped")"}"#)
        case LogUploadAsync.name, StopRecord.name, KeepAwaken.name: return .result("{}")
        default: return fault == .unknownMethodIsSuccess ? .result("{}") : .error(101)
        }
    }

    private mutating func push(_ parameters: JSONObject) -> Answer {
        let order: PushLive
        do { order = try PushLive(parameters) } catch {
            return fault == .takesBrokenParameters ? .result("{}") : .error(12)
        }
        guard order.channel == 0 || fault == .takesMissingChannels else { return .error(102) }
        guard order.channel == 0, order.stream.rawValue != stream else { return .result("{}") }
        if fault != .keepsFirstStream { stop() }
        stream = order.stream.rawValue
        guard fault != .noStream else { return .result("{}") }
        feed(.streamBegan(order.stream))
        let sight = StreamSight(
            hasTables: true,
            video: "H.265",
            hasKeyFrame: fault != .noKeyFrame,
            hasClock: true
        )
        feed(.streamSeen(order.stream, sight))
        return .result("{}")
    }

    private mutating func stop() {
        guard let running = StreamID(rawValue: stream) else { return }
        stream = ""
        feed(.streamEnded(running))
    }

    private mutating func snapshot(_ parameters: JSONObject) -> Answer {
        guard let order = try? Snapshot(parameters) else { return .error(12) }
        guard !order.url.reveal().hasSuffix("refused") else { return .error(1) }
        if fault == .snapshotBeforeUpload { return .result("{}") }
        let head: [UInt8] = fault == .noJPEG ? [0, 0] : [0xFF, 0xD8]
        feed(.uploaded(CheckUpload(name: "snapshot.jpg", type: "image/jpeg", sizeInBytes: 9, head: head)))
        return .result("{}")
    }

    private mutating func sendLog(_ parameters: JSONObject) {
        guard fault != .noLogDone, let order = try? LogUploadAsync(parameters) else { return }
        feed(.uploaded(CheckUpload(name: "log.txt", type: nil, sizeInBytes: 0, head: [])))
        let done = LogDone(
            macID: settings.macIdentity.rawValue,
            transaction: order.transaction,
            outcome: .success,
            start: order.start,
            end: order.end,
            url: order.url,
            sizeInBytes: fault == .logOfAnotherSize ? 7 : 0
        )
        say(String(decoding: RPCMessage.event(done.event).encoded(), as: UTF8.self))
    }

    private mutating func obey(_ event: RPCEvent) {
        switch event.name {
        case CtrlPTZ.name:
            guard let order = try? CtrlPTZ(event.parameters), fault != .lostPreset else { return }
            if order.operation == .setPreset { presets = [order.value ?? 0] }
            if order.operation == .clearPreset { presets = [] }
        case PlayVideo.name:
            isPlaying = true
            if fault != .ignoresFile { feed(.fetched("sound.wav")) }
        case CtrlVideo.name: isPlaying = false
        case Reschedule.name:
            if fault == .leavesAtReschedule { return leave(for: 1) }
            schedule()
            login()
        default: if fault == .answersEvents { say(#"{"seq":0,"resp":{}}"#) }
        }
    }
}
