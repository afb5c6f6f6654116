import Bus
import HSSModel
import Synchronization
import Testing

/// Accounts with three channels of anna's, and sums of nobody, anna and bert.
final class FakeUsage: UsagePoint {
    private let state = Mutex<[String]>([])

    var calls: [String] { state.withLock { $0 } }
    private func note(_ call: String) { state.withLock { $0.append(call) } }

    func settle() async { note("settle") }

    func usage(
        ofOwner owner: UserName,
        in days: ClosedRange<CalendarDay>,
        after: ChannelUsage.Place?,
        limit: Int
    ) async throws(ActivityError) -> [ChannelUsage] {
        note("owner \(owner) \(days.lowerBound) \(days.upperBound) \(limit)")
        return page(after, limit)
    }

    func usage(
        ofViewer user: UserName,
        in days: ClosedRange<CalendarDay>,
        after: ChannelUsage.Place?,
        limit: Int
    ) async throws(ActivityError) -> [ChannelUsage] {
        note("viewer \(user)")
        return page(after, limit)
    }

    private func page(_ after: ChannelUsage.Place?, _ limit: Int) -> [ChannelUsage] {
        let all = (0..<3).map {
            ChannelUsage(
                channel: ChannelAddress(unit: UnitID(unchecked: "cam:1"), number: $0),
                day: CalendarDay(number: 20_778),
                amounts: UsageAmounts(
                    ingestBytes: 1_000_000_000_000,
                    liveTime: .milliseconds(1999),
                    deliveredBytes: 5,
                    viewerTime: .seconds(61)
                )
            )
        }
        let rest = all.drop { after != nil && $0.channel.number <= after?.channel.number ?? 0 }
        return Array(rest.prefix(limit))
    }

    func usageTotals(
        by grouping: UsageTotal.Grouping,
        user: UserName?,
        in days: ClosedRange<CalendarDay>,
        after: String?,
        limit: Int
    ) async throws(ActivityError) -> [UsageTotal] {
        note("totals by \(grouping) of \(user?.rawValue ?? "all") after \(after ?? "-")")
        let names: [String?] = grouping == .day ? ["2026-11-20", "2026-11-21"] : [nil, "anna", "bert"]
        let rest = names.drop { after != nil && $0 ?? "" <= after ?? "" }
        return rest.prefix(limit).map {
            UsageTotal(name: $0, amounts: UsageAmounts(ingestBytes: 7), watchedBytes: 3)
        }
    }
}

