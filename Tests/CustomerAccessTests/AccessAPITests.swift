import Bus
import HSSModel
import HTTPTypes
import Testing

@testable import CustomerAccess

@Suite("Shares, households, sessions over the API, CONTRACT") struct AccessAPITests {
    private static let seen = Neighbours.seen
    private static let bert = """
        {"created_at":"\(seen)","device_id":"cam-1","expires_at":"\(seen)","rights":["live","talk"],"schedule":\
        {"periods":[{"days":["mon","tue"],"from":"08:00","to":"18:00"},{"days":["sat"],"from":"22:00",\
        "to":"06:00"}],"time_zone":"Europe/Berlin"},"user":"bert"}
        """
    private static let carl =
        #"{"created_at":"\#(seen)","device_id":"cam-1","rights":["live"],"user":"carl"}"#
    private static let household = """
        {"created_at":"\(seen)","devices":[{"added_at":"\(seen)","device_id":"cam-1","owner":"anna"}],\
        "household_id":"h-1","members":[{"joined_at":"\(seen)","rights":["live","playback","control","talk"],\
        "role":"admin","user":"anna"}],"name":"Home"}
        """
    private static let group =
        #"{"created_at":"\#(seen)","devices":["cam-3","cam-1"],"group_id":"g-1","name":"Garden"}"#

    // MARK: Shares

