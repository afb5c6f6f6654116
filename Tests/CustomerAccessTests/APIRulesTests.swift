import Bus
import CustomerAccess
import HSSModel
import HTTPTypes
import Testing

@Suite("What every call of the API keeps to") struct APIRulesTests {
    private static let customerCalls = [
        "GET /devices", "GET /devices/cam-1", "POST /bindings", "DELETE /devices/cam-1/binding",
        "POST /devices/cam-1/channels/0/live", "DELETE /devices/cam-1/channels/0/live", "DELETE /session",
    ]

    @Test(arguments: customerCalls + OperatorAPITests.calls.map(\.call)) func needsAValidToken(
        call: String
    ) async throws {
        try await APIClient.run { api in
            for token in [nil, "", "wrong", "anna anna"] where call != "DELETE /session" || token == nil {
                let answer = try await api.send(call, as: token, "{}")
                #expect(answer.status == 401 && answer.headers[.wwwAuthenticate] == "Bearer", "\(answer)")
                #expect(answer.type == "application/problem+json")
            }
            #expect(api.neighbours.calls.isEmpty, "nothing is looked up for a stranger")
        }
    }

    /// A body that is wrong is refused with the name of the member, and never with its value.
    @Test(arguments: [
        ("POST /session", #"{"user":"anna"}"#, "password", "password is missing."),
        ("POST /session", #"{"user":"anna","password":null}"#, "password", "password must not be null."),
        ("POST /session", #"{"user":1,"password":"x"}"#, "user", "user has the wrong type."),
        ("POST /session/refresh", "{}", "refresh_token", "refresh_token is missing."),
        (
            "POST /admin/users", #"{"user":"a","password":"b","role":"king"}"#, "role",
            "role is not acceptable."
        ),
        ("POST /admin/devices", #"{"device_id":"a"}"#, "mac_id", "mac_id is missing."),
        (
            "POST /admin/devices", #"{"device_id":"a","mac_id":"b","channels":"2"}"#, "channels",
            "channels has the wrong type."
        ),
        ("PATCH /admin/users/bert", #"{"disabled":"yes"}"#, "disabled", "disabled has the wrong type."),
        ("PATCH /admin/devices/cam-1", "{}", "disabled", "disabled is missing."),
    ]) func aWrongMemberIsNamed(call: String, body: String, field: String, detail: String) async throws {
        try await APIClient.run { api in
            let answer = try await api.send(call, as: "root", body)
            #expect(answer.status == 400 && answer.type == "application/problem+json")
            let expected = #"{"detail":"\#(detail)","field":"\#(field)","status":400,"title":"Bad Request","#
            #expect(answer.json == expected + #""type":"urn:vedette:invalid"}"#)
            #expect(api.neighbours.calls.isEmpty)
        }
    }

    @Test(arguments: ["", "{", "[]", "null", "\u{0}", String(repeating: "[", count: 1000)])
    func whatIsNotTheJSONIsRefused(body: String) async throws {
        try await APIClient.run { api in
            let answer = try await api.send("POST /session", as: nil, body)
            #expect(answer.status == 400 && answer.type == "application/problem+json", "\(answer)")
        }
    }

    @Test(arguments: [nil, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
    func anotherTypeIsRefused(type: String?) async throws {
        try await APIClient.run { api in
            let body = #"{"user":"anna","password":"right"}"#
            let answer = try await api.send("POST /session", as: nil, body, type: type)
            #expect(answer.status == 415 && answer.type == "application/problem+json")
            let utf8 = try await api.send(
                "POST /session",
                as: nil,
                body,
                type: "Application/JSON; charset=utf-8"
            )
            #expect(utf8.status == 201)
        }
    }

    @Test func aBodyAboveTheLimitIsRefused() async throws {
        var settings = CustomerAPI.Settings()
        settings.bodySize = 1000
        try await APIClient.run(settings: settings) { api in
            let name = String(repeating: "x", count: 2000)
            let answer = try await api.send("POST /session", as: nil, #"{"user":"\#(name)","password":"x"}"#)
            #expect(answer.status == 413 && answer.type == "application/problem+json")
            let fits = try await api.send("POST /session", as: nil, #"{"user":"anna","password":"right"}"#)
            #expect(fits.status == 201)
        }
    }

    @Test(arguments: [
        ("PUT /session", "DELETE, POST"), ("POST /devices", "GET"), ("DELETE /devices/cam-1", "GET"),
        ("GET /bindings", "POST"), ("PUT /devices/cam-1/channels/0/live", "DELETE, GET, POST"),
        ("PUT /admin/devices/cam-1", "DELETE, GET, PATCH"),
    ]) func anotherMethodIsToldWhichThereAre(call: String, allowed: String) async throws {
        try await APIClient.run { api in
            let answer = try await api.send(call)
            #expect(answer.status == 405 && answer.headers[.allow] == allowed)
            #expect(answer.type == "application/problem+json")
        }
    }

    @Test func anUnknownPathIsAProblemToo() async throws {
        try await APIClient.run { api in
            let answer = try await api.send("GET /teapot")
            #expect(answer.status == 404 && answer.type == "application/problem+json")
        }
    }

    @Test(arguments: [
        (ManagementError.lockedOut(retryAfter: .milliseconds(1500)), 429, "2"),
        (.conflict("x"), 409, ""), (.limit("x"), 429, ""), (.unavailable("/secret/path"), 503, ""),
        (.invalid(field: "user", "expected letters"), 400, ""), (.forbidden, 403, ""),
    ]) func whatTheRegistrySaysBecomesAProblem(
        failure: ManagementError,
        status: Int,
        retryAfter: String
    ) async throws {
        try await APIClient.run { api in
            api.neighbours.fail(failure)
            let answer = try await api.send("POST /session", as: nil, #"{"user":"anna","password":"right"}"#)
            #expect(answer.status == status && answer.headers[.retryAfter] ?? "" == retryAfter)
            #expect(answer.type == "application/problem+json" && !answer.json.contains("secret"))
        }
    }

    /// `limits.api_rate` and `limits.api_burst`.
    @Test func anAddressThatAsksTooOftenWaits() async throws {
        let settings = CustomerAPI.Settings(requestsPerSecond: 0.01, burst: 3)
        try await APIClient.run(settings: settings) { api in
            for _ in 0..<3 { #expect(try await api.send("GET /devices").status == 200) }
            let refused = try await api.send("POST /session", as: nil, "{}")
            #expect(refused.status == 429 && refused.headers[.retryAfter] == "100")
            #expect(refused.type == "application/problem+json")
            #expect(api.neighbours.calls.count == 3, "refused before anything is looked up")
        }
    }
}