@Suite("Accounts in the API") struct UsageAPITests {
    @Test func whatOneOwnsIsShownByChannelAndDay() async throws {
        try await APIClient.run { api in
            let first = try await api.send("GET /usage?from=2026-11-01&to=2026-11-30&limit=2")
            #expect(first.status == 200)
            let line =
                #"{"channel":0,"day":"2026-11-21","delivered_bytes":5,"device_id":"cam:1","#
                + #""ingest_bytes":1000000000000,"live_seconds":1,"viewer_seconds":61}"#
            #expect(first.json.contains(line), "\(first.json)")
            #expect(first.json.contains(#""next_cursor":"2026-11-21~1~cam:1""#), "\(first.json)")
            let rest = try await api.send("GET /usage?limit=2&cursor=2026-11-21~1~cam:1")
            #expect(rest.json.contains(#""channel":2"#) && !rest.json.contains("next_cursor"))
            #expect(
                api.usage.calls == [
                    "settle", "owner anna 2026-11-01 2026-11-30 3", "settle",
                    "owner anna 1970-01-01 9999-12-31 3",
                ]
            )
            // An operator has an account like everybody.
            let watched = try await api.send("GET /usage/watched", as: "root")
            #expect(watched.status == 200 && !watched.json.contains("ingest_bytes"))
            #expect(api.usage.calls.last == "viewer root")
        }
    }

    @Test func sumsAreForOperators() async throws {
        try await APIClient.run { api in
            #expect(try await api.send("GET /admin/usage").status == 403)
            #expect(try await api.send("GET /usage", as: nil).status == 401)
            let users = try await api.send("GET /admin/usage?limit=1", as: "root")
            #expect(users.json.contains(#""next_cursor":"~""#), "the first is nobody: \(users.json)")
            #expect(!users.json.contains(#""user""#) && users.json.contains(#""watched_bytes":3"#))
            let rest = try await api.send("GET /admin/usage?limit=9&cursor=~", as: "root")
            #expect(rest.json.contains(#""user":"anna""#) && rest.json.contains(#""user":"bert""#))
            let days = try await api.send("GET /admin/usage?by=day&cursor=~2026-11-20", as: "root")
            #expect(days.json.contains("2026-11-21") && !days.json.contains("2026-11-20"))
            #expect(!days.json.contains("watched"))
            _ = try await api.send("GET /admin/usage?user=anna", as: "root")
            #expect(api.usage.calls.last == "totals by device of anna after -")
        }
    }

    @Test(arguments: [
        "/usage?from=2026-11-31", "/usage?to=today", "/usage?from=2026-11-02&to=2026-11-01",
        "/usage?limit=201", "/usage?cursor=2026-11-21~1", "/usage?cursor=2026-11-21~256~a",
        "/usage?cursor=x~1~a", "/admin/usage?by=week", "/admin/usage?cursor=anna",
        "/admin/usage?by=day&cursor=~anna",
    ]) func whatIsNoDayOrPlaceIsRefused(path: String) async throws {
        try await APIClient.run { api in
            let answer = try await api.send("GET \(path)", as: "root")
            #expect(answer.status == 400)
            #expect(api.usage.calls.isEmpty)
        }
    }
}

/// A latency that an operator sets for cam-1.
final class FakeChannels: ChannelSettingPoint {
    private let state = Mutex<[Int: Duration]>([:])

    func srtLatencies(of id: String, by caller: Principal) async throws(ManagementError) -> [Int: Duration] {
        state.withLock { $0 }
    }

    func setSRTLatency(
        _ latency: Duration?,
        of id: String,
        channel: Int?,
        by caller: Principal
    ) async throws(ManagementError) -> [Int: Duration] {
        state.withLock { state in
            for channel in channel.map({ [$0] }) ?? [0, 1] { state[channel] = latency }
            return state
        }
    }
}

@Suite("Settings of channels in the API") struct ChannelSettingAPITests {
    @Test func aLatencyIsSetForAChannelOrForAllAndTakenBack() async throws {
        try await APIClient.run { api in
            let path = "PATCH /admin/devices/cam-1/channels"
            let one = try await api.send(path + "/1", as: "root", #"{"srt_latency_ms":400}"#)
            #expect(one.status == 200)
            #expect(
                one.json.contains(#"{"channel":1,"channel_id":"cam-1-1","srt_latency_ms":400}"#),
                "\(one.json)"
            )
            #expect(one.json.contains(#"{"channel":0,"channel_id":"cam-1-0"}"#), "\(one.json)")
            _ = try await api.send(path, as: "root", #"{"srt_latency_ms":800}"#)
            let shown = try await api.send("GET /admin/devices/cam-1", as: "root")
            #expect(shown.json.components(of: #""srt_latency_ms":800"#) == 2, "\(shown.json)")
            let back = try await api.send(path + "/0", as: "root", #"{"srt_latency_ms":null}"#)
            #expect(back.json.components(of: "srt_latency_ms") == 1, "\(back.json)")
            #expect(try await api.send(path, as: "root", "{}").status == 400)
            #expect(try await api.send(path + "/x", as: "root", #"{"srt_latency_ms":400}"#).status == 400)
            #expect(try await api.send(path, as: "anna", #"{"srt_latency_ms":400}"#).status == 403)
        }
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
