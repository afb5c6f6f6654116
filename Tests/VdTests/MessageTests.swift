import HSSModel
import Testing

@testable import Vd

private func object(_ text: String) throws -> JSONObject { try JSONObject(parsing: Array(text.utf8)) }

@Suite("Keepalive, Table I.2-1") struct KeepaliveTests {
    @Test func readsWhatItWrites() throws {
        let message = Keepalive(
            macID: "00:11:22:aa:bb:cc",
            state: .online,
            channels: [
                .init(
                    number: 0,
                    state: .online,
                    stream: StreamID(rawValue: "s1"),
                    recordSession: "r1",
                    alarms: 1 << 3
                ),
                .init(number: 1, state: .disabled),
            ]
        )
        #expect(try Keepalive(message.request.parameters) == message)
    }

    /// "if stream_id is null or does not exist, the channel is not being used for streaming".
    @Test(arguments: [#""stream_id":null,"#, #""stream_id":"","#, ""]) func noStream(field: String) throws {
        let text = #"{"mac_id":"a","state":1,"channels":[{"channel":0,\#(field)"state":1}]}"#
        #expect(try Keepalive(object(text)).channels[0].stream == nil)
    }

    @Test(arguments: [
        (#"{"state":1,"channels":[]}"#, "mac_id"),
        (#"{"mac_id":"a","state":4,"channels":[]}"#, "state"),
        (#"{"mac_id":"a","state":1}"#, "channels"),
        (#"{"mac_id":"a","state":1,"channels":{}}"#, "channels"),
        (#"{"mac_id":"a","state":1,"channels":[{"channel":-1,"state":1}]}"#, "channels[0].channel"),
        (#"{"mac_id":"a","state":1,"channels":[{"channel":0,"state":2}]}"#, "channels[0].state"),
        (
            #"{"mac_id":"a","state":1,"channels":[{"channel":0,"state":1,"stream_id":"a b"}]}"#,
            "channels[0].stream_id"
        ),
        (
            #"{"mac_id":"a","state":1,"channels":[{"channel":0,"state":1},{"channel":0,"state":1}]}"#,
            "channels"
        ),
    ]) func namesTheFieldThatBreaksARule(text: String, field: String) throws {
        let parameters = try object(text)
        let error = #expect(throws: FieldError.self) { try Keepalive(parameters) }
        #expect(error?.field == field)
    }
}

@Suite("PushLive and StopLive, Tables I.2-12 and I.2-13") struct LiveTests {
    @Test func readWhatTheyWrite() throws {
        let stream = try #require(StreamID(rawValue: "s1"))
        let push = PushLive(channel: 2, url: Secret("srt://h:1?streamid=x"), stream: stream, maxBitrate: 0)
        #expect(try PushLive(push.request.parameters) == push)
        let stop = StopLive(stream: stream, channel: 2)
        #expect(try StopLive(stop.request.parameters) == stop)
    }

    @Test func theAddressOfAPushIsASecret() throws {
        let stream = try #require(StreamID(rawValue: "s1"))
        let push = PushLive(
            channel: 0,
            url: Secret("srt://h:1?passphrase=hidden"),
            stream: stream,
            maxBitrate: 0
        )
        #expect(!"\(push)".contains("hidden"))
    }
}

@Suite("Login address, Table 9-3") struct UnitLoginURLTests {
    @Test func readsWhatItWrites() throws {
        let login = UnitLoginURL(
            deviceID: "cam-1",
            password: "p&=? %ä",
            hardwareModel: "H 1",
            firmwareModel: "1.0+2",
            sdk: nil,
            reconnect: true
        )
        let target = login.requestTarget
        #expect(target.hasPrefix("/Vd?login_code=cam-1&login_passwd="))
        #expect(try UnitLoginURL(parsing: target.dropFirst(4)) == login)
    }

    /// "reconnect: optional … The default value is zero"; "sdk: optional … The default value is null".
    @Test func defaults() throws {
        let login = try UnitLoginURL(
            parsing: "login_code=a&login_passwd=b&hardware_model=c&firmware_model=d&x=y"
        )
        #expect(login.sdk == nil && !login.reconnect)
    }

    @Test(arguments: [
        ("login_passwd=b&hardware_model=c&firmware_model=d", "login_code"),
        ("login_code=a&login_passwd=&hardware_model=c&firmware_model=d", "login_passwd"),
        ("login_code=a&login_passwd=b&firmware_model=d", "hardware_model"),
        ("login_code=a&login_passwd=b&hardware_model=c", "firmware_model"),
        ("login_code=a&login_code=b&login_passwd=b&hardware_model=c&firmware_model=d", "login_code"),
        ("login_code=%zz&login_passwd=b&hardware_model=c&firmware_model=d", "login_code"),
        ("login_code=%ff&login_passwd=b&hardware_model=c&firmware_model=d", "login_code"),
        ("login_code=a&login_passwd=b&hardware_model=c&firmware_model=d&reconnect=2", "reconnect"),
    ]) func refusesWhatTheTableDoesNotAllow(query: String, field: String) {
        let error = #expect(throws: FieldError.self) { try UnitLoginURL(parsing: query) }
        #expect(error?.field == field)
    }
}
