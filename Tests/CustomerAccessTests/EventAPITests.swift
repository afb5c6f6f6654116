import Bus
import CustomerAccess
import FoundationEssentials
import HSSModel
import HTTPTypes
import Testing

@Suite("Events over the API") struct EventAPITests {
    private static func event(_ unit: String, _ kind: EventKind = .alarm, detail: String = "{}") -> NewEvent {
        NewEvent(time: Neighbours.time, unit: UnitID(unchecked: unit), channel: 0, kind: kind, detail: detail)
    }

    /// A client whose streams end at the first look at the session, which comes behind what there is to be read.
    private static func run(
        heartbeat: Duration = .seconds(1),
        check: Duration = .seconds(5),
        _ body: @escaping @Sendable (APIClient) async throws -> Void
    ) async throws {
        var settings = CustomerAPI.Settings()
        (settings.eventHeartbeat, settings.eventCheck) = (heartbeat, check)
        try await APIClient.run(settings: settings, body)
    }

    /// Reads a stream whose session ends after the call itself.
    private static func read(
        _ client: APIClient,
        _ query: String = "last_event_id=0",
        as token: String = "anna"
    ) async throws -> APIClient.Answer {
        client.neighbours.endSessions(after: 1)
        defer { client.neighbours.endSessions(after: nil) }
        return try await client.send("GET /events?\(query)", as: token, plain: true)
    }

    @Test func eventsComeInOrderAsOneLineEach() async throws {
        try await Self.run { client async throws in
            client.activity.add(Self.event("cam-1", detail: "{\"type\":3,\n \"state\":\"start\"}"))
            client.activity.add(Self.event("cam-1", .battery, detail: #"{"percent":7}"#))
            let answer = try await Self.read(client)
            #expect(answer.status == 200 && answer.type == "text/event-stream")
            let first =
                "id: 1\nevent: alarm\ndata: "
                + #"{"event_id":1,"time":"\#(Neighbours.seen)","kind":"alarm","device_id":"cam-1","#
                + #""channel":0,"detail":{"type":3,  "state":"start"}}"# + "\n\n"
            #expect(answer.json.hasPrefix("retry: 2000\n\n" + first + "id: 2\nevent: battery\n"))
        }
    }

    @Test func whoWasAwayGoesOnWhereTheStreamBroke() async throws {
        try await Self.run { client async throws in
            for _ in 0..<3 { client.activity.add(Self.event("cam-1")) }
            let answer = try await Self.read(client, "last_event_id=2")
            #expect(!answer.json.contains("\nid: 2\n") && answer.json.contains("\nid: 3\n"))
            // Without a place: from now on.
            #expect(try await !Self.read(client, "").json.contains("data:"))
            #expect(try await client.send("GET /events?last_event_id=x").status == 400)
            #expect(try await client.send("GET /events?last_event_id=-1").status == 400)
        }
    }

    /// A browser's EventSource sends no header: a ticket opens one stream, once.
    @Test func aTicketOpensOneStream() async throws {
        try await Self.run { client async throws in
            client.activity.add(Self.event("cam-2"))
            client.activity.add(Self.event("cam-1"))
            #expect(try await client.send("POST /events/ticket", as: nil).status == 401)
            let answer = try await client.send("POST /events/ticket")
            #expect(answer.status == 201)
            let ticket = try #require(
                answer.json.split(separator: #""ticket":""#).last?.split(separator: "\"").first
            )
            client.neighbours.endSessions(after: 1)
            let path = "GET /events?last_event_id=0&ticket=\(ticket)"
            let stream = try await client.send(path, as: nil, plain: true)
            client.neighbours.endSessions(after: nil)
            #expect(stream.status == 200 && stream.json.contains("cam-1"))
            #expect(!stream.json.contains("cam-2"), "anna does not see it")
            #expect(try await client.send(path, as: nil).status == 401, "once")
            #expect(try await client.send("GET /events?ticket=x", as: nil).status == 401)
            #expect(try await client.send("GET /devices?ticket=\(ticket)", as: nil).status == 401)
        }
    }

    @Test func onlyWhatTheCallerMaySeeIsTold() async throws {
        try await Self.run { client async throws in
            client.activity.add(Self.event("cam-2"))
            client.activity.add(Self.event("cam-1"))
            client.activity.add(Self.event("gone"))
            let own = try await Self.read(client)
            #expect(own.json.contains("cam-1") && !own.json.contains("cam-2") && !own.json.contains("gone"))
            let all = try await Self.read(client, as: "root")
            #expect(all.json.contains("cam-1") && all.json.contains("cam-2"))
            #expect(try await client.send("GET /events?device=cam-2").status == 404)
            #expect(try await client.send("GET /events", as: nil).status == 401)
        }
    }

    @Test func kindsAndDevicesAreFiltered() async throws {
        try await Self.run { client async throws in
            client.activity.add(Self.event("cam-1", .online))
            client.activity.add(Self.event("cam-1", .alarm))
            client.activity.add(Self.event("cam-3", .alarm))
            let answer = try await Self.read(client, "last_event_id=0&kind=alarm,battery&device=cam-1")
            #expect(answer.json.contains("\nid: 2\nevent: alarm\n"))
            #expect(!answer.json.contains("event: online") && !answer.json.contains("cam-3"))
            let wrong = try await client.send("GET /events?kind=alarm,fire")
            #expect(wrong.status == 400 && wrong.json.contains(#""field":"kind""#))
        }
    }

    /// A log longer than one page, and the place moves on past what was not for this caller.
    @Test func aLongLogIsReadToItsEnd() async throws {
        try await Self.run { client async throws in
            for number in 0..<250 { client.activity.add(Self.event(number < 240 ? "cam-2" : "cam-1")) }
            let answer = try await Self.read(client)
            #expect(answer.json.components(separatedBy: "data:").count == 11)
        }
    }

    /// Not only at its end: a slow reader of a long log is in it for as long as it likes.
    @Test func theEndOfTheSessionEndsALogThatIsBeingRead() async throws {
        try await Self.run(check: .nanoseconds(1)) { client async throws in
            for _ in 0..<250 { client.activity.add(Self.event("cam-1")) }
            client.neighbours.endSessions(after: 2)
            let answer = try await client.send("GET /events?last_event_id=0", plain: true)
            #expect(answer.json.components(separatedBy: "data:").count == 101)
        }
    }

    @Test func aHeartbeatTellsThePlaceAndTheEndOfTheSessionEndsTheStream() async throws {
        try await Self.run(heartbeat: .milliseconds(20)) { client async throws in
            client.activity.add(Self.event("cam-2"))
            client.neighbours.endSessions(after: 3)
            let answer = try await client.send("GET /events?last_event_id=0", plain: true)
            #expect(answer.json.components(separatedBy: ": heartbeat\nid: 1\n\n").count == 3)
        }
    }

    @Test func followersAreBounded() async throws {
        try await Self.run { client async throws in
            client.activity.fail(.busy("followers of events"))
            let answer = try await client.send("GET /events")
            #expect(answer.status == 503 && answer.headers[.retryAfter] != nil)
        }
    }
}
