import Bus
import HSSModel
import Synchronization
import Testing

/// An audit trail of three entries, which the test may break, and what it was told.
final class FakeAudit: AuditPoint {
    private struct State {
        var notes: [AuditNote] = []
        var tallied: [AuditNote] = []
        var isBroken = false
        var filters: [AuditFilter] = []
        var fault: AuditVerdict.Fault?
    }

    private let state = Mutex(State())

    var notes: [AuditNote] { state.withLock { $0.notes } }
    var tallied: [AuditNote] { state.withLock { $0.tallied } }
    var filters: [AuditFilter] { state.withLock { $0.filters } }
    func breakDown() { state.withLock { $0.isBroken = true } }
    func find(_ fault: AuditVerdict.Fault) { state.withLock { $0.fault = fault } }

    func record(_ note: AuditNote) async throws(AuditError) {
        let isBroken = state.withLock { state in
            if !state.isBroken { state.notes.append(note) }
            return state.isBroken
        }
        if isBroken { throw .unavailable("disk full") }
    }

    func tally(_ note: AuditNote) { state.withLock { $0.tallied.append(note) } }

    static let entries = (1...3).map { number in
        AuditEntry(
            id: Int64(number),
            note: AuditNote(
                at: WallTime(milliseconds: 1_763_700_000_000 + Int64(number)),
                user: number == 2 ? nil : UserName(unchecked: "root"),
                address: "192.0.2.1",
                action: "PATCH /admin/users/{user}",
                object: "anna",
                result: .done,
                detail: "disabled=true"
            ),
            hash: String(repeating: "\(number)", count: 64)
        )
    }

    func entries(
        _ filter: AuditFilter,
        before: AuditPlace?,
        limit: Int
    ) async throws(AuditError) -> [AuditEntry] {
        state.withLock { $0.filters.append(filter) }
        return Array(Self.entries.reversed().filter { $0.id < before?.id ?? .max }.prefix(limit))
    }

    func lines(after last: AuditHead?, limit: Int) async throws(AuditError) -> AuditLines? {
        let next = (last?.id ?? 0) + 1
        guard next <= 3 else { return nil }
        return AuditLines(text: "{\"id\":\(next)}\n", count: 1, last: AuditHead(id: next, hash: "\(next)"))
    }

    func head(before id: Int64) async throws(AuditError) -> AuditHead? {
        (1...4).contains(id) ? AuditHead(id: id - 1, hash: "") : nil
    }

    func verify(seen: AuditHead?) async throws(AuditError) -> AuditVerdict {
        AuditVerdict(
            entries: 3,
            first: 1,
            head: seen ?? AuditHead(id: 3, hash: String(repeating: "3", count: 64)),
            fault: state.withLock { $0.fault }
        )
    }
}

/// Issue 6: "audit trail": who, when, from where, what, how it went.
@Suite("The audit trail in the API") struct AuditAPITests {
    @Test func whatAnOperatorAsksForIsWrittenBeforeAndAfterIt() async throws {
        try await APIClient.run { api in
            let body = #"{"user":"carl","password":"a long password","role":"operator"}"#
            let answer = try await api.send("POST /admin/users", as: "root", body)
            #expect(answer.status == 201)
            let notes = api.audit.notes
            #expect(notes.map(\.result) == [.asked, .done])
            #expect(notes.map(\.action) == ["POST /admin/users", "POST /admin/users"])
            #expect(notes.last?.object == "carl" && notes.last?.detail == "role=operator")
            #expect(notes.allSatisfy { $0.user?.rawValue == "root" })
            #expect(!notes.contains { "\($0)".contains("a long password") })
        }
    }

    @Test func whatACustomerDidIsWrittenOnceAndReadingNever() async throws {
        try await APIClient.run { api in
            _ = try await api.send("GET /devices")
            #expect(api.audit.notes.isEmpty)
            #expect(try await api.send("POST /bindings").status == 201)
            #expect(api.audit.notes.map(\.action) == ["POST /bindings"])
            #expect(api.audit.notes.first?.user?.rawValue == "anna")
            #expect(api.audit.notes.first?.result == .done)
        }
    }

