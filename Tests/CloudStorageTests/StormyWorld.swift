import Blobs
import HSSModel
import HostClock
import ServerKit
import Store
import Synchronization
import TestSupport
import Testing
import Vr

@testable import CloudStorage

/// One unit that repeats, reorders and contradicts itself, and a storage whose process dies again and again.
final class StormyWorld {
    /// Both clocks, moved by hand.
    private final class Clocks: Sendable {
        private let moment = Mutex(RecordMoment(instant: .now, clock: .now))

        var now: RecordMoment { moment.withLock { $0 } }

        func pass(_ duration: Duration) {
            moment.withLock {
                $0.instant = $0.instant + duration
                $0.clock = $0.clock + duration
            }
        }
    }

    private static let names = (1...4).map { StorageBench.name($0) }
    private static let folder = "/disk"
    private static let area = folder + "/segments"

    private let store: SQLiteStore
    private let disk: ForgetfulDisk
    private let key: RecordKey
    private let session: RecordSessionID
    private let seed: UInt64
    private let deaths: Int
    private let faults: Int
    private let clocks = Clocks()
    private let target: String
    private var random: SeededGenerator
    private var life = Life()
    private var mortal: MortalStore
    private var storage: RecordStorage
    private var isCalm = false
    private var addresses: [SegmentName: String] = [:]
    /// What is said to lie there of a broken upload.
    private var offsets: [SegmentName: Int64] = [:]
    private var wanted: Set<SegmentName> = []
    /// Answered `fail`, and nothing was asked of them since.
    private var failed: Set<SegmentName> = []

    private(set) var crashes = 0
    /// Saves that were answered with 200.
    private(set) var acknowledged: Set<SegmentName> = []

    init(_ store: SQLiteStore, seed: UInt64) async throws {
        self.store = store
        self.seed = seed
        random = SeededGenerator(seed: seed)
        deaths = Int.random(in: 2...25, using: &random)
        faults = Int.random(in: 0...60, using: &random)
        disk = ForgetfulDisk(seed: seed, deaths: deaths, faults: faults)
        key = try StorageBench.makeKey()
        session = RecordSessionID(unchecked: "world-\(seed)")
        _ = try await store.beginRecordSession(session, of: StorageBench.channel, at: .now)
        let address = RecordAddress(channel: StorageBench.channelID, session: session)
        let origin = "https://h"
        target = String((address.url(at: origin, key: key)?.reveal() ?? "").dropFirst(origin.utf8.count))
        mortal = MortalStore(store, seed: seed ^ 0x5707e, deaths: deaths, faults: faults, life: life)
        storage = Self.storage(mortal, store, ForgetfulFiles(disk, life: life), key, clocks)
        try await start()
    }

    private static func storage(
        _ mortal: MortalStore,
        _ store: SQLiteStore,
        _ files: ForgetfulFiles,
        _ key: RecordKey,
        _ clocks: Clocks
    ) -> RecordStorage {
        var settings = RecordStorageSettings(origins: UploadOrigins(secure: "https://h"))
        settings.session.confirmWithin = .seconds(60)
        return RecordStorage(
            settings: settings,
            key: key,
            stores: RecordStores(
                sessions: mortal,
                segments: mortal,
                devices: store,
                files: SegmentFiles(folder: folder, files: files)
            ),
            clock: RecordClock { clocks.now },
            metrics: MetricRegistry(),
            logger: StorageBench.logger
        )
    }

    static func content(_ name: SegmentName, _ size: Int64) -> [UInt8] {
        (0..<size).map {
            UInt8(truncatingIfNeeded: name.start.milliseconds / 1000 * 31 + size * 7 + $0 + 1)
        }
    }

    // MARK: The unit

    func run(_ steps: Int) async throws {
        for _ in 0..<steps {
            let isPair = Int.random(in: 0..<4, using: &random) == 0
            let (first, second) = (plan(), isPair ? plan() : nil)
            let (storage, target) = (storage, target)
            // Two at once: the second may overtake the first.
            async let one = Self.perform(first, storage, target)
            async let two = Self.perform(second, storage, target)
            if let answer = await one { hear(answer, first, isAlone: !isPair) }
            if let second, let answer = await two { hear(answer, second, isAlone: false) }
            if Int.random(in: 0..<30, using: &random) == 0 { clocks.pass(.seconds(20)) }
            await storage.wakeSessions()
            if life.isOver { try await crash() }
        }
    }

    /// No more faults, and every time limit passes: what is left is what counts.
    func settle() async throws {
        disk.calm()
        mortal.calm()
        isCalm = true
        for _ in 0..<6 {
            clocks.pass(.seconds(100))
            await storage.wakeSessions()
            await rest()
        }
        try await check("in the end")
        let rows = try await rows()
        #expect(rows.allSatisfy { $0.state == .saved }, "seed \(seed): \(rows)")
        let left = disk.files(below: Self.area)
        #expect(left.count == rows.count, "seed \(seed): \(left)")
        #expect(storage.table.held.isEmpty, "seed \(seed)")
    }

    fileprivate struct Deed: Sendable {
        enum Kind: Sendable {
            case create(size: Int64, confirming: SegmentName?)
            case put(String, size: Int64, from: Int64, reaches: Int64)
            case save, fail
        }

        var name: SegmentName
        var kind: Kind
    }

