import Bus
import CustomerAccess
import HSSModel
import HTTPTypes
import Testing

@Suite("Customer API, CONTRACT") struct CustomerAPITests {
    static let cam1 = """
        {"channels":[{"alarm":0,"channel":0,"channel_id":"cam-1-0","recording":false,"state":"offline",\
        "streaming":false},{"alarm":4,"channel":1,"channel_id":"cam-1-1","recording":false,"state":"online",\
        "streaming":true}],"device_id":"cam-1","firmware_model":"2.0","last_seen":"\(Neighbours.seen)",\
        "name":"Door","online":true,"owner":"anna","rights":["live","playback","control","talk"],\
        "role":"owner","state":"online","transport":"vd"}
        """
    static let cam3 = """
        {"channels":[{"alarm":0,"channel":0,"channel_id":"cam-3-0","recording":false,"state":"offline",\
        "streaming":false},{"alarm":0,"channel":1,"channel_id":"cam-3-1","recording":false,"state":"offline",\
        "streaming":false}],"device_id":"cam-3","firmware_model":"1.0","last_seen":"\(Neighbours.seen)",\
        "name":"Door","online":false,"owner":"bert","rights":["playback"],"role":"guest","state":"offline"}
        """

    // MARK: Sessions

    @Test func aSessionBeginsGoesOnAndEnds() async throws {
        try await APIClient.run { api in
            let first = try await api.send("POST /session", as: nil, #"{"user":"anna","password":"right"}"#)
            #expect(first.status == 201)
            #expect(first.json == #"{"access_token":"anna","expires_in":900,"refresh_token":"again"}"#)
            #expect(first.headers[.cacheControl] == "no-store", "tokens stay out of caches")
            let next = try await api.send("POST /session/refresh", as: nil, #"{"refresh_token":"again"}"#)
            #expect(next.status == 200)
            #expect(next.json == #"{"access_token":"anna","expires_in":900,"refresh_token":"once more"}"#)
            #expect(try await api.send("DELETE /session").status == 204)
            #expect(
                api.neighbours.calls == ["openSession anna from local", "refreshSession", "closeSession"]
            )
        }
    }

    @Test func aWrongPasswordIsRefusedWithAChallenge() async throws {
        try await APIClient.run { api in
            let wrong = try await api.send("POST /session", as: nil, #"{"user":"anna","password":"x"}"#)
            #expect(wrong.status == 401 && wrong.headers[.wwwAuthenticate] == "Bearer")
            #expect(wrong.type == "application/problem+json")
            let other = try await api.send("POST /session", as: nil, #"{"user":"nobody","password":"x"}"#)
            #expect(other == wrong, "alike for an unknown user")
            let refresh = try await api.send("POST /session/refresh", as: nil, #"{"refresh_token":"x"}"#)
            #expect(refresh.status == 401)
        }
    }

    // MARK: Devices

    @Test func devicesAreListedAndShown() async throws {
        try await APIClient.run { api async throws in
            #expect(try await api.send("GET /devices").json == #"{"items":[\#(Self.cam1),\#(Self.cam3)]}"#)
            #expect(try await api.send("GET /devices/cam-1").json == Self.cam1)
            #expect(try await api.send("GET /devices/cam-3").json == Self.cam3)
        }
    }

    @Test func listsPage() async throws {
        try await APIClient.run { api in
            let first = try await api.send("GET /devices?limit=1")
            #expect(first.json == #"{"items":[\#(Self.cam1)],"next_cursor":"cam-1"}"#)
            let second = try await api.send("GET /devices?limit=1&cursor=cam-1")
            #expect(second.json == #"{"items":[\#(Self.cam3)]}"#)
            #expect(
                api.neighbours.calls == ["devices after - limit 2", "devices after cam-1 limit 2"],
                "one more than shown tells whether there is another page"
            )
        }
    }

    @Test(arguments: [
        ("limit=0", "limit"), ("limit=201", "limit"), ("limit=ten", "limit"), ("limit=", "limit"),
        ("limit=99999999999999999999", "limit"), ("cursor=", "cursor"), ("cursor=a%20b", "cursor"),
    ]) func pagesHaveLimits(query: String, field: String) async throws {
        try await APIClient.run { api in
            let answer = try await api.send("GET /devices?\(query)")
            #expect(answer.status == 400 && answer.json.contains(#""field":"\#(field)""#), "\(answer)")
            #expect(api.neighbours.calls.isEmpty)
        }
    }

    /// "A user sees a device only when bound to it or given a share; anything else is 404."
    @Test(arguments: [
        "GET /devices/ID", "DELETE /devices/ID/binding", "POST /devices/ID/channels/0/live",
        "DELETE /devices/ID/channels/0/live",
    ]) func aForeignDeviceIsAnsweredAsAnAbsentOne(call: String) async throws {
        try await APIClient.run { api in
            let foreign = try await api.send(call.replacing("ID", with: "cam-2"))
            var absent = try await api.send(call.replacing("ID", with: "cam-9"))
            absent.json = absent.json.replacing("cam-9", with: "cam-2")
            absent.headers[.contentLength] = foreign.headers[.contentLength]
            #expect(foreign.status == 404 && foreign == absent)
            #expect(foreign.type == "application/problem+json")
            #expect(!api.neighbours.calls.contains { $0.hasPrefix("startLive") || $0.hasPrefix("stopLive") })
        }
    }

    @Test func bindingsBeginAndEnd() async throws {
        try await APIClient.run { api in
            let code = try await api.send("POST /bindings")
            #expect(code.status == 201)
            #expect(code.json == #"{"bind_id":"ABCD-EFGH-JKMN-PQRS","expires_at":"\#(Neighbours.seen)"}"#)
            #expect(try await api.send("DELETE /devices/cam-1/binding").status == 204)
            api.neighbours.fail(ManagementError.limit("open bind codes"))
            #expect(try await api.send("POST /bindings").status == 429)
        }
    }

    // MARK: Live

    @Test func aLivePictureIsHandedOutAndGivenBack() async throws {
        try await APIClient.run { api in
            let live = try await api.send("POST /devices/cam-1/channels/1/live")
            #expect(live.status == 200)
            #expect(
                live.json == """
                    {"expires_at":"\(Neighbours.seen)","lease":"l1","play":{"hls":"https://h/s1/index.m3u8","jpeg":"https://h/s1.jpg",\
                    "srt":"srt://h","ts":"https://h/s1.ts","ws":"wss://h/s1.ws"},"rendition":"original","stream_id":"s1"}
                    """
            )
            #expect(try await api.send("DELETE /devices/cam-1/channels/1/live?lease=l1").status == 204)
            #expect(try await api.send("DELETE /devices/cam-1/channels/1/live").status == 204)
            let calls = api.neighbours.calls.filter { !$0.hasPrefix("device ") }
            #expect(
                calls == ["startLive cam-1/1 anna", "stopLive cam-1/1 l1 anna", "stopLive cam-1/1 all anna"]
            )
        }
    }

    @Test(arguments: ["2", "-1", "x", "99999999999999999999"]) func anUnknownChannelIsNotFound(
        number: String
    ) async throws {
        try await APIClient.run { api async throws in
            #expect(try await api.send("POST /devices/cam-1/channels/\(number)/live").status == 404)
        }
    }

    @Test func whoMayNotWatchIsToldSo() async throws {
        try await APIClient.run { api in
            let answer = try await api.send("POST /devices/cam-3/channels/0/live")
            #expect(answer.status == 403 && answer.json.contains("urn:vedette:no-right"))
            #expect(try await api.send("DELETE /devices/cam-1/channels/0/live?lease=a%20b").status == 400)
        }
    }

    /// "504 with the unit's or the network's reason where it does not" publish.
    @Test(arguments: [
        (LiveError.unitOffline(unit), 504, "unit-offline"),
        (.channelUnavailable(ChannelAddress(unit: unit, number: 0), .disabled), 504, "channel-unavailable"),
        (.refusedByUnit(code: 11, message: "too large"), 504, "refused-by-unit"),
        (.unitSilent(unit), 504, "unit-silent"),
        (.noPublish(unit, after: .seconds(10)), 504, "no-publish"),
        (.overBitrate(ChannelAddress(unit: unit, number: 0), limit: 4_000_000), 504, "over-bitrate"),
        (.media("full"), 503, "media"),
        (.busy("customers"), 503, "busy"),
    ]) func whyThereIsNoPictureIsSaid(failure: LiveError, status: Int, type: String) async throws {
        try await APIClient.run { api in
            api.neighbours.fail(failure)
            let answer = try await api.send("POST /devices/cam-1/channels/0/live")
            #expect(answer.status == status && answer.json.contains(#""type":"urn:vedette:\#(type)""#))
            #expect(answer.type == "application/problem+json")
            #expect((answer.headers[.retryAfter] != nil) == (status == 503))
            if case .refusedByUnit = failure { #expect(answer.json.contains(#""unit_error":11"#)) }
        }
    }

    private static let unit = UnitID(unchecked: "cam-1")

    @Test func aStreamThatEndsMeanwhileIsSaid() async throws {
        try await APIClient.run { api in
            api.neighbours.fail(MediaError.noSuchStream(StreamID(unchecked: "s1")))
            #expect(try await api.send("POST /devices/cam-1/channels/0/live").status == 504)
            api.neighbours.fail(MediaError.busy("viewers"))
            let busy = try await api.send("POST /devices/cam-1/channels/0/live")
            #expect(busy.status == 503 && busy.headers[.retryAfter] == "5")
        }
    }
}
