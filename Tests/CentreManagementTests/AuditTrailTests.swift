import Bus
import CentreManagement
import Foundation
import HSSModel
import HostClock
import ServerKit
import Store
import Synchronization
import Testing

/// Issue 6, "audit trail (append-only, chained hashes, verifiable, exportable)".
@Suite("Writing the audit trail") struct AuditTrailTests {
    /// A store that fails when it is told to, and shows how entries came together.
    private final class Paper: AuditStore {
        private struct State {
            var fails = false
            var isOpen = true
            var batches: [[String]] = []
            var gate: [CheckedContinuation<Void, Never>] = []
        }

        private let state = Mutex(State())
        private let store: SQLiteStore

        init(_ store: SQLiteStore) { self.store = store }

        var batches: [[String]] { state.withLock { $0.batches } }
        func fail(_ fails: Bool) { state.withLock { $0.fails = fails } }

        /// The next commits wait.
        func shut() { state.withLock { $0.isOpen = false } }

        var isWaiting: Bool { state.withLock { !$0.gate.isEmpty } }

        func open() {
            let gate = state.withLock { state in
                defer { state.gate = [] }
                state.isOpen = true
                return state.gate
            }
            for waiter in gate { waiter.resume() }
        }

        func append(_ notes: [AuditNote]) async throws(StoreError) -> AuditHead {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLock { state in
                    if !state.isOpen { state.gate.append(continuation) }
                    return state.isOpen
                }
                if isOpen { continuation.resume() }
            }
            let fails = state.withLock { state in
                if !state.fails { state.batches.append(notes.map(\.action)) }
                return state.fails
            }
            guard !fails else { throw .unavailable("disk full") }
            return try await store.append(notes)
        }

