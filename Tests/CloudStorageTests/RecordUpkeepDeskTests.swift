import Bus
import HSSModel
import HostClock
import Logging
import Store
import Testing

@testable import CloudStorage

/// Who may see, set and keep what of recordings.
@Suite("Kept clips, limits and accounts of recordings") struct RecordUpkeepDeskTests {
    private typealias Stage = RetentionStage
    private static let (anna, bert) = (
        Principal(user: Stage.anna, role: .customer), Principal(user: Stage.bert, role: .customer)
    )
    private static let root = Principal(user: UserName(unchecked: "root"), role: .operator)
    private static let range = Stage.time(0)..<Stage.time(30_000)

    private func with(
        keeping time: Duration? = nil,
        _ body: (RetentionStage, RecordUpkeepDesk) async throws -> Void
    ) async throws {
        let stage = try await RetentionStage()
        try await stage.camera("cam", of: Stage.anna)
        try await stage.save("cam", at: Stage.row(3))
        var settings = RetentionSettings(age: .seconds(604_800), ownerBytes: 1 << 30)
        settings.keptTime = time
        let desk = RecordUpkeepDesk(
            store: stage.store,
            devices: StoredDevices(store: stage.store),
            settings: settings,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await body(stage, desk)
        try stage.end()
    }

    @Test func aClipIsKeptByItsOwnerOrAnOperator() async throws {
        try await with { stage, desk async throws in
            let clip = try await desk.keep(Self.range, of: "cam", channel: 0, note: "why", by: Self.anna)
            #expect(clip.recorded == Stage.recorded("cam", of: Stage.anna) && clip.keptBy == Stage.anna)
            let hold = try await desk.keep(Self.range, of: "cam", channel: 0, note: "", by: Self.root)
            #expect(hold.recorded.owner == Stage.anna)
            let own = try await desk.keptClips(of: nil, after: nil, limit: 9, by: Self.anna)
            #expect(Set(own.map(\.id)) == [clip.id, hold.id])
            #expect(try await desk.keptClips(of: nil, after: nil, limit: 9, by: Self.bert).isEmpty)
            #expect(try await desk.keptClips(of: nil, after: nil, limit: 9, by: Self.root).count == 2)
            await #expect(throws: ManagementError.forbidden) {
                try await desk.keptClips(of: Stage.anna, after: nil, limit: 9, by: Self.bert)
            }
            // What is foreign does not exist, and a legal hold is not the owner's to end.
            await #expect(throws: ManagementError.notFound("clip \(clip.id)")) {
                try await desk.release(clip.id.rawValue, by: Self.bert)
            }
            await #expect(throws: ManagementError.forbidden) {
                try await desk.release(hold.id.rawValue, by: Self.anna)
            }
            try await desk.release(clip.id.rawValue, by: Self.anna)
            try await desk.release(hold.id.rawValue, by: Self.root)
            #expect(try await stage.store.keptClips(owner: nil, after: nil, limit: 9).isEmpty)
        }
    }

    /// `recording.kept_time`: of one owner together, over all clips. What an operator holds does not count.
    @Test func anOwnerKeepsSoMuchAndNoMore() async throws {
        try await with(keeping: .seconds(60)) { stage, desk async throws in
            func keep(_ by: Principal) async throws {
                _ = try await desk.keep(Self.range, of: "cam", channel: 0, note: "", by: by)
            }
            try await keep(Self.root)
            try await keep(Self.anna)
            try await keep(Self.anna)
            await #expect(throws: ManagementError.self) { try await keep(Self.anna) }
            try await keep(Self.root)
            let own = try await desk.keptClips(of: nil, after: nil, limit: 9, by: Self.anna)
            #expect(own.count == 4)
            try await desk.release(
                try #require(own.first { $0.keptBy == Stage.anna }).id.rawValue,
                by: Self.anna
            )
            try await keep(Self.anna)
        }
    }

    /// A clip up to the year 9999 would keep all that is to come, over every quota.
    @Test func whatIsToComeIsNotKept() async throws {
        try await with { stage, desk async throws in
            let now = WallTime.now
            try await stage.save("cam", at: [now.milliseconds - 5000])
            let begin = now + .seconds(-60)
            for end in [now + .seconds(3600), now + .seconds(30 * 86_400)] {
                await #expect(throws: ManagementError.invalid(field: "to", "expected a time up to now")) {
                    try await desk.keep(begin..<end, of: "cam", channel: 0, note: "", by: Self.anna)
                }
            }
            // A unit's clock may be a little ahead: what is recorded may be kept.
            let newest = WallTime(milliseconds: now.milliseconds - 5000 + Stage.length)
            _ = try await desk.keep(begin..<newest, of: "cam", channel: 0, note: "", by: Self.anna)
        }
    }

    @Test func whatCannotBeKeptIsRefused() async throws {
        try await with { stage, desk async throws in
            func refusal(
                _ range: Range<WallTime> = Self.range,
                channel: Int = 0,
                note: String = "",
                by caller: Principal = Self.anna
            ) async -> ManagementError? {
                do throws(ManagementError) {
                    _ = try await desk.keep(range, of: "cam", channel: channel, note: note, by: caller)
                    return nil
                } catch { return error }
            }
            #expect(await refusal(by: Self.bert) == .notFound("device cam"))
            #expect(await refusal(channel: 1) == .notFound("channel 1 of device cam"))
            let later = Stage.time(30_000)..<Stage.time(40_000)
            #expect(await refusal(later) == .notFound("a recording in this range"))
            let month = Stage.time(0)..<Stage.time(31 * Stage.day)
            #expect(await refusal(month) == nil)
            let tooLong = "expected a time after from, within 31 days of it"
            #expect(
                await refusal(Stage.time(0)..<Stage.time(31 * Stage.day + 1))
                    == .invalid(field: "to", tooLong)
            )
            #expect(await refusal(Stage.time(0)..<Stage.time(0)) == .invalid(field: "to", tooLong))
            #expect(await refusal(note: String(repeating: "ü", count: 500)) == nil)
            #expect(
                await refusal(note: String(repeating: "ü", count: 501))
                    == .invalid(field: "note", "expected at most 500 characters")
            )
            for _ in 2..<1000 { try await stage.keep(Stage.recorded("cam", of: Stage.anna), 0, 1) }
            #expect(await refusal() == .limit("1000 kept clips of one owner"))
        }
    }

    @Test func limitsAreSetByOperatorsAndTellWhatHolds() async throws {
        try await with { stage, desk async throws in
            let channel = RecordingLimitScope.channel(Stage.recorded("cam").channel)
            await #expect(throws: ManagementError.forbidden) {
                try await desk.recordingLimits(of: channel, by: Self.anna)
            }
            await #expect(throws: ManagementError.forbidden) {
                try await desk.setRecordingLimits(RecordingLimits(), of: channel, by: Self.anna)
            }
            var limits = try await desk.recordingLimits(of: channel, by: Self.root)
            #expect(limits == .init(set: RecordingLimits(), retention: .seconds(604_800), bytes: nil))
            let day = RecordingLimits(retention: .seconds(86_400), bytes: 0)
            limits = try await desk.setRecordingLimits(day, of: .owner(Stage.anna), by: Self.root)
            #expect(limits == .init(set: day, retention: .seconds(86_400), bytes: nil))
            limits = try await desk.recordingLimits(of: channel, by: Self.root)
            #expect(limits.retention == .seconds(86_400), "the owner's holds for the channel")
            let own = RecordingLimits(retention: .zero, bytes: 1 << 20)
            limits = try await desk.setRecordingLimits(own, of: channel, by: Self.root)
            #expect(limits == .init(set: own, retention: nil, bytes: 1 << 20))
            for wrong in [
                RecordingLimits(retention: .seconds(3599)), RecordingLimits(retention: .seconds(-1)),
                RecordingLimits(retention: .seconds(3650 * 86_400 + 1)), RecordingLimits(bytes: 1 << 19),
                RecordingLimits(bytes: -1), RecordingLimits(bytes: (1 << 50) + 1),
            ] {
                await #expect(throws: ManagementError.self, "\(wrong)") {
                    try await desk.setRecordingLimits(wrong, of: channel, by: Self.root)
                }
            }
            await #expect(throws: ManagementError.notFound("user ghost")) {
                try await desk.setRecordingLimits(
                    day,
                    of: .owner(UserName(unchecked: "ghost")),
                    by: Self.root
                )
            }
        }
    }

    /// "Bytes and seconds per owner."
    @Test func everybodySeesTheOwnAccount() async throws {
        try await with { stage, desk async throws in
            try await stage.camera("den", of: Stage.bert)
            try await stage.save("den", at: Stage.row(2), size: 7)
            #expect(try await desk.recordedTotal(of: nil, by: Self.anna).bytes == 300)
            #expect(try await desk.recordedTotal(of: nil, by: Self.bert).bytes == 14)
            #expect(try await desk.recordedTotal(of: nil, by: Self.root).bytes == 314)
            #expect(try await desk.recordedTotal(of: Stage.bert, by: Self.root).duration == .seconds(20))
            await #expect(throws: ManagementError.forbidden) {
                try await desk.recordedTotal(of: Stage.bert, by: Self.anna)
            }
            let use = try await desk.recordedUse(of: nil, after: nil, limit: 9, by: Self.anna)
            #expect(use.map(\.recorded) == [Stage.recorded("cam", of: Stage.anna)])
            #expect(try await desk.recordedUse(of: nil, after: nil, limit: 9, by: Self.root).count == 2)
        }
    }
}