    @Test func refusalsNameTheirObjectAndStatus() async throws {
        try await APIClient.run { api in
            let status = try await api.send("DELETE /devices/none/binding").status
            // Counted together with those that are alike: a customer can cause as many as it likes.
            let note = try #require(api.audit.tallied.last)
            #expect(note.user?.rawValue == "anna")
            #expect(note.action == "DELETE /devices/{id}/binding" && note.object == "none")
            #expect(status >= 400 && note.result == .refused && note.detail.hasPrefix("\(status)"))
            // A customer who tries an operator's call.
            _ = try await api.send("POST /admin/users", #"{"user":"x","password":"a long password"}"#)
            #expect(api.audit.tallied.last?.result == .refused)
            #expect(api.audit.tallied.last?.detail == "role=customer 403")
            #expect(api.audit.notes.isEmpty)
            // An operator's is written each time.
            #expect(try await api.send("DELETE /devices/none/binding", as: "root").status >= 400)
            #expect(api.audit.notes.map(\.result) == [.asked, .refused])
        }
    }

    @Test func whereTheTrailCannotBeWrittenAnOperatorsCallDoesNothing() async throws {
        try await APIClient.run { api in
            api.audit.breakDown()
            let answer = try await api.send("DELETE /admin/devices/cam:1", as: "root")
            #expect(answer.status == 503 && answer.json.contains("urn:vedette:no-audit"))
            #expect(!api.neighbours.calls.contains { $0.hasPrefix("removeDevice") })
            // A customer's goes on: the trail will tell of the gap.
            #expect(try await api.send("POST /bindings").status == 201)
        }
    }

    @Test func loginsAreWrittenAndRefusalsCounted() async throws {
        try await APIClient.run { api in
            let right = #"{"user":"anna","password":"right"}"#
            let status = try await api.send("POST /session", as: nil, right).status
            #expect(status == 201)
            #expect(api.audit.notes.map(\.action) == ["session.opened"])
            #expect(api.audit.notes.first?.user?.rawValue == "anna")
            _ = try await api.send("POST /session", as: nil, #"{"user":"anna","password":"wrong"}"#)
            #expect(api.audit.tallied.map(\.action) == ["session.refused"])
            #expect(api.audit.tallied.first?.detail == "401")
            // Whoever is refused chose the name, or typed a password into its field.
            #expect(api.audit.tallied.first?.user == nil)
            #expect(api.audit.notes.count == 1)
        }
    }

    @Test func listsAreForOperatorsFilteredAndPaged() async throws {
        try await APIClient.run { api in
            for path in ["", "/verify", "/export"] {
                #expect(try await api.send("GET /admin/audit" + path).status == 403)
            }
            let query = "?user=root&action=a%20b&from=2026-11-21T08:00:00Z&to=2026-11-22T08:00:00Z&limit=2"
            let page = try await api.send("GET /admin/audit" + query, as: "root")
            #expect(page.status == 200)
            let item =
                #"{"action":"PATCH /admin/users/{user}","address":"192.0.2.1","at":"2025-11-21T04:40:00.003Z","#
                + #""detail":"disabled=true","hash":"\#(String(repeating: "3", count: 64))","id":3,"object":"anna","#
                + #""result":"done","user":"root"}"#
            #expect(page.json.contains(item), "\(page.json)")
            #expect(page.json.contains(#""next_cursor":"1763700000002~2""#))
            let filter = try #require(api.audit.filters.last)
            #expect(filter.user?.rawValue == "root" && filter.action == "a b")
            #expect(filter.from != nil && filter.to != nil)
            let rest = try await api.send("GET /admin/audit?limit=2&cursor=1763700000002~2", as: "root")
            #expect(rest.json.contains(#""id":1"#) && !rest.json.contains("next_cursor"))
            for wrong in ["user=no%20name", "from=yesterday", "cursor=x", "limit=0"] {
                #expect(try await api.send("GET /admin/audit?" + wrong, as: "root").status == 400)
            }
        }
    }

    @Test func theVerdictNamesTheEntry() async throws {
        try await APIClient.run { api in
            let fine = try await api.send("GET /admin/audit/verify", as: "root")
            #expect(fine.json.contains(#""entries":3,"first_id":1"#) && fine.json.contains(#""intact":true"#))
            api.audit.find(.changed(2))
            let found = try await api.send("GET /admin/audit/verify", as: "root")
            #expect(found.json.contains(#""fault":"changed","fault_id":2"#), "\(found.json)")
            #expect(try await api.send("GET /admin/audit/verify?id=3", as: "root").status == 400)
            let head = "id=7&hash=" + String(repeating: "A", count: 64)
            let seen = try await api.send("GET /admin/audit/verify?" + head, as: "root")
            #expect(
                seen.json.contains(#""head_id":7"#) && seen.json.contains(String(repeating: "a", count: 64))
            )
        }
    }

    @Test func theExportIsLinesInTheOrderOfTheTrail() async throws {
        try await APIClient.run { api in
            let all = try await api.send("GET /admin/audit/export", as: "root", plain: true)
            #expect(all.json == "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n")
            #expect(all.type == "application/x-ndjson")
            let part = try await api.send(
                "GET /admin/audit/export?from_id=2&limit=1",
                as: "root",
                plain: true
            )
            #expect(part.json == "{\"id\":2}\n")
            let end = try await api.send("GET /admin/audit/export?from_id=4", as: "root", plain: true)
            #expect(end.status == 200 && end.json.isEmpty)
            #expect(try await api.send("GET /admin/audit/export?from_id=9", as: "root").status == 400)
        }
    }
}
