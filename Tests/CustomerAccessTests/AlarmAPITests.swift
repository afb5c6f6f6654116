import Bus
import CustomerAccess
import HSSModel
import HTTPTypes
import Testing

@Suite("Alarms over the API") struct AlarmAPITests {
    private static func alarm(_ id: String, of unit: String = "cam-1", picture: Bool = false) -> AlarmRecord {
        AlarmRecord(
            id: AlarmID(unchecked: id),
            channel: ChannelAddress(unit: UnitID(unchecked: unit), number: 1),
            type: 10,
            description: "front \"door\"",
            startedAt: Neighbours.time,
            receivedAt: Neighbours.time,
            endedAt: Neighbours.time,
            picture: picture ? UploadID(unchecked: "up") : nil
        )
    }

    @Test func oneAlarmIsToldInFull() async throws {
        try await APIClient.run { client async throws in
            client.activity.keep(Self.alarm("a1", picture: true))
            let answer = try await client.send("GET /alarms/a1")
            #expect(answer.status == 200)
            #expect(
                answer.json == #"{"active":false,"alarm_id":"a1","channel":1,"#
                    + #""description":"front \"door\"","device_id":"cam-1","end_inferred":false,"#
                    + #""ended_at":"\#(Neighbours.seen)","name":"bell_ring","#
                    + #""picture":"/api/v1/alarms/a1/picture","received_at":"\#(Neighbours.seen)","#
                    + #""start_inferred":false,"started_at":"\#(Neighbours.seen)","type":10}"#
            )
        }
    }

    /// A list is of what the caller may see: the operator's of everything, a customer's of own devices.
    @Test func aListIsOfVisibleDevices() async throws {
        try await APIClient.run { client async throws in
            #expect(try await client.send("GET /alarms").status == 200)
            #expect(try await client.send("GET /alarms", as: "root").status == 200)
            #expect(try await client.send("GET /alarms?device=cam-1").status == 200)
            let units = client.activity.queries.map { $0.units?.map(\.rawValue) }
            #expect(units == [["cam-1", "cam-3"], nil, ["cam-1"]])
            #expect(try await client.send("GET /alarms?device=cam-2").status == 404)
            #expect(try await client.send("GET /alarms", as: nil).status == 401)
            #expect(client.activity.queries.count == 3)
        }
    }

    @Test func filtersAreRead() async throws {
        try await APIClient.run { client async throws in
            let times = "from=2025-11-21T08:00:00Z&to=2025-11-21T08:00:01.5Z"
            #expect(try await client.send("GET /alarms?type=motion&channel=2&\(times)").status == 200)
            #expect(try await client.send("GET /alarms?type=12").status == 200)
            let query = try #require(client.activity.queries.first)
            #expect(query.type == 3 && query.channel == 2)
            #expect(query.from == Neighbours.time)
            #expect(query.to == Neighbours.time + .milliseconds(1500))
            #expect(client.activity.queries.last?.type == 12)
        }
    }

    @Test(arguments: [
        "type=1", "type=fire", "channel=256", "channel=x", "from=yesterday", "to=2025", "limit=0",
    ])
    func aFilterThatIsWrongIsNamed(_ filter: String) async throws {
        try await APIClient.run { client async throws in
            let answer = try await client.send("GET /alarms?\(filter)")
            #expect(answer.status == 400)
            #expect(answer.json.contains(#""field":"\#(filter.prefix { $0 != "=" })""#))
        }
    }

    @Test func aListIsPaged() async throws {
        try await APIClient.run { client async throws in
            for number in 0..<5 { client.activity.keep(Self.alarm("a\(number)")) }
            let first = try await client.send("GET /alarms?limit=2")
            #expect(first.json.contains(#""next_cursor":"a1""#))
            let last = try await client.send("GET /alarms?limit=10&cursor=a1")
            #expect(last.json.contains(#""alarm_id":"a2""#) && !last.json.contains("next_cursor"))
        }
    }

    @Test func aForeignAlarmIsLikeNone() async throws {
        try await APIClient.run { client async throws in
            client.activity.keep(Self.alarm("a1", of: "cam-2", picture: true), picture: [1])
            for path in ["/alarms/a1", "/alarms/a1/picture"] {
                let foreign = try await client.send("GET \(path)")
                let absent = try await client.send("GET \(path.replacing("a1", with: "a2"))")
                #expect(foreign.status == 404)
                #expect(foreign.json == absent.json.replacing("a2", with: "a1"))
            }
            #expect(try await client.send("GET /alarms/a1", as: "root").status == 200)
        }
    }

    @Test func aPictureIsSentToThoseWhoMaySeeIt() async throws {
        try await APIClient.run { client async throws in
            let bytes = [UInt8](#"{"stands":"for a picture"}"#.utf8)
            client.activity.keep(Self.alarm("a1", picture: true), picture: bytes)
            client.activity.keep(Self.alarm("a2", of: "cam-2", picture: true), picture: bytes)
            client.activity.keep(Self.alarm("a3"))
            let picture = try await client.send("GET /alarms/a1/picture")
            #expect(picture.status == 200 && picture.type == "image/jpeg")
            #expect(picture.json == #"{"stands":"for a picture"}"#)
            #expect(picture.headers[.xContentTypeOptions] == "nosniff")
            // An operator sees the device, not what it films.
            #expect(try await client.send("GET /alarms/a2/picture", as: "root").status == 403)
            #expect(try await client.send("GET /alarms/a3/picture").status == 404)
        }
    }

    @Test func aLostStoreIs503() async throws {
        try await APIClient.run { client async throws in
            client.activity.fail(.unavailable("disk"))
            let answer = try await client.send("GET /alarms")
            #expect(answer.status == 503 && !answer.json.contains("disk"))
        }
    }
}