/// Devices as the registry would show them: to their owners and to operators.
private struct StoredDevices: DevicePoint {
    let store: SQLiteStore

    func device(_ id: String, visibleTo caller: Principal) async throws(ManagementError) -> VisibleDevice {
        let found: StoredDevice?
        do throws(StoreError) {
            found = try await store.device(UnitID(unchecked: id))
        } catch { throw .unavailable("\(error)") }
        guard let found, caller.role == .operator || found.owner == caller.user else {
            throw .notFound("device \(id)")
        }
        let record = DeviceRecord(
            unit: found.unit,
            macIdentity: found.macIdentity,
            name: found.name,
            channels: found.channels,
            disabled: found.disabled,
            owner: found.owner,
            firmwareModel: nil,
            lastSeen: nil,
            createdAt: found.createdAt
        )
        return VisibleDevice(device: record, rights: .owner)
    }

    func devices(
        after: UnitID?,
        limit: Int,
        visibleTo caller: Principal
    ) async throws(ManagementError) -> [VisibleDevice] { [] }
    func issueBindCode(for caller: Principal) async throws(ManagementError) -> BindCode { throw .forbidden }
    func unbind(_ id: String, by caller: Principal) async throws(ManagementError) {}
    func addDevice(_ device: NewDevice, by caller: Principal) async throws(ManagementError) -> EnrolledDevice
    {
        throw .forbidden
    }
    func allDevices(
        after: UnitID?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [DeviceRecord] { [] }
    func setDevice(
        _ id: String,
        disabled: Bool,
        by caller: Principal
    ) async throws(ManagementError) -> DeviceRecord { throw .forbidden }
    func removeDevice(_ id: String, by caller: Principal) async throws(ManagementError) {}
}
