import Bus
import HSSModel
import Testing

@Suite("Webhooks over the API") struct WebhookAPITests {
    private static let body = #"{"url":"https://example.org/x","kinds":["battery","alarm"]}"#

    private static func shown(_ user: String, more: String = "") -> String {
        #"{"created_at":"\#(Neighbours.seen)","delivered_through":7,"kinds":["alarm","battery"],\#(more)"#
            + #""url":"https://example.org/x","user":"\#(user)","webhook_id":"hook-\#(user)"}"#
    }

    @Test func theSecretIsShownOnce() async throws {
        try await APIClient.run { client async throws in
            let made = try await client.send("POST /webhooks", Self.body)
            #expect(made.status == 201)
            #expect(made.json == Self.shown("anna", more: #""secret":"signs","#))
            let list = try await client.send("GET /webhooks")
            #expect(list.json == #"{"items":[\#(Self.shown("anna"))]}"#)
        }
    }

    @Test func whyOneIsParkedIsTold() async throws {
        try await APIClient.run { client async throws in
            _ = try await client.send("POST /webhooks", Self.body)
            client.activity.park("the receiver answered 500, 18 times in a row")
            let list = try await client.send("GET /webhooks")
            #expect(list.json.contains(#""parked_reason":"the receiver answered 500, 18 times in a row""#))
            #expect(try await client.send("POST /webhooks/hook-anna/resume").status == 204)
            #expect(try await !client.send("GET /webhooks").json.contains("parked"))
        }
    }

    @Test func whichDevicesAreSetAsideIsTold() async throws {
        try await APIClient.run { client async throws in
            _ = try await client.send("POST /webhooks", Self.body)
            var laggard = WebhookLaggard(
                unit: UnitID(unchecked: "cam-1"),
                event: EventID(41),
                attempts: 3,
                reason: "the receiver answered 500",
                since: Neighbours.time,
                retryAt: Neighbours.time
            )
            client.activity.setAside(laggard)
            laggard.retryAt = nil
            client.activity.setAside(laggard)
            let list = try await client.send("GET /webhooks").json
            let one = #""device_id":"cam-1","event_id":41,"reason":"the receiver answered 500","#
            #expect(list.contains(#"{"attempts":3,\#(one)"retry_at":"\#(Neighbours.seen)","#), "\(list)")
            #expect(
                list.contains(#"{"attempts":3,\#(one)"since":"\#(Neighbours.seen)"}"#),
                "given up: \(list)"
            )
        }
    }

    /// "delivery log and a test button"
    @Test func whatWasSentIsListedAndItCanBeTried() async throws {
        try await APIClient.run { client async throws in
            _ = try await client.send("POST /webhooks", Self.body)
            let log = try await client.send("GET /webhooks/hook-anna/deliveries")
            let at = #""at":"2025-11-21T08:00:00.000Z""#
            #expect(
                log.json == """
                    {"items":[{\(at),"attempt":2,"delivered":true,"duration_ms":12,"event_id":7,"status":204},\
                    {\(at),"attempt":1,"delivered":false,"duration_ms":12,"error":"the receiver answered 500","event_id":7,"status":500}]}
                    """
            )
            let test = try await client.send("POST /webhooks/hook-anna/test")
            #expect(test.status == 200)
            #expect(
                test.json == """
                    {\(at),"attempt":1,"delivered":false,"duration_ms":12,"error":"the receiver cannot be reached"}
                    """
            )
        }
    }

    /// Of others there is nothing; an operator has all.
    @Test func everybodySeesTheOwnOnes() async throws {
        try await APIClient.run { client async throws in
            _ = try await client.send("POST /webhooks", as: "root", Self.body)
            #expect(try await client.send("GET /webhooks").json == #"{"items":[]}"#)
            for call in [
                "DELETE /webhooks/hook-root", "POST /webhooks/hook-root/resume",
                "GET /webhooks/hook-root/deliveries", "POST /webhooks/hook-root/test",
            ] {
                #expect(try await client.send(call).status == 404)
                #expect(try await client.send(call, as: nil).status == 401)
            }
            _ = try await client.send("POST /webhooks", Self.body)
            let all = try await client.send("GET /webhooks", as: "root")
            #expect(all.json.contains("hook-anna") && all.json.contains("hook-root"))
            #expect(try await client.send("DELETE /webhooks/hook-anna", as: "root").status == 204)
            #expect(try await client.send("DELETE /webhooks/hook-anna").status == 404)
        }
    }

    @Test(arguments: [
        (#"{"url":"http://example.org/"}"#, "url"), (#"{"kinds":[]}"#, "url"),
        (#"{"url":"https://example.org/","kinds":["fire"]}"#, "kinds"),
    ]) func whatIsWrongIsNamed(body: String, field: String) async throws {
        try await APIClient.run { client async throws in
            let answer = try await client.send("POST /webhooks", body)
            #expect(answer.status == 400)
            #expect(answer.json.contains(#""field":"\#(field)""#))
        }
    }
}
