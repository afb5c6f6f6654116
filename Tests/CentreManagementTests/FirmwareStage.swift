import Blobs
import Bus
import CentreManagement
import Foundation
import HSSModel
import HostClock
import ServerKit
import Store
import Synchronization
import Testing
import Vd

/// Firmware on an empty store, units that the test plays, and a clock that the test sets.
final class FirmwareStage: Sendable {
    /// The host's time: the routes of downloads read it.
    static let start = WallTime.now
    static let admin = UserName(unchecked: "admin")
    static let secret = Secret(String(repeating: "k", count: 43))
    static let image: [UInt8] = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 251) }

    static let settings = FirmwareLibrary.Settings(
        secureAddress: "https://vedette.example:8443",
        plainAddress: "http://vedette.example:8080",
        imageSize: 1 << 20
    )

    let store: SQLiteStore
    let blobs: FileBlobs
    let key: FirmwareKey
    let library: FirmwareLibrary
    let units = FakeUnits()
    let metrics = MetricRegistry()
    let folder: String
    private let time = Mutex(start)

    private init(_ folder: String, _ settings: FirmwareLibrary.Settings) throws {
        self.folder = folder
        store = try SQLiteStore(path: folder + "/db", at: Self.start)
        blobs = try FileBlobs(folder: folder + "/blobs")
        key = try #require(FirmwareKey(Self.secret))
        library = FirmwareLibrary(
            settings: settings,
            key: key,
            store: store,
            blobs: blobs,
            metrics: metrics,
            logger: Centre.logger
        )
    }

    static func run(
        _ settings: FirmwareLibrary.Settings = settings,
        _ body: (FirmwareStage) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "firm-\(UUID().uuidString)"
        )
        defer { try? FileManager.default.removeItem(at: folder) }
        let stage = try FirmwareStage(folder.path, settings)
        try await body(stage)
        try? stage.store.close()
    }

    var now: WallTime { time.withLock { $0 } }
    func pass(_ seconds: Int) { time.withLock { $0 = $0 + .seconds(seconds) } }

    /// A new one on the same store is the platform after a kill.
    func service(_ change: (inout RollOutService.Limits) -> Void = { _ in }) -> RollOutService {
        var limits = RollOutService.Limits()
        change(&limits)
        return RollOutService(
            library: library,
            store: store,
            units: .init(control: units, documents: units) { [units] in units.connected($0) },
            events: units,
            limits: limits,
            metrics: metrics,
            logger: Centre.logger,
            now: { self.now }
        )
    }

    func enrol(_ names: [String], hardware: String? = "cam-a", version: String? = "1.0") async throws {
        for name in names {
            try await store.add(
                StoredDevice(
                    unit: UnitID(unchecked: name),
                    macIdentity: MACIdentity(unchecked: "mac-\(name)"),
                    name: name,
                    channels: [0: ChannelID(unchecked: "\(name)-0")],
                    passwordHash: Secret("hash"),
                    hardwareModel: hardware,
                    firmwareModel: version,
                    createdAt: Self.start
                )
            )
            if let version { units.add(UnitID(unchecked: name), version: version) }
        }
    }

    func addImage(
        _ version: String = "2.0",
        hardware: String = "cam-a",
        bytes: [UInt8] = image,
        sha256: String? = nil
    ) async throws -> FirmwareRecord {
        let new = NewFirmware(hardwareModel: hardware, version: version, sha256: sha256, size: nil)
        return try await library.addFirmware(new, body: Chunks(bytes))
    }

    func plan(_ change: (inout RollOutPlan) -> Void = { _ in }) -> RollOutPlan {
        var plan = RollOutPlan(version: "", opens: now, closes: now + .seconds(7200))
        change(&plan)
        return plan
    }
}

/// A body in pieces, as a connection brings it.
struct Chunks: AsyncSequence, Sendable {
    struct BrokenOff: Error {}

