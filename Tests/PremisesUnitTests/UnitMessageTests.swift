import Foundation
import HSSModel
import MediaFormats
import PremisesUnit
import TestSupport
import Testing
import Vd

/// Each message of Appendix I.2 that a platform sends, over a real connection to a simulated unit.
@Suite("What the platform asks of a unit", .timeLimit(.minutes(2)), .serialized) struct UnitMessageTests {
    @Test("Table I.2-4: a channel restarts by itself, the connection stays")
    func rebootChannel() async throws {
        try await DeviceBench.run { bench in
            bench.tell(RebootChannel(channel: 1))
            try await bench.until { bench.heartbeats.last?.channels.map(\.state) == [.online, .offline] }
            try await bench.until { bench.heartbeats.last?.channels.map(\.state) == [.online, .online] }
            #expect(bench.logins.count == 1)
        }
    }

    @Test("Table I.2-5: the unit closes, asks Vs and logs in as after a start")
    func rebootDevice() async throws {
        try await DeviceBench.run { bench in
            bench.tell(RebootDevice())
            try await bench.until { bench.logins.count == 2 }
            #expect(bench.logins.allSatisfy { $0.hasSuffix("reconnect=0") })
            #expect(bench.order.filter { $0 == "scheduling" }.count == 2)
        }
    }

    @Test("Tables I.2-7, I.2-8: fetched, installed, started anew with the new version; state 2 meanwhile")
    func upgrade() async throws {
        let image = [UInt8](repeating: 7, count: 300_000)
        try await DeviceBench.run(files: ["/firmware": image]) { bench in
            #expect(
                try await bench.ask(QueryUpgrade())
                    == UpgradeStatus(state: .notStarted, progress: 0, firmwareModel: "1.0.0")
            )
            bench.tell(UpgradeFirmware(firmwareModel: "2.0.0", url: bench.url("/firmware")))
            try await bench.ask(QueryUpgrade()) { $0.state == .installing && $0.progress > 50 }
            try await bench.until { bench.heartbeats.last?.state == .upgrading }
            let before = bench.heartbeats.count
            try await bench.until { bench.logins.count == 2 && bench.heartbeats.count > before }
            #expect(bench.logins[1].contains("firmware_model=2.0.0"))
            #expect(bench.heartbeats.last?.state == .online)
            let status = try await bench.ask(QueryUpgrade())
            #expect(status == UpgradeStatus(state: .done, progress: 100, firmwareModel: "2.0.0"))
            #expect(try await bench.ask(DevStatus()).lastUpgrade != nil)
        }
    }

    @Test(
        "Tables I.2-7, I.2-8: what cannot be fetched or installed is an error, and the old version runs on",
        arguments: ["/empty", "/missing", "/firmware"]
    )
    func failedUpgrades(path: String) async throws {
        let files: [String: [UInt8]] = ["/empty": [], "/firmware": [1, 2, 3]]
        try await DeviceBench.run(
            files: files,
            prepare: { $0.faults.failsUpgrades = true },
            { bench in
                bench.tell(UpgradeFirmware(firmwareModel: "2.0.0", url: bench.url(path)))
                try await bench.ask(QueryUpgrade()) { $0.state == .error && $0.firmwareModel == "1.0.0" }
                try await bench.until { bench.heartbeats.last?.state == .online }
                #expect(bench.logins.count == 1)
            }
        )
    }

    @Test("Tables I.2-9, I.2-10: within the tolerance the clock stays, beyond it is set, with its zone")
    func time() async throws {
        try await DeviceBench.run { bench in
            let start = try await bench.ask(QueryTime())
            #expect(start.timeZone == 0)
            let host = WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
            let near = UnitDateTime(host + .seconds(50), hoursEast: 0)
            _ = try await bench.ask(SetTime(dateTime: near, timeZone: nil, tolerance: 60))
            let kept = try await bench.ask(QueryTime()).dateTime.wallTime(hoursEast: 0)
            #expect(abs((kept - host).components.seconds) < 30)
            let far = UnitDateTime(host + .seconds(90_000), hoursEast: 8)
            _ = try await bench.ask(SetTime(dateTime: far, timeZone: 8, tolerance: 60))
            let answer = try await bench.ask(QueryTime())
            #expect(answer.timeZone == 8)
            #expect(abs((answer.dateTime.wallTime(hoursEast: 8) - host).components.seconds - 90_000) < 30)
            #expect(try await bench.ask(GetConfig()).number("tz") == 8)
        }
    }

    @Test("Table I.2-11: the device and its network")
    func status() async throws {
        try await DeviceBench.run(
            prepare: { $0.device.battery = 55 },
            { bench in
                let status = try await bench.ask(DevStatus())
                #expect(status.deviceID == "cam1" && status.macAddress == "M-1")
                #expect(status.firmwareModel == "1.0.0" && status.lastUpgrade == nil)
                #expect(status.wifiSSID == "Vedette" && status.battery == 55)
            }
        )
    }

    @Test("Tables I.2-17, I.2-18, I.2-22: what the head does is seen in the picture, and presets are kept")
    func headAndSnapshot() async throws {
        try await DeviceBench.run { bench in
            for _ in 0..<3 { bench.tell(CtrlPTZ(channel: 1, operation: .rightStep, value: 20)) }
            bench.tell(CtrlPTZ(channel: 1, operation: .downStep, value: 10))
            // Steps add up and are travelled at full speed: 60° in a second.
            let after = try await bench.snapshot(1) { $0.tilt == -10 && $0.pan == 60 }
            #expect(after == DeviceBench.View(channel: 1, pan: 60, tilt: -10, zoom: 0))
            bench.tell(CtrlPTZ(channel: 1, operation: .setPreset, value: 255))
            bench.tell(CtrlPTZ(channel: 1, operation: .setPreset, value: 3))
            bench.tell(CtrlPTZ(channel: 1, operation: .clearPreset, value: 255))
            #expect(try await bench.ask(GetPTZPresetList(channel: 1)).presets == [3])
            #expect(try await bench.ask(GetPTZPresetList(channel: 0)).presets == [])
            bench.tell(CtrlPTZ(channel: 1, operation: .left, value: 100))
            try await bench.snapshot(1) { $0.pan < -20 }
            bench.tell(CtrlPTZ(channel: 1, operation: .stop))
            let stopped = try await bench.snapshot(1)
            #expect(try await bench.snapshot(1) == stopped)
            bench.tell(CtrlPTZ(channel: 1, operation: .gotoPreset, value: 3))
            try await bench.snapshot(1) { $0 == after }
            // The other channel has a head of its own.
            #expect(try await bench.snapshot(0).pan == 0)
        }
    }

    @Test("Table I.2-22: the answer comes after the picture, also where the server wants it a second time")
    func snapshotOrder() async throws {
        try await DeviceBench.run { bench in
            let seq = bench.send(Snapshot(channel: 0, url: bench.url("/status/503")).request)
            let next = bench.send(QueryTime().request)
            try await bench.until { bench.answers[next] != nil }
            #expect(bench.answers[seq] == .success(.empty))
            #expect(Array(bench.order.suffix(3)) == ["/status/503", "answer \(seq)", "answer \(next)"])
            #expect(bench.uploads.last?.type == "image/jpeg")
        }
    }

    @Test("Table I.2-22: a picture that is refused is an error")
    func refusedSnapshot() async throws {
        try await DeviceBench.run { bench in
            let refused = try await bench.code(Snapshot(channel: 0, url: bench.url("/status/403")).request)
            #expect(refused == 1)
            let strange = try await bench.code(Snapshot(channel: 0, url: Secret("ftp://localhost/x")).request)
            #expect(strange == 1)
            #expect(bench.uploads.isEmpty)
        }
    }

    @Test("files travel over TLS to whoever the authority vouches for")
    func securedUploads() async throws {
        try await DeviceBench.run(certificate: try TestCertificate()) { bench in
            _ = try await bench.ask(Snapshot(channel: 0, url: bench.url("/p")))
            #expect(bench.uploads.last?.content.prefix(2) == [0xFF, 0xD8])
        }
    }

    @Test("Tables I.2-19 to I.2-21: only what is named changes; back to the factory without a new login")
    func configuration() async throws {
        try await DeviceBench.run { bench in
            let factory = try await bench.ask(GetConfig())
            #expect(factory.channels == [0, 1] && factory.flag("led") == true)
            #expect(factory.number("alarms.motion.sensitivity", channel: 1) == 50)
            var change = ConfigurationDocument()
            try change.set(.flag(false), at: ConfigurationPath("led"))
            try change.set(.text("Door"), at: ConfigurationPath("osd.text", channel: 1))
            try change.set(.number(2), at: ConfigurationPath("tz"))
            #expect(try await bench.ask(SetConfig(document: change)) == factory.merging(change))
            #expect(try await bench.ask(GetConfig()) == factory.merging(change))
            #expect(try await bench.ask(QueryTime()).timeZone == 2)
            _ = try await bench.ask(ResetConfig())
            #expect(try await bench.ask(GetConfig()) == factory)
            #expect(bench.logins.count == 1)
        }
    }

    @Test("Table I.2-20: a channel that is switched off is disabled, and takes no picture (103)")
    func disabledChannel() async throws {
        try await DeviceBench.run { bench in
            var change = ConfigurationDocument()
            try change.set(.flag(false), at: ConfigurationPath("on", channel: 1))
            _ = try await bench.ask(SetConfig(document: change))
            try await bench.until { bench.heartbeats.last?.channels.map(\.state) == [.online, .disabled] }
            #expect(try await bench.code(Snapshot(channel: 1, url: bench.url("/p")).request) == 103)
            #expect(try await bench.code(MachineBench.push(channel: 1, stream: "s")) == 103)
        }
    }

    @Test("Tables I.2-23 to I.2-25: fetched, played, held, resumed, stopped")
    func player() async throws {
        try await DeviceBench.run(files: ["/song": [UInt8](repeating: 1, count: 1_600_000)]) { bench in
            let query = QueryVideoStatus(channel: 0)
            #expect(try await bench.ask(query) == PlayingStatus(state: .stopped))
            bench.tell(PlayVideo(channel: 0, url: bench.url("/song")))
            try await bench.ask(query) { $0 == PlayingStatus(state: .playing, url: bench.url("/song")) }
            bench.tell(CtrlVideo(channel: 0, operation: .pause))
            try await bench.ask(query) { $0.state == .pausing }
            bench.tell(CtrlVideo(channel: 0, operation: .resume))
            try await bench.ask(query) { $0.state == .playing }
            bench.tell(CtrlVideo(channel: 0, operation: .stop))
            try await bench.ask(query) { $0 == PlayingStatus(state: .stopped) }
        }
    }

    @Test("Table I.2-26; Table I.2-27: awake is a success, and the battery is told when it changes")
    func power() async throws {
        try await DeviceBench.run(
            prepare: {
                $0.device.battery = 22
                $0.device.batteryStep = .milliseconds(50)
            },
            { bench in
                _ = try await bench.ask(KeepAwaken(channel: 0, seconds: 60))
                try await bench.until { bench.events.filter { $0.name == BatteryChange.name }.count >= 4 }
                let levels = try bench.events.filter { $0.name == BatteryChange.name }
                    .map { try BatteryChange($0.parameters).percent }
                #expect(zip(levels, levels.dropFirst()).allSatisfy { $0 == $1 + 1 }, "\(levels)")
                try await bench.until { bench.alarms.contains { $0.type == .lowPower && $0.phase == .pulse } }
            }
        )
    }

    @Test(
        "Table I.2-16: an alarm is told, stands in the heartbeat, and sends its picture where one is wanted"
    )
    func alarm() async throws {
        try await DeviceBench.run(
            prepare: { options in
                options.device.alarms = [AlarmPlan(type: .human, channel: 1, every: .seconds(2))]
            },
            { bench in
                bench.pictureURL = bench.url("/alarm")
                try await bench.until { !bench.uploads.isEmpty && bench.alarms.count >= 2 }
                #expect(bench.alarms.map(\.phase).prefix(2) == [.start, .end])
                #expect(bench.alarms.allSatisfy { $0.type == .human && $0.channel == 1 })
                let (luma, width) = try MediaFile.luma(ofJPEG: bench.uploads[0].content)
                #expect(TestPatternPicture.sceneCode(luma: luma, width: width) >> 24 == 1)
                #expect(bench.heartbeats.contains { $0.channels[1].alarms == AlarmType.human.bit })
            }
        )
    }

    @Test("Table I.2-28: what the unit can, and nothing else")
    func capabilities() async throws {
        try await DeviceBench.run { bench in
            let all = try await bench.ask(GetCap())
            #expect(all.supports(.ptz) && all.supports(.audioOut) && all.supports(.pictureUploadHTTPS))
            #expect(all.supports(.cloudRecord) && !all.supports(.battery) && all.mediaProtocol == .srt)
            #expect(all.supports(.motion))
        }
        try await DeviceBench.run(
            prepare: { $0.device.abilities = [.storage] },
            { bench in
                let few = try await bench.ask(GetCap())
                #expect(few.abilities.isEmpty)
                for name in [
                    "GetConfig", "QueryUpgrade", "Snapshot", "LogUploadAsync", "KeepAwaken",
                    "GetPTZPresetList", "StartRecord",
                ] {
                    #expect(try await bench.code(RPCRequest(name)) == 101, "\(name)")
                }
                _ = try await bench.ask(GetDiskInfo())
            }
        )
    }

    @Test("Tables I.2-29, I.2-30: answered at once, uploaded, then told; no line is a file of length 0")
    func log() async throws {
        try await DeviceBench.run { bench in
            let now = WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
            func order(_ id: TransactionID, from: Int, to: Int, _ path: String) -> LogUploadAsync {
                LogUploadAsync(
                    transaction: id,
                    start: UnitDateTime(now + .seconds(from), hoursEast: 0),
                    end: UnitDateTime(now + .seconds(to), hoursEast: 0),
                    url: bench.url(path)
                )
            }
            _ = try await bench.ask(order(TransactionID(7), from: -60, to: 60, "/log"))
            try await bench.until { bench.events.count { $0.name == LogDone.name } == 1 }
            let text = String(decoding: bench.uploads.last?.content ?? [], as: UTF8.self)
            #expect(text.contains(" connected\n"))
            let done = try LogDone(try #require(bench.events.last).parameters)
            #expect(done.outcome == .success && done.sizeInBytes == text.utf8.count && done.macID == "M-1")
            #expect(done.transaction == TransactionID(7) && done.transaction == TransactionID("7"))
            #expect(bench.order.suffix(2) == ["/log", LogDone.name])
            _ = try await bench.ask(order(TransactionID("t8"), from: -7200, to: -3600, "/empty"))
            try await bench.until { bench.events.count { $0.name == LogDone.name } == 2 }
            #expect(bench.uploads.last?.path == "/empty" && bench.uploads.last?.content.isEmpty == true)
            #expect(try LogDone(try #require(bench.events.last).parameters).sizeInBytes == 0)
            _ = try await bench.ask(order(TransactionID(9), from: -60, to: 60, "/status/404"))
            try await bench.until { bench.events.count { $0.name == LogDone.name } == 3 }
            #expect(try LogDone(try #require(bench.events.last).parameters).outcome == .fail)
        }
    }

    @Test("Tables I.2-31, I.2-32: answered at once; state 3 until it is done, then everything is free")
    func disk() async throws {
        try await DeviceBench.run { bench in
            let before = try await bench.ask(GetDiskInfo())
            #expect(before.state == .normal && before.free < before.total)
            _ = try await bench.ask(FormatDisk())
            #expect(try await bench.ask(GetDiskInfo()).state == .formatting)
            _ = try await bench.ask(FormatDisk())
            try await bench.ask(GetDiskInfo()) { $0.state == .normal && $0.free == $0.total }
        }
    }

    @Test("errors 12 with the field's name, 13, 101 and 102")
    func refusals() async throws {
        try await DeviceBench.run { bench in
            let cases: [(String, String, Int, String)] = [
                ("Snapshot", #"{"channel":0}"#, 12, "url"),
                ("Snapshot", #"{"channel":7,"url":"https://localhost/"}"#, 102, "7"),
                ("KeepAwaken", #"{"channel":0,"expired":-1}"#, 12, "expired"),
                ("KeepAwaken", #"{"channel":2,"expired":1}"#, 102, "2"),
                ("GetPTZPresetList", "{}", 12, "channel"),
                ("GetPTZPresetList", #"{"channel":9}"#, 102, "9"),
                ("QueryVideoStatus", #"{"channel":9}"#, 102, "9"),
                ("Settime", #"{"datetime":"2026-02-30T00:00:00","offset":1}"#, 12, "datetime"),
                ("LogUploadAsync", #"{"trans_id":1,"start":"x","end":"y","url":"z"}"#, 12, "start"),
                ("SetConfig", #"{"led":"yes"}"#, 12, "led"),
                ("SetConfig", #"{"channels":{"5":{"on":true}}}"#, 102, "5"),
                ("SetConfig", #"{"channels":{"0":{"video_encoding":{"fps":30}}}}"#, 13, "video_encoding.fps"),
                (
                    "SetConfig", #"{"channels":{"0":{"video_encoding":{"encoder":"h265"}}}}"#, 13,
                    "video_encoding.encoder"
                ),
                ("SetConfig", #"{"extension":{"a":1}}"#, 13, "extension"),
                ("StopRecord", "{}", 12, "session_id"),
                ("NoSuchMethod", "{}", 101, "NoSuchMethod"),
            ]
            for (method, text, code, word) in cases {
                let parameters = try JSONObject(parsing: Array(text.utf8))
                guard case .failure(let failure) = try await bench.ask(RPCRequest(method, parameters)) else {
                    Issue.record("\(method) \(text): a success")
                    continue
                }
                #expect(
                    failure.code == code && failure.message.contains(word),
                    "\(method) \(text): \(failure)"
                )
            }
            // Events that make no sense change nothing and end nothing.
            for name in [
                "CtrlPTZ", "PlayVideo", "CtrlVideo", "RebootChannel", "UpgradeFirmware", "NoSuchEvent",
            ] {
                bench.tell(RPCEvent(name))
            }
            bench.tell(CtrlPTZ(channel: 9, operation: .left))
            _ = try await bench.ask(QueryTime())
            #expect(bench.logins.count == 1)
        }
    }
}

extension DeviceBench {
    struct View: Equatable {
        var channel: Int
        var pan: Int
        var tilt: Int
        var zoom: Int
    }

    /// What a snapshot of the channel shows.
    @discardableResult
    func snapshot(_ channel: Int, until isReached: (View) -> Bool = { _ in true }) async throws -> View {
        while true {
            _ = try await ask(Snapshot(channel: channel, url: url("/picture")))
            let (luma, width) = try MediaFile.luma(ofJPEG: try #require(uploads.last).content)
            let code = Int(TestPatternPicture.sceneCode(luma: luma, width: width))
            let view = View(
                channel: code >> 24,
                pan: (code >> 15 & 511) - 180,
                tilt: (code >> 7 & 255) - 90,
                zoom: code & 127
            )
            if isReached(view) { return view }
        }
    }
}
