import Bus
import Foundation
import HSSModel
import HTTPTypes
import Testing

@testable import CustomerAccess

@Suite("Recordings over the API") struct RecordingAPITests {
    private static let range = "from=2025-11-21T08:00:00Z&to=2025-11-21T09:00:00.250Z"

    @Test func aTimelineHasGapsAlarmsAndLosses() async throws {
        try await APIClient.run { api in
            // Motion within the first part, a bell in the gap, and a sound that lasts to this day.
            for (offset, type, end) in [(10, 3, 20), (900, 10, 900), (1500, 7, nil)] as [(Int, Int, Int?)] {
                api.activity.keep(Self.alarm(offset, type, end))
            }
            let answer = try await api.send("GET /devices/cam-1/channels/1/recordings?\(Self.range)")
            #expect(answer.status == 200)
            #expect(api.recordings.calls == ["timeline cam-1/1 of anna 3600250"])
            let parts = [
                #"{"alarm_types":[3],"bytes":1000,"duration":600.25,"end":"2025-11-21T08:10:00.250Z","start":"2025-11-21T08:00:00.000Z"}"#,
                #"{"alarm_types":[7],"bytes":5,"duration":2400,"end":"2025-11-21T09:00:00.000Z","start":"2025-11-21T08:20:00.000Z"}"#,
            ]
            let loss =
                #"{"begun_at":"2025-11-21T08:00:00.000Z","dropped_nb":2,"dropped_time":20.5,"session":"s1"}"#
            #expect(
                answer.json
                    == #"{"alarms_complete":true,"items":["# + parts.joined(separator: ",") + #"],"lost":["#
                    + loss + "]}"
            )
            api.recordings.goOn(at: FakeRecordings.start + .milliseconds(5))
            let page = try await api.send("GET /devices/cam-1/recordings?\(Self.range)")
            #expect(page.json.contains(#""next_from":"2025-11-21T08:00:00.005Z""#))
        }
    }

    /// An alarm that lasts since the device was somebody else's says when that was at home.
    @Test func anAlarmOfAFormerOwnerIsNotSeen() async throws {
        try await APIClient.run { api in
            api.activity.keep(Self.alarm(-600, 3, nil))
            api.activity.keep(Self.alarm(-2, 7, nil))
            let answer = try await api.send("GET /devices/cam-1/channels/1/recordings?\(Self.range)")
            #expect(answer.json.contains(#""alarm_types":[7]"#), "\(answer.json)")
            #expect(!answer.json.contains(#""alarm_types":[3"#))
        }
    }

    /// `limits.playback_rate`
    @Test func whoAsksTooOftenIsToldToWait() async throws {
        try await APIClient.run { api in
            api.recordings.limit(2)
            let paths = ["recordings?\(Self.range)", "recordings/days?month=2025-11"]
            for path in paths {
                #expect(try await api.send("GET /devices/cam-1/" + path).status == 200)
            }
            for path in paths {
                let answer = try await api.send("GET /devices/cam-1/" + path)
                #expect(answer.status == 429 && answer.headers[.retryAfter] == "1")
            }
            #expect(api.recordings.calls.count == 2)
        }
    }

    private static func alarm(_ offset: Int, _ type: Int, _ end: Int?) -> AlarmRecord {
        let start = FakeRecordings.start + .seconds(offset)
        return AlarmRecord(
            id: AlarmID(unchecked: "a\(offset)"),
            channel: ChannelAddress(unit: UnitID(unchecked: "cam-1"), number: 1),
            type: type,
            description: "",
            startedAt: start,
            receivedAt: start,
            endedAt: end.map { FakeRecordings.start + .seconds($0) }
        )
    }

    /// Another's, one without the right, and a channel that is not there: nothing is asked of the storage.
    @Test func onlyWhoMayPlayAsks() async throws {
        try await APIClient.run { api in
            for (path, status) in [
                ("cam-2/recordings?\(Self.range)", 404), ("cam-2/recordings/span", 404),
                ("cam-1/channels/7/recordings/span", 404), ("cam-9/recordings/days?month=2025-11", 404),
            ] {
                #expect(try await api.send("GET /devices/" + path).status == status, "\(path)")
            }
            let body = #"{"from":"2025-11-21T08:00:00Z","to":"2025-11-21T09:00:00Z"}"#
            #expect(try await api.send("POST /devices/cam-2/playback", body).status == 404)
            // An operator of the test sees cam-2 and may do nothing with it.
            let refused = try await api.send("GET /devices/cam-2/recordings/span", as: "root")
            #expect(refused.status == 403 && refused.json.contains("play its recordings"))
            #expect(try await api.send("GET /devices/cam-1/recordings/span", as: nil).status == 401)
            #expect(api.recordings.calls.isEmpty)
        }
    }

    @Test(arguments: [
        "", "from=2025-11-21T08:00:00Z", "from=yesterday&to=2025-11-21T08:00:00Z",
        "from=2025-11-21T08:00:00Z&to=2025-11-21T08:00:00Z",
        "from=2025-11-21T08:00:00Z&to=2025-11-28T08:00:01Z",
        "from=1969-11-21T08:00:00Z&to=1969-11-22T08:00:01Z",
    ]) func rangesAreChecked(query: String) async throws {
        try await APIClient.run { api in
            let answer = try await api.send("GET /devices/cam-1/recordings?\(query)")
            #expect(answer.status == 400 && answer.json.contains(#""type":"urn:vedette:invalid""#))
            #expect(api.recordings.calls.isEmpty)
        }
    }

    @Test func theSpanSaysWhetherThereIsAnything() async throws {
        try await APIClient.run { api in
            let some = try await api.send("GET /devices/cam-1/recordings/span")
            #expect(
                some.json
                    == #"{"bytes":99,"duration":30.5,"newest":"2025-11-21T08:00:40.000Z","oldest":"2025-11-21T08:00:00.000Z","segments":3}"#
            )
            let none = try await api.send("GET /devices/cam-1/channels/1/recordings/span")
            #expect(none.json == #"{"bytes":0,"duration":0,"segments":0}"#)
        }
    }

    /// Days begin by the clocks of a place: one of the autumn has 25 hours.
    @Test func daysAreThoseOfAZone() async throws {
        try await APIClient.run { api in
            let utc = try await api.send("GET /devices/cam-1/recordings/days?month=2025-11")
            #expect(utc.json == #"{"days":["2025-11-21"],"month":"2025-11","zone":"UTC"}"#)
            #expect(api.recordings.ranges.count == 30)
            let east = try await api.send("GET /devices/cam-1/recordings/days?month=2025-11&zone=%2B14:00")
            #expect(east.json.contains(#""days":["2025-11-21"]"#))
            let west = try await api.send("GET /devices/cam-1/recordings/days?month=2025-11&zone=-10:00")
            #expect(west.json.contains(#""days":["2025-11-20"]"#))
            let berlin = try await api.send(
                "GET /devices/cam-1/recordings/days?month=2025-10&zone=Europe/Berlin"
            )
            #expect(berlin.status == 200)
            let hours = api.recordings.ranges.map {
                ($0.upperBound - $0.lowerBound).wholeMilliseconds / 3_600_000
            }
            #expect(hours.count == 31 && hours[25] == 25 && hours.reduce(0, +) == 31 * 24 + 1)
            for query in [
                "", "month=2025-13", "month=2025-11&zone=Mars", "month=2025-11&zone=%2B99:00", "month=11",
            ] {
                let answer = try await api.send("GET /devices/cam-1/recordings/days?\(query)")
                #expect(answer.status == 400, "\(query)")
            }
        }
    }

    @Test func aTicketComesWithItsAddresses() async throws {
        try await APIClient.run { api in
            let body = #"{"from":"2025-11-21T08:00:00Z","to":"2025-11-21T10:00:00+01:00"}"#
            let answer = try await api.send("POST /devices/cam-1/channels/1/playback", body)
            #expect(answer.status == 201)
            let query = "?from=2025-11-21T08:00:00.000Z&to=2025-11-21T09:00:00.000Z&ticket=t~1"
            for file in ["playback.m3u8", "export.mp4", "export.ts"] {
                #expect(
                    answer.json.contains("\"/api/v1/devices/cam-1/channels/1/\(file)\(query)\""),
                    "\(answer.json)"
                )
            }
            #expect(api.recordings.calls == ["open cam-1/1 of anna for anna"])
            let long = #"{"from":"2025-11-21T08:00:00Z","to":"2025-11-22T09:00:01Z"}"#
            #expect(try await api.send("POST /devices/cam-1/playback", long).status == 400)
        }
    }

    @Test func aPictureOfAMomentIsCachedByItsTime() async throws {
        try await APIClient.run { api in
            let path = "GET /devices/cam-1/recordings/picture?at=2025-11-21T08:00:00.250Z&width=320"
            let picture = try await api.fetch(path)
            #expect(picture.status == 200 && picture.bytes == [0xFF, 0xD8])
            let tag = try #require(picture.headers[.eTag])
            #expect(try await api.fetch(path, [.ifNoneMatch: tag]).status == 304)
            #expect(api.recordings.calls.first == "picture cam-1/0 of anna 1763712000250")
            #expect(try await api.fetch("GET /devices/cam-1/recordings/picture").status == 400)
        }
    }

    @Test(arguments: [
        (RecordingError.unavailable("secret"), 503), (.notFound("it"), 404), (.conflict("too much"), 409),
        (.damaged("it"), 404),
    ]) func whatIsWrongIsTold(error: RecordingError, status: Int) async throws {
        try await APIClient.run { api in
            api.recordings.fail(error)
            let answer = try await api.send("GET /devices/cam-1/recordings/span")
            #expect(answer.status == status && !answer.json.contains("secret"))
        }
    }
}