    @Test func sharesAreListedMadeAndEnded() async throws {
        try await APIClient.run { api async throws in
            let all = try await api.send("GET /devices/cam-1/shares")
            #expect(all.status == 200 && all.json == #"{"items":[\#(Self.bert),\#(Self.carl)]}"#)
            let page = try await api.send("GET /devices/cam-1/shares?limit=1")
            #expect(page.json == #"{"items":[\#(Self.bert)],"next_cursor":"bert"}"#)
            let rest = try await api.send("GET /devices/cam-1/shares?cursor=bert")
            #expect(rest.json == #"{"items":[\#(Self.carl)]}"#)
            // What is shown is what may be sent.
            let terms = Self.bert.replacing(#""created_at":"\#(Self.seen)","device_id":"cam-1","#, with: "")
            let made = try await api.send("PUT /devices/cam-1/shares/bert", terms)
            #expect(made.status == 201 && made.json == Self.bert)
            let changed = try await api.send("PUT /devices/cam-1/shares/carl", #"{"rights":["live"]}"#)
            #expect(changed.status == 200)
            #expect(try await api.send("DELETE /devices/cam-1/shares/bert").status == 204)
            #expect(api.access.calls.suffix(2) == ["share cam-1 with carl", "unshare cam-1 from bert"])
        }
    }

    @Test(arguments: [
        (#"{"rights":["fly"]}"#, "rights"), (#"{"rights":"live"}"#, "rights"), ("{}", "rights"),
        (#"{"rights":["live"],"expires_at":"soon"}"#, "expires_at"),
        (#"{"rights":["live"],"schedule":{"time_zone":"UTC"}}"#, "schedule.periods"),
        (
            #"{"rights":["live"],"schedule":{"time_zone":"UTC","periods":[{"days":["mo"],"from":"08:00","to":"09:00"}]}}"#,
            "schedule.periods.days"
        ),
        (
            #"{"rights":["live"],"schedule":{"time_zone":"UTC","periods":[{"days":["mon"],"from":"8","to":"09:00"}]}}"#,
            "schedule.periods"
        ),
    ]) func aWrongShareNamesItsField(body: String, field: String) async throws {
        try await APIClient.run { api async throws in
            let answer = try await api.send("PUT /devices/cam-1/shares/bert", body)
            #expect(answer.status == 400 && answer.json.contains(#""field":"\#(field)""#), "\(answer)")
            #expect(api.access.calls.isEmpty)
        }
    }

    @Test func whatAGuestMayNotIsForbiddenAndWhatNobodySeesIsNotThere() async throws {
        try await APIClient.run { api async throws in
            api.access.fail(.noRight("Only the owner may share this device."))
            let refused = try await api.send("PUT /devices/cam-3/shares/carl", #"{"rights":["live"]}"#)
            #expect(refused.status == 403 && refused.json.contains("urn:vedette:no-right"))
            // A guest with all rights still does not do what cannot be taken back.
            for call in ["POST /devices/cam-4/format-disk", "DELETE /devices/cam-4/config"] {
                let answer = try await api.send(call)
                #expect(answer.status == 403 && answer.json.contains("Only the owner may"), "\(answer)")
            }
            api.access.fail(.notFound("device cam-2"))
            #expect(try await api.send("GET /devices/cam-2/shares").status == 404)
        }
    }

    // MARK: Households and groups

    @Test func householdsHaveTheirCalls() async throws {
        try await APIClient.run { api async throws in
            let short = #"{"created_at":"\#(Self.seen)","household_id":"h-1","name":"Home"}"#
            let calls: [(String, String?, Int, String)] = [
                ("GET /households", nil, 200, #"{"items":[\#(short)]}"#),
                ("POST /households", #"{"name":"Home"}"#, 201, Self.household),
                ("GET /households/h-1", nil, 200, Self.household),
                ("PATCH /households/h-1", #"{"name":"Hut"}"#, 200, Self.household),
                (
                    "PUT /households/h-1/members/bert", #"{"role":"member","rights":["live","talk"]}"#, 201,
                    Self.household
                ),
                (
                    "PUT /households/h-1/members/carl", #"{"role":"admin","rights":["live"]}"#, 200,
                    Self.household
                ),
                ("DELETE /households/h-1/members/bert", nil, 204, ""),
                ("PUT /households/h-1/devices/cam-1", nil, 200, Self.household),
                ("DELETE /households/h-1/devices/cam-1", nil, 204, ""),
                ("DELETE /households/h-1", nil, 204, ""),
            ]
            for (call, body, status, json) in calls {
                let answer = try await api.send(call, body)
                #expect(answer.status == status && answer.json == json, "\(call): \(answer)")
            }
            #expect(
                api.access.calls == [
                    "households after - limit 51", "add household Home", "household h-1", "rename h-1 Hut",
                    "bert is member of h-1 with live talk", "carl is admin of h-1 with live",
                    "bert leaves h-1", "cam-1 into h-1", "cam-1 out of h-1", "remove h-1",
                ]
            )
            let wrong = try await api.send(
                "PUT /households/h-1/members/bert",
                #"{"role":"boss","rights":["live"]}"#
            )
            #expect(wrong.status == 400 && wrong.json.contains(#""field":"role""#))
        }
    }

    @Test func groupsHaveTheirCalls() async throws {
        try await APIClient.run { api async throws in
            let calls: [(String, String?, Int, String)] = [
                ("GET /groups", nil, 200, #"{"items":[\#(Self.group)]}"#),
                ("POST /groups", #"{"name":"Garden"}"#, 201, Self.group),
                ("PATCH /groups/g-1", #"{"name":"Yard"}"#, 200, Self.group),
                ("PUT /groups/g-1/devices/cam-1", nil, 200, Self.group),
                ("DELETE /groups/g-1/devices/cam-1", nil, 204, ""),
                ("DELETE /groups/g-1", nil, 204, ""),
            ]
            for (call, body, status, json) in calls {
                let answer = try await api.send(call, body)
                #expect(answer.status == status && answer.json == json, "\(call): \(answer)")
            }
        }
    }

    // MARK: Sessions and accounts

    @Test func sessionsAreListedAndEnded() async throws {
        try await APIClient.run { api async throws in
            let answer = try await api.send("GET /sessions", as: "anna for account")
            #expect(
                answer.json == """
                    {"items":[{"created_at":"\(Self.seen)","current":true,"expires_at":"\(Self.seen)","kind":"token",\
                    "name":"Blinds","scope":"read account","session_id":"narrow"},\
                    {"address":"192.0.2.1","client":"Phone/1.0","created_at":"\(Self.seen)","current":false,\
                    "expires_at":"\(Self.seen)","kind":"login","last_used_at":"\(Self.seen)",\
                    "scope":"read live playback control account admin","session_id":"phone"}]}
                    """
            )
            #expect(try await api.send("DELETE /sessions/phone").status == 204)
            #expect(try await api.send("DELETE /sessions", as: "anna for account").status == 204)
            #expect(api.access.calls == ["sessions of anna", "end phone", "end all but narrow"])
        }
    }

    @Test func aTokenIsShownOnce() async throws {
        try await APIClient.run { api async throws in
            let body = #"{"name":"Blinds","scope":"live read","expires_at":"\#(Self.seen)"}"#
            let made = try await api.send("POST /account/tokens", body)
            #expect(made.status == 201 && made.headers[.cacheControl] == "no-store")
            #expect(
                made.json == """
                    {"created_at":"\(Self.seen)","current":false,"expires_at":"\(Self.seen)","kind":"token",\
                    "name":"Blinds","scope":"read live","session_id":"made","token":"vedette_x"}
                    """
            )
            #expect(api.access.calls == ["token Blinds read live \(Neighbours.time.milliseconds)"])
            for scope in ["", "  ", "everything", "read,live"] {
                let wrong = try await api.send(
                    "POST /account/tokens",
                    #"{"name":"x","scope":"\#(scope)"}"#
                )
                #expect(wrong.status == 400 && wrong.json.contains(#""field":"scope""#), "\(wrong)")
            }
        }
    }

    @Test(arguments: [
        ("anna", "read live playback control account"), ("anna for live account", "live account"),
        ("root", "read live playback control account admin"),
    ]) func aTokenWithoutScopesHasThoseOfItsMaker(token: String, scopes: String) async throws {
        try await APIClient.run { api async throws in
            let made = try await api.send("POST /account/tokens", as: token, #"{"name":"Blinds"}"#)
            #expect(made.status == 201 && api.access.calls == ["token Blinds \(scopes) 0"])
        }
    }

    @Test func passwordsAndSecondFactorsHaveTheirCalls() async throws {
        try await APIClient.run { api async throws in
            let account = try await api.send("GET /account")
            #expect(
                account.json == """
                    {"role":"customer","scope":"read live playback control account admin",\
                    "totp":{"enabled":true,"recovery_codes_left":7},"user":"anna"}
                    """
            )
            let change = #"{"password":"old","new_password":"new"}"#
            #expect(try await api.send("PUT /account/password", change).status == 204)
            let begun = try await api.send("POST /account/totp", #"{"password":"old"}"#)
            #expect(begun.status == 201)
            #expect(begun.json == #"{"secret":"GEZDGNBV","uri":"otpauth://totp/x"}"#)
            #expect(begun.headers[.cacheControl] == "no-store")
            let codes = try await api.send("POST /account/totp/confirm", #"{"code":"123456"}"#)
            #expect(codes.json == #"{"recovery_codes":["AAAA","BBBB"]}"#)
            let end = #"{"password":"old","code":"123456"}"#
            #expect(try await api.send("DELETE /account/totp", end).status == 204)
            #expect(
                api.access.calls == [
                    "account of anna", "old becomes new", "totp with old", "confirm 123456",
                    "end totp old 123456",
                ]
            )
        }
    }

    @Test(
        arguments: [
            ("POST /admin/users/bert/password", #"{"password":"from the desk"}"#),
            ("DELETE /admin/users/bert/totp", nil),
        ] as [(String, String?)]
    ) func resetsAreForOperators(call: String, body: String?) async throws {
        try await APIClient.run { api async throws in
            #expect(try await api.send(call, body).status == 403)
            #expect(api.access.calls.isEmpty)
            #expect(try await api.send(call, as: "root", body).status == 204)
        }
    }

    @Test func aMissingCodeIsToldApartFromAWrongPassword() async throws {
        try await APIClient.run { api async throws in
            let login = #"{"user":"anna","password":"right","scope":"live"}"#
            #expect(try await api.send("POST /session", as: nil, login).status == 201)
            #expect(api.neighbours.calls == ["openSession anna from local for live"])
            api.neighbours.fail(.codeRequired)
            let answer = try await api.send("POST /session", as: nil, login)
            #expect(answer.status == 401 && answer.json.contains(#""type":"urn:vedette:totp-required""#))
        }
    }

    /// What a session has opened is noted, so that it ends with it.
    @Test func aLeaseIsNoted() async throws {
        try await APIClient.run { api async throws in
            _ = try await api.send("POST /devices/cam-1/channels/0/live")
            #expect(api.access.calls == ["l1 on cam-1/0"])
        }
    }

    // MARK: Scopes

    @Test(arguments: [
        ("GET /devices", "read"), ("GET /devices/cam-1", "read"), ("GET /devices/shares", "read"),
        ("POST /devices/cam-1/channels/0/live", "live"), ("GET /devices/cam-1/channels/0/live", "read"),
        ("DELETE /devices/cam-1/channels/0/live", "live"), ("GET /devices/cam-1/picture", "live"),
        ("POST /devices/cam-1/snapshot", "live"), ("POST /devices/cam-1/channels/0/snapshot", "live"),
        ("GET /devices/cam-1/recordings", "playback"),
        ("GET /devices/cam-1/channels/0/recordings/days", "playback"),
        ("GET /devices/cam-1/recordings/picture", "playback"), ("POST /devices/cam-1/playback", "playback"),
        ("POST /devices/cam-1/ptz", "control"), ("POST /devices/cam-1/reboot", "control"),
        ("POST /devices/cam-1/channels/0/reboot", "control"), ("PATCH /devices/cam-1/config", "control"),
        ("PUT /devices/cam-1/record/plan", "control"), ("POST /devices/cam-1/format-disk", "control"),
        ("GET /devices/cam-1/config", "read"), ("POST /devices/cam-1/upgrade", "control"),
        ("DELETE /devices/cam-1/channels/0/viewers/bert", "account"),
        ("DELETE /devices/cam-1/binding", "account"),
        ("POST /devices/cam-1/channels/0/kept-clips", "account"), ("GET /kept-clips", "read"),
        ("PUT /devices/cam-1/shares/bert", "account"), ("GET /devices/cam-1/shares", "read"),
        ("PUT /devices/channels/shares/bert", "account"), ("POST /bindings", "account"),
        ("GET /alarms", "read"), ("GET /alarms/a1/picture", "playback"), ("POST /events/ticket", "read"),
        ("GET /events", "read"), ("POST /webhooks", "account"), ("GET /usage", "read"),
        ("GET /sessions", "account"), ("GET /account", "account"), ("POST /account/tokens", "account"),
        ("PUT /households/h-1/members/bert", "account"), ("GET /groups", "read"),
        ("GET /admin/users", "admin"), ("POST /admin/devices", "admin"), ("PUT /anything/new", "control"),
    ]) func everyCallNeedsItsScope(call: String, scope: String) throws {
        let words = call.split(separator: " ")
        let method = try #require(HTTPRequest.Method(String(words[0])))
        let needed = ScopeRule.needed(for: method, "/api/v1" + words[1])
        #expect(needed.words == [scope])
    }

    @Test func aNarrowTokenIsRefusedAndToldWhatItNeeds() async throws {
        try await APIClient.run { api async throws in
            let refused = try await api.send("GET /devices", as: "anna for live")
            #expect(refused.status == 403 && refused.json.contains("urn:vedette:no-scope"))
            #expect(
                refused.headers[.wwwAuthenticate] == #"Bearer error="insufficient_scope", scope="read""#
            )
            #expect(try await api.send("GET /devices", as: "anna for read live").status == 200)
            #expect(try await api.send("GET /sessions", as: "anna for read live").status == 403)
            #expect(api.neighbours.calls.allSatisfy { !$0.hasPrefix("startLive") })
        }
    }

    // MARK: Events

    @Test(
        arguments: [
            (EventKind.alarm, "bert", DeviceRole.guest, true), (.alarm, "bert", nil, false),
            (.share, "anna", .owner, true), (.share, "root", .operator, true), (.share, "bert", .guest, true),
            (.share, "bert", nil, true), (.share, "carl", .guest, false), (.share, "carl", nil, false),
        ] as [(EventKind, String, DeviceRole?, Bool)]
    ) func whoHearsOfAShare(
        kind: EventKind,
        user: String,
        role: DeviceRole?,
        hears: Bool
    ) {
        let event = NewEvent(
            time: Neighbours.time,
            unit: UnitID(unchecked: "cam-1"),
            kind: kind,
            detail: #"{"user":"bert","change":"ended","rights":["live"]}"#
        )
        #expect(event.isAudible(to: UserName(unchecked: user), role) == hears)
    }
}
