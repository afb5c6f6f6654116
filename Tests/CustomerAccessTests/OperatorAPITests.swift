import Bus
import HSSModel
import HTTPTypes
import Testing

@Suite("Operator API, CONTRACT") struct OperatorAPITests {
    /// Every call for operators, with a body that would do.
    static let calls: [(call: String, body: String?)] = [
        ("GET /admin/users", nil), ("POST /admin/users", #"{"user":"dora","password":"long enough"}"#),
        ("PATCH /admin/users/bert", #"{"disabled":true}"#), ("GET /admin/devices", nil),
        ("POST /admin/devices", #"{"device_id":"cam-7","mac_id":"001122334455"}"#),
        ("GET /admin/devices/cam-1", nil), ("PATCH /admin/devices/cam-1", #"{"disabled":true}"#),
        ("DELETE /admin/devices/cam-1", nil), ("GET /admin/sessions", nil), ("GET /admin/streams", nil),
    ]

    @Test(arguments: calls) func isForOperatorsOnly(call: String, body: String?) async throws {
        try await APIClient.run { api in
            let customer = try await api.send(call, as: "anna", body)
            #expect(customer.status == 403 && customer.type == "application/problem+json")
            let allowed = try await api.send(call, as: "root", body)
            #expect((200..<300).contains(allowed.status), "\(allowed)")
        }
    }

    @Test func usersAreAddedListedAndDisabled() async throws {
        try await APIClient.run { api in
            let body = #"{"user":"dora","password":"long enough","role":"operator"}"#
            let added = try await api.send("POST /admin/users", as: "root", body)
            #expect(added.status == 201)
            let dora = #""created_at":"\#(Neighbours.seen)","disabled":false,"role":"operator","user":"dora""#
            #expect(added.json == "{\(dora)}")
            let page = try await api.send("GET /admin/users?limit=2&cursor=anna", as: "root")
            #expect(page.json.contains(#""user":"bert""#) && !page.json.contains("next_cursor"))
            let disabled = try await api.send("PATCH /admin/users/bert", as: "root", #"{"disabled":true}"#)
            #expect(disabled.json.contains(#""disabled":true"#))
            let absent = try await api.send("PATCH /admin/users/zoe", as: "root", #"{"disabled":true}"#)
            #expect(absent.status == 404)
            #expect(api.neighbours.calls.first == "addUser dora operator")
        }
    }

    @Test func devicesAreEnrolledShownAndRemoved() async throws {
        try await APIClient.run { api in
            let body = #"{"device_id":"cam-7","mac_id":"001122334455","channels":2}"#
            let added = try await api.send("POST /admin/devices", as: "root", body)
            #expect(added.status == 201 && added.json.contains(#""login_password":"made""#))
            #expect(added.headers[.cacheControl] == "no-store", "it is shown once")
            let shown = try await api.send("GET /admin/devices/cam-2", as: "root")
            #expect(shown.json.contains(#""owner":"bert""#) && !shown.json.contains("login_password"))
            let again = #"{"device_id":"cam-1","mac_id":"001122334455"}"#
            #expect(try await api.send("POST /admin/devices", as: "root", again).status == 409)
            #expect(try await api.send("GET /admin/devices/cam-9", as: "root").status == 404)
            #expect(try await api.send("DELETE /admin/devices/cam-9", as: "root").status == 404)
            #expect(try await api.send("DELETE /admin/devices/cam-1", as: "root").status == 204)
            #expect(api.neighbours.calls.first == "addDevice cam-7 001122334455 2")
            let signed = #"{"device_id":"cam-8","mac_id":"001122334466","signed_only":true}"#
            #expect(try await api.send("POST /admin/devices", as: "root", signed).status == 201)
            #expect(api.neighbours.calls.contains("addDevice cam-8 001122334466 1 signed only"))
        }
    }

    @Test func sessionsAndStreamsAreShown() async throws {
        try await APIClient.run { api in
            let sessions = try await api.send("GET /admin/sessions", as: "root")
            #expect(sessions.json.contains(#""connected":true"#) && sessions.json.contains(#""epoch":7"#))
            #expect(sessions.json.contains(#""device_id":"cam-1""#))
            let streams = try await api.send("GET /admin/streams?limit=1", as: "root")
            #expect(streams.json.contains(#""stream_id":"s1""#), "in the order of their names")
            #expect(streams.json.contains(#""next_cursor":"s1""#) && streams.json.contains(#""viewers":2"#))
            let rest = try await api.send("GET /admin/streams?cursor=s1", as: "root")
            #expect(rest.json.contains(#""stream_id":"s2""#) && !rest.json.contains("next_cursor"))
        }
    }
}
