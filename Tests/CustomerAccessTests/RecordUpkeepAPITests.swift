import Bus
import HSSModel
import Synchronization
import Testing

/// Recordings of anna's cam:1, a legal hold of them, and whatever limits a test sets.
final class FakeUpkeep: RecordUpkeepPoint {
    private struct State {
        var calls: [String] = []
        var limits: [RecordingLimitScope: RecordingLimits] = [:]
    }

    private let state = Mutex(State())

    var calls: [String] { state.withLock { $0.calls } }
    private func note(_ call: String) { state.withLock { $0.calls.append(call) } }

    private static let amounts = RecordedAmounts(
        segments: 2,
        bytes: 5_000_000_000,
        duration: .milliseconds(20_999),
        span: WallTime(milliseconds: 1_763_700_000_000)..<WallTime(milliseconds: 1_763_700_021_000)
    )

    func recordedUse(
        of owner: UserName?,
        after: RecordedChannel?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [RecordedUse] {
        note("use of \(owner?.rawValue ?? "all") after \(after?.channel.description ?? "-")")
        let all = [nil, UserName(unchecked: "anna")].map {
            RecordedUse(
                recorded: RecordedChannel(
                    ChannelAddress(unit: UnitID(unchecked: "cam:1"), number: 0),
                    owner: $0
                ),
                amounts: Self.amounts
            )
        }
        return Array(all.drop { after != nil && $0.recorded.owner == nil }.prefix(limit))
    }

    func recordedTotal(
        of owner: UserName?,
        by caller: Principal
    ) async throws(ManagementError) -> RecordedAmounts { owner == nil ? RecordedAmounts() : Self.amounts }

    func recordingLimits(
        of scope: RecordingLimitScope,
        by caller: Principal
    ) async throws(ManagementError) -> RecordingLimitsInForce {
        let set = state.withLock { $0.limits[scope] ?? RecordingLimits() }
        return RecordingLimitsInForce(
            set: set,
            retention: set.retention ?? .seconds(604_800),
            bytes: set.bytes
        )
    }

    func setRecordingLimits(
        _ limits: RecordingLimits,
        of scope: RecordingLimitScope,
        by caller: Principal
    ) async throws(ManagementError) -> RecordingLimitsInForce {
        state.withLock { $0.limits[scope] = limits }
        note("limits of \(scope)")
        return try await recordingLimits(of: scope, by: caller)
    }

    func keep(
        _ range: Range<WallTime>,
        of device: String,
        channel: Int,
        note: String,
        by caller: Principal
    ) async throws(ManagementError) -> KeptClip {
        self.note("keep \(device)/\(channel)")
        return KeptClip(
            id: ClipID(unchecked: "clip-1"),
            recorded: RecordedChannel(
                ChannelAddress(unit: UnitID(unchecked: device), number: channel),
                owner: caller.user
            ),
            range: range,
            note: note,
            keptBy: caller.user,
            keptAt: WallTime(milliseconds: 1_763_700_000_000)
        )
    }

    func keptClips(
        of owner: UserName?,
        after: ClipID?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [KeptClip] {
        note("clips of \(owner?.rawValue ?? "-") after \(after?.rawValue ?? "-") by \(caller.user)")
        return []
    }

    func release(_ clip: String, by caller: Principal) async throws(ManagementError) {
        guard clip == "clip-1" else { throw .notFound("clip \(clip)") }
        note("release by \(caller.user)")
    }
}

@Suite("Recordings: room and kept clips in the API") struct RecordUpkeepAPITests {
    @Test func whatIsRecordedIsShownByChannelWithItsSum() async throws {
        try await APIClient.run { api async throws in
            let own = try await api.send("GET /usage/recordings?limit=1")
            #expect(own.status == 200)
            let line =
                #"{"bytes":5000000000,"channel":0,"device_id":"cam:1","newest":"2025-11-21T04:40:21Z","#
                + #""oldest":"2025-11-21T04:40:00Z","recorded_seconds":20,"segments":2}"#
            #expect(own.json.contains(line), "\(own.json)")
            #expect(own.json.contains(#""next_cursor":"0~cam:1~""#), "\(own.json)")
            #expect(own.json.contains(#""total":{"bytes":5000000000,"#), "\(own.json)")
            let rest = try await api.send("GET /usage/recordings?cursor=0~cam:1~")
            #expect(rest.json.contains(#""owner":"anna""#) && !rest.json.contains("next_cursor"))
            #expect(api.upkeep.calls == ["use of anna after -", "use of anna after cam:1/0"])
            #expect(try await api.send("GET /admin/usage/recordings").status == 403)
            let all = try await api.send("GET /admin/usage/recordings", as: "root")
            #expect(
                all.json.contains(#""total":{"bytes":0,"recorded_seconds":0,"segments":0}"#),
                "nothing is no time: \(all.json)"
            )
            _ = try await api.send("GET /admin/usage/recordings?user=bert", as: "root")
            #expect(api.upkeep.calls.last == "use of bert after -")
        }
    }

    @Test func limitsAreSetByOperators() async throws {
        try await APIClient.run { api async throws in
            for path in ["/admin/devices/cam-1/channels/1", "/admin/users/anna"] {
                let limits = path + "/recording-limits"
                #expect(try await api.send("GET " + limits).status == 403)
                #expect(try await api.send("PUT " + limits, #"{"quota_bytes":5}"#).status == 403)
                let before = try await api.send("GET " + limits, as: "root")
                #expect(before.json == #"{"in_force":{"retention_seconds":604800}}"#)
                let set = try await api.send(
                    "PUT " + limits,
                    as: "root",
                    #"{"retention_seconds":0,"quota_bytes":1048576}"#
                )
                #expect(
                    set.json
                        == #"{"in_force":{"quota_bytes":1048576,"retention_seconds":0},"quota_bytes":1048576,"retention_seconds":0}"#
                )
                let back = try await api.send("PUT " + limits, as: "root", #"{"quota_bytes":null}"#)
                #expect(back.json == #"{"in_force":{"retention_seconds":604800}}"#)
            }
            #expect(api.upkeep.calls.count == 4)
        }
    }

    @Test func clipsAreKeptListedAndReleased() async throws {
        try await APIClient.run { api async throws in
            let kept = try await api.send(
                "POST /devices/cam-1/channels/0/kept-clips",
                #"{"from":"2025-11-21T08:00:00Z","to":"2025-11-21T08:00:00.5Z","note":"a \"b\""}"#
            )
            #expect(kept.status == 201)
            #expect(kept.json.contains(#""clip_id":"clip-1""#) && kept.json.contains(#""kept_by":"anna""#))
            #expect(try await api.send("GET /kept-clips?limit=5&cursor=clip-0").status == 200)
            #expect(try await api.send("GET /kept-clips?user=bert", as: "root").status == 200)
            #expect(try await api.send("DELETE /kept-clips/clip-1").status == 204)
            #expect(try await api.send("DELETE /kept-clips/clip-2").status == 404)
            #expect(
                api.upkeep.calls == [
                    "keep cam-1/0", "clips of - after clip-0 by anna", "clips of bert after - by root",
                    "release by anna",
                ]
            )
        }
    }

    @Test(
        arguments: [
            ("GET /usage/recordings?cursor=0~cam", nil), ("GET /usage/recordings?cursor=256~cam~", nil),
            ("GET /usage/recordings?limit=0", nil),
            ("PUT /admin/devices/cam-1/channels/x/recording-limits", "{}"),
            ("PUT /admin/users/anna/recording-limits", #"{"retention_seconds":-1}"#),
            ("PUT /admin/users/anna/recording-limits", #"{"retention_seconds":9223372036854775807}"#),
            (
                "POST /devices/cam-1/channels/0/kept-clips",
                #"{"from":"yesterday","to":"2025-11-21T08:00:00Z"}"#
            ),
            (
                "POST /devices/cam-1/channels/0/kept-clips",
                #"{"from":"2025-11-21T08:00:00Z","to":"2025-11-21T08:00:00Z"}"#
            ),
            ("POST /devices/cam-1/channels/0/kept-clips", #"{"from":"2025-11-21T08:00:00Z"}"#),
        ] as [(String, String?)]
    ) func whatMakesNoSenseIsRefused(call: String, body: String?) async throws {
        try await APIClient.run { api async throws in
            #expect(try await api.send(call, as: "root", body).status == 400)
            #expect(api.upkeep.calls.isEmpty)
        }
    }
}