    struct Iterator: AsyncIteratorProtocol {
        fileprivate var rest: ArraySlice<UInt8>
        fileprivate var breaksOff: Bool

        mutating func next() async throws -> [UInt8]? {
            guard !rest.isEmpty else {
                if breaksOff { throw BrokenOff() }
                return nil
            }
            defer { rest = rest.dropFirst(1000) }
            return Array(rest.prefix(1000))
        }
    }

    private let bytes: [UInt8]
    private let breaksOff: Bool

    init(_ bytes: [UInt8], breaksOff: Bool = false) {
        self.bytes = bytes
        self.breaksOff = breaksOff
    }

    func makeAsyncIterator() -> Iterator { Iterator(rest: bytes[...], breaksOff: breaksOff) }
}

/// Units that do what the test says.
final class FakeUnits: UnitControlPoint, UnitDocumentPoint, EventSink {
    struct Unit {
        var version: String
        var state = UpgradeState.notStarted
        var progress = 0
        var isConnected = true
        var fetchesSecurely = true
        /// Answers `GetCap` and `QueryUpgrade` with this.
        var failure: UnitCallError?
        var told: [UpgradeFirmware] = []
        var asked = 0
    }

    private let state = Mutex((units: [UnitID: Unit](), events: [NewEvent]()))

    func add(_ unit: UnitID, version: String) { state.withLock { $0.units[unit] = Unit(version: version) } }

    func change(_ name: String, _ body: @Sendable (inout Unit) -> Void) {
        state.withLock { state in
            var unit = state.units[UnitID(unchecked: name)] ?? Unit(version: "")
            body(&unit)
            state.units[UnitID(unchecked: name)] = unit
        }
    }

    subscript(name: String) -> Unit {
        state.withLock { $0.units[UnitID(unchecked: name)] ?? Unit(version: "") }
    }

    /// Names of those that were told, and of those that were not, in order.
    var told: [String] { names { !$0.told.isEmpty } }
    var untold: [String] { names { $0.told.isEmpty } }

    private func names(_ isWanted: (Unit) -> Bool) -> [String] {
        state.withLock { state in state.units.filter { isWanted($0.value) }.map(\.key.rawValue).sorted() }
    }

    var events: [String] {
        state.withLock { $0.events.map { "\($0.unit) \($0.kind.rawValue) \($0.detail)" } }
    }

    func connected(_ units: [UnitID]) -> Set<UnitID> {
        state.withLock { state in Set(units.filter { state.units[$0]?.isConnected ?? false }) }
    }

    private func take(_ unit: UnitID) throws(UnitCallError) -> Unit {
        guard let known = state.withLock({ $0.units[unit] }), known.isConnected else { throw .offline(unit) }
        if let failure = known.failure { throw failure }
        return known
    }

    func ask<Request: VdRequest>(
        _ request: Request,
        of unit: UnitID
    ) async throws(UnitCallError) -> Request.Answer {
        state.withLock { $0.units[unit]?.asked += 1 }
        let known = try take(unit)
        let status = UpgradeStatus(
            state: known.state,
            progress: known.progress,
            firmwareModel: known.version
        )
        guard request is QueryUpgrade, let answer = status as? Request.Answer else {
            throw .refused(code: 101, message: "")
        }
        return answer
    }

    func tell<Event: VdEvent>(_ event: Event, to unit: UnitID) async throws(UnitCallError) {
        guard connected([unit]) == [unit] else { throw .offline(unit) }
        guard let upgrade = event as? UpgradeFirmware else { throw .refused(code: 101, message: "") }
        state.withLock { $0.units[unit]?.told.append(upgrade) }
    }

    func capabilities(of unit: UnitID) async throws(UnitCallError) -> Capabilities {
        Capabilities(try take(unit).fetchesSecurely ? [.firmwareDownloadHTTPS] : [.ptz])
    }

    func knownCapabilities(of unit: UnitID) -> Capabilities? { nil }

    func record(_ event: NewEvent) async { state.withLock { $0.events.append(event) } }
}
