import HSSModel
import Testing

@testable import Vd

private func object(_ text: String) throws -> JSONObject { try JSONObject(parsing: Array(text.utf8)) }

@Suite("Rules of single tables that no schema tells") struct RuleTests {
    /// Table I.2-17: "moves: speed 0-100, default 50; *_preset: preset ID 0-255 (required); *_step: step 0-100,
    /// default 0; stop: ignored".
    @Test(arguments: PTZOperation.allCases) func valueOfAPTZOperation(operation: PTZOperation) throws {
        func command(_ value: String?) throws -> CtrlPTZ {
            try CtrlPTZ(
                object(
                    #"{"channel":0,"op":"\#(operation.rawValue)"\#(value.map { ",\"value\":" + $0 } ?? "")}"#
                )
            )
        }
        let (most, usual): (Int?, Int?) =
            switch operation.rawValue {
            case "stop": (nil, 0)
            case let name where name.hasSuffix("_preset"): (255, nil)
            case let name where name.hasSuffix("_step"): (100, 0)
            default: (100, 50)
            }
        if let usual {
            #expect(try command(nil).effectiveValue == usual)
            #expect(try command("null").effectiveValue == usual)
        } else {
            #expect(#expect(throws: FieldError.self) { try command(nil) }?.field == "value")
        }
        if let most {
            #expect(try command("0").value == 0)
            #expect(try command("\(most)").value == most)
            for wrong in ["-1", "\(most + 1)", "\"1\""] {
                #expect(#expect(throws: FieldError.self) { try command(wrong) }?.field == "value")
            }
        } else {
            #expect(try command("300").value == nil)
        }
    }

    /// Table I.2-8: "Accept the misspelling donwloading that units in the field send."
    @Test func aMisspeltDownloadIsOne() throws {
        let status = try UpgradeStatus(
            object(#"{"upgrade_status":"donwloading","progress":3,"firmware_model":"1"}"#)
        )
        #expect(status.state == .downloading)
        #expect(try status.object.string("upgrade_status", 1...64) == "downloading")
    }

    /// "Table I.2-29 says int, Table I.2-30 says string: send and accept either, compare as text".
    @Test func aTransactionIsComparedAsTextAndGoesBackAsItCame() throws {
        func done(_ transaction: String) throws -> LogDone {
            try LogDone(
                object(
                    #"{"mac_id":"a","trans_id":\#(transaction),"status":"fail","start":"2026-01-01T00:00:00","#
                        + #""end":"2026-01-01T00:00:00","url":"u","size":0}"#
                )
            )
        }
        let (number, text) = (try done("7"), try done("\"7\""))
        #expect(number.transaction == text.transaction && number.transaction == TransactionID(7))
        #expect(Set([number.transaction, text.transaction, TransactionID("x")]).count == 2)
        #expect(String(decoding: number.object.bytes, as: UTF8.self).contains(#""trans_id":7,"#))
        #expect(String(decoding: text.object.bytes, as: UTF8.self).contains(#""trans_id":"7","#))
        for wrong in ["1.5", "true", "\"\"", "null", "[]"] {
            #expect(#expect(throws: FieldError.self) { try done(wrong) }?.field == "trans_id")
        }
    }

    /// Table I.2-14, start_ts: "timestamp of the first segment … 0 or negative: the unit uses its own clock".
    @Test(arguments: [("1.5", 1.5), ("-1", -1), ("0", 0), ("1763719200.25", 1_763_719_200.25), ("1e3", 1000)])
    func aRecordStartsAtAFraction(text: String, seconds: Double) throws {
        let record = try StartRecord(
            object(
                #"{"session_id":"s","channel":0,"max_bitrate":0,"seg_duration":10,"seg_max_size":1,"seg_max_count":1,"#
                    + #""start_ts":\#(text),"cbk_url":"u"}"#
            )
        )
        #expect(record.startTimestamp == seconds)
        #expect(try StartRecord(record.object) == record)
        #expect(record.prerecordSeconds == nil)
    }

    /// Table I.2-16: state alarms start and end, the others pulse; bit number = type.
    @Test func alarmTypes() {
        #expect(AlarmType.allCases.filter(\.isSingle).map(\.rawValue) == [4, 8, 9, 10])
        #expect(AlarmType.all(in: 1 << 3 | 1 << 12 | 1 << 31 | 1) == [.motion, .infraredMotion])
        let alarm = AlarmNotify(
            channel: 0,
            timestamp: WallTime(milliseconds: 1999),
            type: .motion,
            phase: .start,
            description: ""
        )
        #expect(alarm.timestamp == WallTime(milliseconds: 1000))
    }

    /// Table I.2-11: the field is required, and a unit that was never upgraded leaves it empty.
    @Test(arguments: [
        ("\"\"", true), ("\"2016-12-05T02:15:32\"", true), ("\"yesterday\"", false), ("null", false),
    ])
    func lastUpgrade(text: String, isRight: Bool) throws {
        let status = try object(
            #"{"dev_id":"d","hardware_model":"h","firmware_model":"f","last_upgrade_datetime":\#(text)}"#
        )
        let read = try? DeviceStatus(status)
        #expect((read != nil) == isRight)
        #expect(
            read.map { $0.lastUpgrade?.description ?? "" } == (isRight ? text.replacing("\"", with: "") : nil)
        )
    }

    /// "bool, default false"; "media_protocol … (H.627.2 units: srt)".
    @Test func capabilitiesAreAbsentUnlessTold() throws {
        #expect(try Capabilities(.empty) == Capabilities())
        let read = try Capabilities(object(#"{"ptz":true,"led":false,"alarms":{"cross":true,"io":false}}"#))
        #expect(read.supports(.ptz) && !read.supports(.led) && !read.supports(.battery))
        #expect(read.supports(.intrusion) && !read.supports(.external) && !read.supports(.lowPower))
        #expect(read.mediaProtocol == .srt)
    }

    /// The codes of the catalogue.
    @Test func errorCodes() throws {
        let listed = try SchemaFolder().document("catalogue.json")["error_codes"]?.fields ?? [:]
        let failures: [RPCFailure] = [
            .internalError("x"), .streamTooLarge, .parameter(FieldError("a", "b")),
            .unsupportedConfiguration("x"),
            .unsupportedMethod("x"), .noSuchChannel(0), .channelNotOnline(0),
        ]
        let single = Set(listed.keys.compactMap { Int($0) }).subtracting([200])
        #expect(Set(failures.map(\.code)) == single)
    }
}
