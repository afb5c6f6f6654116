import Foundation
import HSSModel
import HostClock
import Logging
import ServerKit
import Store
import Synchronization
import Vr

@testable import CloudStorage

/// A database, a disk that is a set of names, and retention over both.
final class RetentionStage: Sendable {
    static let (anna, bert) = (UserName(unchecked: "anna"), UserName(unchecked: "bert"))
    static let day: Int64 = 86_400_000
    /// Of every segment, unless a test says otherwise.
    static let length: Int64 = 10_000
    private static let zeros = String(repeating: "0", count: 22)

    let store: SQLiteStore
    let disk = Disk()
    let metrics = MetricRegistry()
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    /// Bytes have names of their own.
    private let blobs = Atomic(0)

    init() async throws {
        store = try SQLiteStore(path: folder.appendingPathComponent("db").path, at: Self.time(0))
        for user in [Self.anna, Self.bert] {
            try await store.add(
                StoredUser(
                    name: user,
                    role: .customer,
                    disabled: false,
                    passwordHash: Secret("x"),
                    createdAt: Self.time(0)
                )
            )
        }
    }

    func end() throws {
        try store.close()
        try FileManager.default.removeItem(at: folder)
    }

    func keeper(_ settings: RetentionSettings = .init(age: nil)) -> RetentionKeeper {
        RetentionKeeper(
            store: store,
            files: disk,
            settings: settings,
            metrics: metrics,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    static func time(_ milliseconds: Int64) -> WallTime { WallTime(milliseconds: milliseconds) }

    static func recorded(_ unit: String, of owner: UserName? = nil) -> RecordedChannel {
        RecordedChannel(ChannelAddress(unit: UnitID(unchecked: unit), number: 0), owner: owner)
    }

    /// A device with one channel that records, of `owner`.
    func camera(_ unit: String, of owner: UserName? = nil) async throws {
        try await store.add(
            StoredDevice(
                unit: UnitID(unchecked: unit),
                macIdentity: MACIdentity(unchecked: "mac-\(unit)"),
                name: unit,
                channels: [0: ChannelID(unchecked: "\(unit)-0")],
                passwordHash: Secret("x"),
                createdAt: Self.time(0)
            )
        )
        if let owner { try await bind(unit, to: owner) }
        try await begin(unit)
    }

    func bind(_ unit: String, to owner: UserName) async throws {
        let expiry = Self.time(1000)
        let hash = "\(unit) \(owner)"
        _ = try await store.addBindCode(hash: hash, for: owner, expiresAt: expiry, at: Self.time(0), limit: 9)
        _ = try await store.redeem(codeHash: hash, for: UnitID(unchecked: unit), at: Self.time(0))
    }

    /// Its record session has the name of the unit, or `name`.
    func begin(_ unit: String, _ name: String? = nil) async throws {
        _ = try await store.beginRecordSession(
            RecordSessionID(unchecked: name ?? unit),
            of: Self.recorded(unit).channel,
            at: Self.time(0)
        )
    }

    /// Saved segments with bytes on the disk.
    func save(
        _ unit: String,
        at starts: [Int64],
        session: String? = nil,
        size: Int64 = 100,
        state: SegmentRowState = .saved
    ) async throws {
        var rows: [SegmentRow] = []
        for start in starts {
            guard let segment = SegmentName(start: Self.time(start)) else { continue }
            let number = blobs.wrappingAdd(1, ordering: .relaxed).newValue
            // In many folders.
            let name = String(number % 256 << 32 | number, radix: 16)
            let blob = SegmentBlob(
                unchecked: String(repeating: "0", count: 10 - name.count) + name + Self.zeros
            )
            disk.add(blob)
            rows.append(
                SegmentRow(
                    session: RecordSessionID(unchecked: session ?? unit),
                    channel: ChannelID(unchecked: "\(unit)-0"),
                    name: segment,
                    duration: .milliseconds(Self.length),
                    size: size,
                    discontinue: nil,
                    blob: blob,
                    state: state
                )
            )
        }
        try await store.writeSegments(rows)
    }

    /// `count` segments one after the other.
    static func row(_ count: Int, from start: Int64 = 0) -> [Int64] {
        (0..<Int64(count)).map { start + $0 * length }
    }

    /// Starts of what is left of a channel.
    func left(_ recorded: RecordedChannel) async throws -> [Int64] {
        try await store.savedSegments(
            of: recorded,
            in: Self.time(0)..<Self.time(.max),
            after: nil,
            limit: 10_000,
            newestFirst: false
        ).map(\.start.milliseconds)
    }

    func keep(_ recorded: RecordedChannel, _ from: Int64, _ to: Int64) async throws {
        let clip = KeptClip(
            id: ClipID(unchecked: RandomName.make()),
            recorded: recorded,
            range: Self.time(from)..<Self.time(to),
            note: "",
            keptBy: Self.anna,
            keptAt: Self.time(0)
        )
        _ = try await store.keep(clip, limit: 1000)
    }

    /// Every blob has a row and every row that counts a blob: what a crash must not leave otherwise.
    func isWhole() async throws -> Bool {
        var known: Set<SegmentBlob> = []
        var last: SegmentBlob?
        while true {
            let page = try await store.segmentsByBlob(after: last, limit: 1000)
            known.formUnion(page.map(\.blob))
            last = page.last?.blob
            if page.count < 1000 { break }
        }
        return disk.blobs.isSubset(of: known)
    }
}

/// Bytes by their names, with room as a test says, that may fail.
final class Disk: RetentionFiles {
    struct Broken: Error {}

    private struct State {
        var blobs: Set<SegmentBlob> = []
        var free: Int64 = 1 << 40
        /// Deletions until it fails; nil: it does not.
        var countdown: Int?
        var unsynced: Set<Substring> = []
        var syncs = 0
    }

    private let state = Mutex(State())

    var blobs: Set<SegmentBlob> { state.withLock { $0.blobs } }
    /// Folders from which something was deleted and that were not synced since.
    var unsynced: Set<Substring> { state.withLock { $0.unsynced } }

    /// How often a folder was synced.
    var syncs: Int { state.withLock { $0.syncs } }

    func add(_ blob: SegmentBlob) { state.withLock { _ = $0.blobs.insert(blob) } }
    func setFree(_ bytes: Int64) { state.withLock { $0.free = bytes } }
    func fail(after deletions: Int?) { state.withLock { $0.countdown = deletions } }

    func delete(_ blob: SegmentBlob) async throws {
        try state.withLock { state in
            if let count = state.countdown {
                guard count > 0 else { throw Broken() }
                state.countdown = count - 1
            }
            state.blobs.remove(blob)
            state.unsynced.insert(blob.rawValue.prefix(2))
        }
    }

    func syncFolder(of blob: SegmentBlob) async throws {
        state.withLock { state in
            state.unsynced.remove(blob.rawValue.prefix(2))
            state.syncs += 1
        }
    }

    func freeSpace() async throws -> Int64 { state.withLock { $0.free } }
}
