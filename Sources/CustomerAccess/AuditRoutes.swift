import Bus
import HSSModel
import HTTPTypes
import Hummingbird
import NIOCore
import ServerKit

extension CustomerAPI {
    /// `GET /admin/audit`, `/admin/audit/verify` and `/admin/audit/export`: who did what, for operators.
    func addAuditRoutes(to api: RouterGroup<PlatformContext>, _ audit: any AuditPoint) {
        let admin = api.group("admin/audit")
        admin.get { request, context in
            try Self.requireOperator(context)
            return try await auditing { try await auditPage(request, audit) }
        }
        admin.get("verify") { request, context in
            try Self.requireOperator(context)
            return try await auditing {
                let verdict = try await audit.verify(seen: try Self.seenHead(request))
                return try JSONBody.answer(AuditVerdictBody(verdict))
            }
        }
        admin.get("export") { request, context in
            try Self.requireOperator(context)
            return try await auditing { try await export(request, audit) }
        }
    }

    /// No entry has a longer one.
    private static let longestAction = 200

    private func auditing(_ body: () async throws -> Response) async throws -> Response {
        do { return try await answering(body) } catch let error as AuditError { throw error.problem }
    }

    private func auditPage(_ request: Request, _ audit: any AuditPoint) async throws -> Response {
        let query = request.uri.queryParameters
        let limit = try limitOf(request)
        guard (query["action"]?.unicodeScalars.count ?? 0) <= Self.longestAction else {
            throw ManagementError.invalid(field: "action", "expected up to \(Self.longestAction) characters")
        }
        var filter = AuditFilter(
            action: query["action"].map(String.init),
            from: try Self.time("from", of: request),
            to: try Self.time("to", of: request)
        )
        if let text = query["user"].map(String.init) {
            // Nobody else can have an entry.
            guard let user = UserName(rawValue: text) else {
                throw ManagementError.invalid(field: "user", "expected a user name")
            }
            filter.user = user
        }
        let before = try query["cursor"].map { text in
            guard let place = AuditPlace(cursor: String(text)) else { throw Self.wrongCursor }
            return place
        }
        let entries = try await audit.entries(filter, before: before, limit: limit + 1)
        return try JSONBody.answer(
            PageBody(
                items: entries.prefix(limit).map { AuditEntryBody($0) },
                nextCursor: entries.count > limit ? entries[limit - 1].cursor : nil
            )
        )
    }

    private func export(_ request: Request, _ audit: any AuditPoint) async throws -> Response {
        var start: AuditHead?
        if let text = request.uri.queryParameters["from_id"].map(String.init) {
            guard let id = Int64(text), id > 0, let head = try await audit.head(before: id) else {
                throw ManagementError.invalid(field: "from_id", "expected the id of an entry that is kept")
            }
            start = head
        }
        let limitText = request.uri.queryParameters["limit"].map(String.init)
        guard let limit = limitText.map({ Int($0) }) ?? Int.max, limit > 0 else {
            throw ManagementError.invalid(field: "limit", "expected 1 or more")
        }
        // What fails, fails with a status.
        let first = try await audit.lines(after: start, limit: limit)
        return Response(
            status: .ok,
            headers: [
                .contentType: "application/x-ndjson", .cacheControl: "no-store",
                .contentDisposition: "attachment; filename=\"audit.ndjson\"",
            ],
            body: ResponseBody { writer in
                var (next, left) = (first, limit)
                while let lines = next {
                    try await writer.write(ByteBuffer(string: lines.text))
                    left -= lines.count
                    guard left > 0 else { break }
                    next = try await audit.lines(after: lines.last, limit: left)
                }
                try await writer.finish(nil)
            }
        )
    }

    /// `id` and `hash`: an end of the trail that was noted earlier.
    private static func seenHead(_ request: Request) throws -> AuditHead? {
        let query = request.uri.queryParameters
        guard query["id"] != nil || query["hash"] != nil else { return nil }
        guard let id = query["id"].flatMap({ Int64($0) }), id > 0 else {
            throw ManagementError.invalid(field: "id", "expected the number of an entry")
        }
        guard let hash = query["hash"].map(String.init), hash.utf8.count == AuditHead.none.hash.utf8.count,
            hash.allSatisfy(\.isHexDigit)
        else { throw ManagementError.invalid(field: "hash", "expected 64 hexadecimal digits") }
        return AuditHead(id: id, hash: hash.lowercased())
    }
}

struct AuditEntryBody: Encodable {
    var id: Int64
    var at: String
    var user: String?
    var address: String
    var action: String
    var object: String
    var result: String
    var detail: String
    var hash: String

    init(_ entry: AuditEntry) {
        id = entry.id
        at = entry.note.at.rfc3339Exact
        user = entry.note.user?.rawValue
        address = entry.note.address
        action = entry.note.action
        object = entry.note.object
        result = entry.note.result.rawValue
        detail = entry.note.detail
        hash = entry.hash
    }
}

struct AuditVerdictBody: Encodable {
    var intact: Bool
    var entries: Int64
    /// The oldest entry that is kept.
    var firstId: Int64?
    var headId: Int64
    var headHash: String
    var fault: String?
    /// The first entry that is not as it was written.
    var faultId: Int64?

    init(_ verdict: AuditVerdict) {
        intact = verdict.fault == nil
        entries = verdict.entries
        firstId = verdict.entries > 0 ? verdict.first : nil
        headId = verdict.head.id
        headHash = verdict.head.hash
        fault = verdict.fault?.word
        faultId = verdict.fault?.entry
    }
}

extension AuditVerdict.Fault {
    fileprivate var word: String {
        switch self {
        case .changed: "changed"
        case .missing: "missing"
        case .truncated: "truncated"
        case .otherHead: "other-head"
        }
    }
}

extension AuditEntry {
    fileprivate var cursor: String { "\(note.at.milliseconds)~\(id)" }
}

extension AuditPlace {
    fileprivate init?(cursor: String) {
        let parts = cursor.split(separator: "~").map { Int64($0) }
        guard parts.count == 2, let at = parts[0], let id = parts[1] else { return nil }
        self.init(at: WallTime(milliseconds: at), id: id)
    }
}