    private func plan() -> Deed {
        let index = Int.random(in: 0..<Self.names.count, using: &random)
        let name = Self.names[index]
        failed.remove(name)
        var kind: Deed.Kind
        switch Int.random(in: 0..<10, using: &random) {
        case 0...3:
            let confirms = index > 0 && Bool.random(using: &random) ? Self.names[index - 1] : nil
            if let confirms {
                failed.remove(confirms)
                wanted.insert(confirms)
            }
            let size: Int64 = Int.random(in: 0..<8, using: &random) == 0 ? 96 : 64
            kind = .create(size: size, confirming: confirms)
        case 4...6:
            guard let address = addresses[name] else { fallthrough }
            let size = Int64(address.split(separator: "size=").last?.prefix { $0 != "&" } ?? "") ?? 0
            let from = Bool.random(using: &random) ? min(offsets[name] ?? 0, size - 1) : 0
            let breaks = Int.random(in: 0..<4, using: &random) == 0
            let reaches = breaks ? Int64.random(in: from...size, using: &random) : size
            kind = .put(address, size: size, from: from, reaches: reaches)
        case 7...8:
            wanted.insert(name)
            kind = .save
        default: kind = .fail
        }
        return Deed(name: name, kind: kind)
    }

    @concurrent
    private static func perform(
        _ deed: Deed?,
        _ storage: RecordStorage,
        _ target: String
    ) async -> SegmentAnswer? {
        guard let deed else { return nil }
        let request: SegmentRequest
        switch deed.kind {
        case .put(let address, let size, let from, let reaches):
            let bytes = content(deed.name, size)[Int(from)..<Int(reaches)]
            let half = bytes.count / 2
            let range = UploadRange(offset: from, size: size)
            return await storage.upload(
                to: address,
                range: from > 0 ? range.header : nil,
                length: range.count,
                Body(pieces: [Array(bytes.prefix(half)), Array(bytes.dropFirst(half))])
            )
        case .create(let size, let confirming):
            request = StorageBench.create(deed.name, size: size, confirming: confirming?.description)
        case .save: request = .save(name: deed.name.description)
        case .fail: request = .fail(name: deed.name.description)
        }
        return await storage.answer(to: target, Array(request.body.utf8))
    }

    /// What a dead process said was not heard.
    private func hear(_ answer: SegmentAnswer, _ deed: Deed, isAlone: Bool) {
        guard !life.isOver else { return }
        let name = deed.name
        switch (deed.kind, answer) {
        case (.create(_, let confirming), .place(let place)):
            if let confirming { acknowledged.insert(confirming) }
            addresses[name] = place.map { String($0.url.reveal().dropFirst("https://h".utf8.count)) }
        case (.put, .failure(.incomplete(let received, _))): offsets[name] = received
        case (.put, .failure(.wrongOffset(let expected))): offsets[name] = expected
        case (.put, _): offsets[name] = nil
        case (.save, .none): acknowledged.insert(name)
        case (.fail, .none): if isAlone { failed.insert(name) }
        default: break
        }
    }

    // MARK: The end of a process

    private func rest() async {
        for id in storage.table.held { await storage.table.withHeld(id) { await $0.rest() } }
    }

    private func crash() async throws {
        crashes += 1
        await rest()
        disk.stop(by: Bool.random(using: &random) ? .powerCut : .kill)
        try await check("after crash \(crashes)")
        addresses = [:]
        offsets = [:]
        life = Life()
        mortal = MortalStore(
            store,
            seed: seed &* 1000 &+ UInt64(crashes),
            deaths: deaths,
            faults: faults,
            life: life
        )
        storage = Self.storage(mortal, store, ForgetfulFiles(disk, life: life), key, clocks)
        try await start()
    }

    /// A start may fail, and the process may die in it.
    private func start() async throws {
        do {
            try await storage.start()
            await storage.dropOrphans()
        } catch {
            life.end()
        }
        if life.isOver { try await crash() }
    }

    private func rows() async throws -> [SegmentRow] {
        try await store.segments(Self.names, of: session)
    }

    private func bytes(_ blob: SegmentBlob) -> [UInt8]? {
        disk.bytes("\(Self.area)/\(blob.rawValue.prefix(2))/\(blob.rawValue)")
    }

    /// Nothing acknowledged is lost; nothing counts that nobody asked to save; what counts is whole; no bytes are without a
    /// row; what was failed does not come back.
    private func check(_ when: String) async throws {
        let rows = try await rows()
        for name in acknowledged where !rows.contains(where: { $0.name == name && $0.state == .saved }) {
            Issue.record("seed \(seed): \(name) is lost, \(when)")
        }
        for row in rows where row.state == .saved {
            if !wanted.contains(row.name) {
                Issue.record("seed \(seed): \(row.name) counts unasked, \(when)")
            }
            if bytes(row.blob) != Self.content(row.name, row.size) {
                Issue.record("seed \(seed): \(row.name) is damaged, \(when)")
            }
            if row.sha256 == nil { Issue.record("seed \(seed): \(row.name) has no checksum, \(when)") }
        }
        for row in rows where failed.contains(row.name) && row.state != .dropping {
            Issue.record("seed \(seed): \(row.name) is back, \(when)")
        }
        let known = Set(rows.map(\.blob.rawValue))
        let blobs = disk.files(below: Self.area).filter { !$0.hasSuffix(".part") }
        for path in blobs where !known.contains(String(path.suffix(32))) {
            Issue.record("seed \(seed): \(path) has no row, \(when)")
        }
    }
}
