import GRDB
import HSSModel

/// A row whose values are checked: GRDB traps on a value of another type, and a damaged or edited file is
/// not a bug of ours.
struct StoredRow {
    private let row: Row

    static func fetchAll(
        _ database: Database,
        _ sql: String,
        _ arguments: StatementArguments = []
    ) throws -> [StoredRow] {
        try Row.fetchAll(database.cachedStatement(sql: sql), arguments: arguments).map(StoredRow.init)
    }

    static func fetchOne(
        _ database: Database,
        _ sql: String,
        _ arguments: StatementArguments
    ) throws -> StoredRow? {
        try Row.fetchOne(database.cachedStatement(sql: sql), arguments: arguments).map(StoredRow.init)
    }

    func text(_ column: String) throws -> String {
        guard let text = try optionalText(column) else { throw damaged(column) }
        return text
    }

    func optionalText(_ column: String) throws -> String? {
        switch row.databaseValue(column)?.storage {
        case .string(let text): text
        case .null: nil
        default: throw damaged(column)
        }
    }

    func int64(_ column: String) throws -> Int64 {
        guard let number = try optionalInt64(column) else { throw damaged(column) }
        return number
    }

    func optionalInt64(_ column: String) throws -> Int64? {
        switch row.databaseValue(column)?.storage {
        case .int64(let number): number
        case .null: nil
        default: throw damaged(column)
        }
    }

    func integer(_ column: String) throws -> Int {
        Int(try int64(column))
    }

    func flag(_ column: String) throws -> Bool {
        try int64(column) != 0
    }

    func time(_ column: String) throws -> WallTime {
        WallTime(milliseconds: try int64(column))
    }

    func optionalTime(_ column: String) throws -> WallTime? {
        try optionalInt64(column).map(WallTime.init(milliseconds:))
    }

    func rights(_ column: String) throws -> Rights {
        Rights(rawValue: try integer(column)).intersection(.owner)
    }

    func identifier<Identifier: TextIdentifier>(
        _ column: String,
        as type: Identifier.Type = Identifier.self
    ) throws -> Identifier {
        guard let identifier = Identifier(rawValue: try text(column)) else { throw damaged(column) }
        return identifier
    }

    func optionalIdentifier<Identifier: TextIdentifier>(
        _ column: String,
        as type: Identifier.Type = Identifier.self
    ) throws -> Identifier? {
        try optionalText(column) == nil ? nil : try identifier(column)
    }

    func role(_ column: String) throws -> Role {
        guard let role = Role(rawValue: try text(column)) else { throw damaged(column) }
        return role
    }

    private func damaged(_ column: String) -> StoreError {
        .corrupt("unexpected value in column \(column)")
    }
}

extension Row {
    fileprivate func databaseValue(_ column: String) -> DatabaseValue? {
        self[column] as DatabaseValue?
    }
}

extension Database {
    /// Runs a statement that is prepared once for each connection.
    func run(_ sql: String, _ arguments: StatementArguments) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }

    /// Whether the statement finds a row.
    func finds(_ sql: String, _ arguments: StatementArguments) throws -> Bool {
        try Row.fetchOne(cachedStatement(sql: sql), arguments: arguments) != nil
    }

    func count(_ sql: String, _ arguments: StatementArguments = []) throws -> Int {
        try Int.fetchOne(cachedStatement(sql: sql), arguments: arguments) ?? 0
    }
}
