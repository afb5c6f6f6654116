import CustomerAccess
import HSSModel
import Testing

/// "battery history" (issue 3); what units say is `BatteryChange`, Table I.2-27.
@Suite("Batteries over the API, Table I.2-27") struct BatteryAPITests {
    @Test func aDeviceShowsItsLastFigure() async throws {
        try await APIClient.run { client async throws in
            client.activity.reports("cam-1", [80, 79])
            let battery = #""battery":{"percent":79,"reported_at":"2025-11-21T08:00:01Z"}"#
            #expect(try await client.send("GET /devices/cam-1").json.contains(battery))
            #expect(try await client.send("GET /admin/devices/cam-1", as: "root").json.contains(battery))
            for list in ["/devices", "/admin/devices"] {
                let json = try await client.send("GET \(list)", as: "root").json
                #expect(json.contains(battery))
                #expect(json.split(separator: "percent").count == 2, "the others have none")
            }
        }
    }

    @Test func theHistoryIsPaged() async throws {
        try await APIClient.run { client async throws in
            client.activity.reports("cam-1", [90, 80, 70])
            let first = try await client.send("GET /devices/cam-1/battery?limit=2")
            #expect(
                first.json == #"{"items":[{"percent":70,"reported_at":"2025-11-21T08:00:02Z"},"#
                    + #"{"percent":80,"reported_at":"2025-11-21T08:00:01Z"}],"next_cursor":"2"}"#
            )
            let rest = try await client.send(
                "GET /devices/cam-1/battery?cursor=2&from=2025-11-21T08:00:00Z&to=2025-11-21T09:00:00Z"
            )
            #expect(rest.json == #"{"items":[{"percent":90,"reported_at":"2025-11-21T08:00:00Z"}]}"#)
            let query = try #require(client.activity.batteryQueries.last)
            #expect(query.from == Neighbours.time && query.to == Neighbours.time + .seconds(3600))
        }
    }

    @Test(arguments: ["from=yesterday", "to=2025", "limit=0", "cursor=x", "cursor=-1"])
    func whatIsWrongIsNamed(_ parameter: String) async throws {
        try await APIClient.run { client async throws in
            let answer = try await client.send("GET /devices/cam-1/battery?\(parameter)")
            #expect(answer.status == 400)
            #expect(answer.json.contains(#""field":"\#(parameter.prefix { $0 != "=" })""#))
        }
    }

    @Test func aForeignDeviceIsLikeNone() async throws {
        try await APIClient.run { client async throws in
            client.activity.reports("cam-2", [50])
            #expect(try await client.send("GET /devices/cam-2/battery").status == 404)
            #expect(try await client.send("GET /devices/cam-1/battery", as: nil).status == 401)
            #expect(client.activity.batteryQueries.isEmpty)
        }
    }
}