        func auditEntries(
            _ filter: AuditFilter,
            before: AuditPlace?,
            limit: Int
        ) async throws(StoreError) -> [AuditEntry] {
            try await store.auditEntries(filter, before: before, limit: limit)
        }
        func auditTrail(after: Int64, limit: Int) async throws(StoreError) -> [AuditEntry] {
            try await store.auditTrail(after: after, limit: limit)
        }
        func auditAnchor() async throws(StoreError) -> AuditHead { try await store.auditAnchor() }
        func auditHead() async throws(StoreError) -> AuditHead { try await store.auditHead() }
        func pruneAudit(
            before time: WallTime,
            keeping most: Int,
            limit: Int,
            at now: WallTime
        ) async throws(StoreError) -> Int {
            try await store.pruneAudit(before: time, keeping: most, limit: limit, at: now)
        }
    }

    private static func run(
        _ settings: AuditTrail.Settings = .init(),
        _ body: (AuditTrail, Paper, MetricRegistry) async throws -> Void
    ) async throws {
        try await Centre.run { centre in
            let paper = Paper(centre.store)
            let trail = AuditTrail(
                store: paper,
                settings: settings,
                metrics: centre.metrics,
                logger: Centre.logger
            )
            try await body(trail, paper, centre.metrics)
        }
    }

    private static func note(_ action: String, at time: WallTime = .now) -> AuditNote {
        AuditNote(at: time, user: UserName(unchecked: "admin"), address: "::1", action: action, result: .done)
    }

    @Test func whatComesMeanwhileGoesTogetherInTheNextCommit() async throws {
        try await Self.run { trail, paper, metrics in
            paper.shut()
            async let first: Void = trail.record(Self.note("first"))
            while !paper.isWaiting { await Task.yield() }
            for _ in 0..<50 { trail.tally(Self.note("like")) }
            for number in 0..<50 { trail.tally(Self.note("other-\(number)")) }
            paper.open()
            try await first
            try await trail.record(Self.note("last"))
            #expect(paper.batches.first == ["first"])
            #expect(paper.batches.flatMap { $0 }.count == 53)
            #expect(paper.batches.count <= 3, "\(paper.batches.map(\.count))")
            #expect(trail.head.id == 53)
            #expect(metrics.exposition().contains("\nvedette_audit_head 53.0\n"))
            #expect(try await trail.verify(seen: trail.head).fault == nil)
        }
    }

    @Test func whatCannotBeWrittenIsRefusedAndToldLater() async throws {
        try await Self.run { trail, paper, metrics in
            paper.fail(true)
            await #expect(throws: AuditError.self) { try await trail.record(Self.note("a")) }
            await #expect(throws: AuditError.self) { try await trail.record(Self.note("b")) }
            paper.fail(false)
            try await trail.record(Self.note("c"))
            let entries = try await trail.entries(AuditFilter(), before: nil, limit: 10)
            #expect(entries.map(\.note.action) == ["c", "audit.lost"])
            #expect(entries.last?.note.detail == "2 entries could not be written")
            #expect(metrics.exposition().contains("\nvedette_audit_lost_total 2\n"))
        }
    }

    @Test func whatIsOldIsPrunedAndTheTrailStaysWhole() async throws {
        var settings = AuditTrail.Settings()
        settings.retention = .seconds(3600)
        try await Self.run(settings) { trail, paper, _ in
            for _ in 0..<5 { try await trail.record(Self.note("old", at: .now + .seconds(-7200))) }
            try await trail.record(Self.note("new"))
            let before = trail.head
            await trail.upkeep(prunes: true, tells: true)
            let verdict = try await trail.verify(seen: before)
            #expect(verdict.fault == nil && verdict.first == 6 && verdict.entries == 2)
            let lines = try #require(try await trail.lines(after: nil, limit: 10))
            #expect(lines.count == 2 && lines.last == trail.head)
            #expect(try await trail.lines(after: lines.last, limit: 10) == nil)
            // From an entry that is kept, and not from one that is gone.
            #expect(try await trail.head(before: 6)?.id == 5)
            #expect(try await trail.head(before: 7) == before)
            #expect(try await trail.head(before: 8) == trail.head)
            #expect(try await trail.head(before: 5) == nil)
            #expect(try await trail.head(before: 9) == nil)
        }
    }

    @Test func anExportIsWhatTheInspectorOfFilesReads() async throws {
        try await Self.run { trail, paper, _ in
            for number in 0..<1203 { trail.tally(Self.note("call-\(number)")) }
            try await trail.record(Self.note("last"))
            var (inspector, last) = (AuditLineInspector(seen: trail.head), AuditHead?.none)
            while let lines = try await trail.lines(after: last, limit: 1000) {
                for line in lines.text.split(separator: "\n") {
                    let isFine = inspector.look(at: Array((line + "\n").utf8))
                    #expect(isFine)
                }
                last = lines.last
            }
            let verdict = inspector.end()
            #expect(verdict.fault == nil && verdict.entries == 1204)
        }
    }

    @Test func refusedUnitsAndBindingsAreTold() async throws {
        try await Centre.run { centre in
            let notes = Mutex<[AuditNote]>([])
            centre.registry.onAudit { note in notes.withLock { $0.append(note) } }
            let anna = try await centre.customer("anna")
            let device = try await centre.device("cam-1")
            await #expect(throws: AdmissionError.self) {
                _ = try await centre.registry.admit(UnitLogin("cam-1", Secret("wrong")))
            }
            await #expect(throws: AdmissionError.self) {
                _ = try await centre.registry.admit(UnitLogin("no such unit\n", Secret("wrong")))
            }
            try await centre.bind(device, to: anna)
            let seen = notes.withLock { $0 }
            #expect(seen.map(\.action) == ["unit.refused", "unit.refused", "device.bound"])
            #expect(seen.map(\.object) == ["cam-1", "", "cam-1"])
            #expect(seen.map(\.result) == [.refused, .refused, .done])
            #expect(seen.last?.user == anna.user)
        }
    }
}
