import ArgumentParser
import CustomerUnit
import FoundationEssentials
import HSSModel
import ServerKit
import Store

extension AdminCommand {
    struct Audit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show, check and export the audit trail.",
            subcommands: [List.self, Verify.self, Export.self]
        )

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "List who did what, the newest first.",
                discussion:
                    "An action is a call, such as 'PATCH /admin/users/{user}', or a word, such as session.refused."
            )

            @Option(name: .long, help: "Of this user alone.") var user: String?
            @Option(name: .long, help: "Of this action alone.") var action: String?
            @Option(name: .long, help: "Since this time, such as 2026-11-21T08:00:00Z.") var from:
                TimeArgument?
            @Option(name: .long, help: "Until this time.") var to: TimeArgument?
            @Option(name: .long, help: "As many at most; 50 without it.") var limit = 50
            @OptionGroup var session: SessionOptions

            func validate() throws {
                guard (1...100_000).contains(limit) else {
                    throw ValidationError("--limit: expected 1 to 100000")
                }
            }

            func run() async throws {
                let parts = [
                    ("user", user), ("action", action.map(PercentCoding.encode)),
                    ("from", from?.time.rfc3339Exact),
                    ("to", to?.time.rfc3339Exact),
                ]
                let query = parts.compactMap { name, value in value.map { "\(name)=\($0)" } }.joined(
                    separator: "&"
                )
                let entries: [AuditEntryAnswer] = try await session.withClient { client in
                    try await client.first(limit, of: "/admin/audit?" + query)
                }
                guard !session.json else { return try Terminal.printJSON(entries) }
                Terminal.printTable(
                    ["ID", "TIME", "USER", "FROM", "RESULT", "ACTION", "OBJECT", "DETAIL"],
                    entries.map {
                        [
                            String($0.id), $0.at, $0.user ?? "-", $0.address, $0.result, $0.action,
                            $0.object.isEmpty ? "-" : $0.object, $0.detail,
                        ]
                    }
                )
            }
        }

        struct Verify: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Check that no entry was changed or taken away.",
                discussion: """
                    Without FILE the platform looks through its trail; with FILE an exported trail is checked here, \
                    without a platform. --head ID:HASH is an end of the trail that was noted earlier, from the log or an \
                    export: the trail must still have it. Ends with 1 where something is wrong, and names the entry.
                    """
            )

            @Argument(help: "Exported trail (NDJSON).") var file: String?
            @Option(name: .long, help: "ID:HASH of an entry that the trail must have.") var head:
                HeadArgument?
            @OptionGroup var session: SessionOptions

            func run() async throws {
                let verdict =
                    if let file { try AuditFile.verify(file, seen: head?.head) } else { try await ask() }
                if session.json { try Terminal.printJSON(verdict) }
                guard verdict.intact else { throw Failure(verdict.text) }
                if !session.json { print(verdict.text) }
            }

            private func ask() async throws -> AuditVerdictAnswer {
                let query = head.map { "?id=\($0.head.id)&hash=\($0.head.hash)" } ?? ""
                return try await session.withClient { try await $0.call(.get, "/admin/audit/verify" + query) }
            }
        }

        struct Export: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Write the trail into a file, one JSON object a line.",
                discussion:
                    "A file that is there goes on behind its last entry, once it was found to be whole."
            )

            @Option(name: .shortAndLong, help: "File to write, or to go on with.") var output: String
            @OptionGroup var session: SessionOptions

            func run() async throws {
                let known = try AuditFile.end(of: output)
                let file = try AuditFile(appendingTo: output)
                let line = ProgressLine(isQuiet: session.json)
                defer { line.end() }
                let written = try await session.withClient { client in
                    var (next, count) = (known.map { $0.id &+ 1 }, 0)
                    while true {
                        let path = "/admin/audit/export?limit=1000" + (next.map { "&from_id=\($0)" } ?? "")
                        let page = try await client.bytes(.get, path)
                        guard !page.isEmpty else { return count }
                        try file.append(page)
                        let lines = String(decoding: page, as: UTF8.self).split(separator: "\n")
                        guard let last = lines.last.flatMap({ AuditLine($0) }) else {
                            throw Failure("the platform sent something else than lines of an audit trail")
                        }
                        count += lines.count
                        next = last.entry.id &+ 1
                        line.show("\(count) entries")
                    }
                }
                try file.sync()
                line.end()
                if session.json {
                    try Terminal.printJSON(["file": output, "entries": "\(written)"])
                } else {
                    print("\(output): \(written) entries")
                }
            }
        }
    }
}

/// `ID:HASH`
struct HeadArgument: ExpressibleByArgument {
    let head: AuditHead

    init?(argument: String) {
        let parts = argument.split(separator: ":")
        guard parts.count == 2, let id = Int64(parts[0]), id > 0, parts[1].utf8.count == 64,
            parts[1].allSatisfy(\.isHexDigit)
        else { return nil }
        head = AuditHead(id: id, hash: parts[1].lowercased())
    }
}

/// One item of `GET /admin/audit`.
private struct AuditEntryAnswer: Codable, Sendable {
    var id: Int64
    var at: String
    var user: String?
    var address: String
    var action: String
    var object: String
    var result: String
    var detail: String
    var hash: String
}

/// `GET /admin/audit/verify`, and the same of a file.
struct AuditVerdictAnswer: Codable, Sendable {
    var intact: Bool
    var entries: Int64
    var firstId: Int64?
    var headId: Int64
    var headHash: String
    var fault: String?
    var faultId: Int64?
    /// Of a file.
    var faultLine: Int?

    init(_ verdict: AuditVerdict, line: Int?) {
        faultLine = line
        intact = verdict.fault == nil
        entries = verdict.entries
        firstId = verdict.entries > 0 ? verdict.first : nil
        headId = verdict.head.id
        headHash = verdict.head.hash
        faultId = verdict.fault?.entry
        fault =
            switch verdict.fault {
            case .changed: "changed"
            case .missing: "missing"
            case .truncated: "truncated"
            case .otherHead: "other-head"
            case nil: nil
            }
    }

    var text: String {
        let place = faultLine.map { "line \($0): " } ?? ""
        let id = faultId.map(String.init) ?? ""
        return place + problem(id)
    }

    private func problem(_ id: String) -> String {
        switch fault {
        case nil:
            entries == 0
                ? "the trail is empty"
                : "\(entries) entries are as they were written; head \(headId):\(headHash)"
        case "changed": "entry \(id) is not as it was written"
        case "missing": "entry \(id) is missing"
        case "truncated": "the trail ends before entry \(id): its end was taken away"
        case "other-head": "entry \(id) is another one than the given head"
        case let other?: "entry \(id): \(other)"
        }
    }
}

private struct AuditPage<Item: Codable & Sendable>: Codable, Sendable {
    var items: [Item]
    var nextCursor: String?
}

extension PlatformClient {
    /// The first `count` items of a list.
    fileprivate func first<Item: Codable & Sendable>(
        _ count: Int,
        of path: String
    ) async throws -> [Item] {
        var items: [Item] = []
        var cursor: String?
        repeat {
            let next = cursor.map { "&cursor=\($0)" } ?? ""
            let page: AuditPage<Item> = try await call(
                .get,
                "\(path)&limit=\(min(200, count - items.count))\(next)"
            )
            items += page.items
            cursor = page.nextCursor
        } while cursor != nil && items.count < count
        return items
    }
}
