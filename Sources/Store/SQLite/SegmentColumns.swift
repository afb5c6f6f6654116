import Foundation
import GRDB
import HSSModel

/// How the columns of a segment are written and read. A day is thousands of rows, so they are read by position, and the
/// texts of a session are made once.
struct SegmentReader {
    /// What ``row(_:)`` expects, of `segments` and its session.
    static let columns =
        "session_key, session_id, channel_id, start, duration_ms, size, discontinue, blob, state"
    /// The same with the checksum, which only checks want.
    static let allColumns = columns + ", sha256"

    private var sessions: [Int64: (RecordSessionID, ChannelID)] = [:]

    static func rows(
        _ database: Database,
        _ sql: String,
        _ arguments: StatementArguments
    ) throws -> [SegmentRow] {
        var reader = SegmentReader()
        var rows: [SegmentRow] = []
        let cursor = try Row.fetchCursor(database.cachedStatement(sql: sql), arguments: arguments)
        while let row = try cursor.next() { rows.append(try reader.row(row)) }
        return rows
    }

    private mutating func row(_ row: Row) throws -> SegmentRow {
        let (session, channel) = try session(row)
        guard let name = SegmentName(start: WallTime(milliseconds: try Self.number(row, 3))),
            let blob = StoredHexadecimal.text(of: row[7], octets: SegmentBlob.octets),
            let blob = SegmentBlob(rawValue: blob), let state = SegmentRowState(code: try Self.number(row, 8))
        else { throw Self.damaged }
        return SegmentRow(
            session: session,
            channel: channel,
            name: name,
            duration: .milliseconds(try Self.number(row, 4)),
            size: try Self.number(row, 5),
            discontinue: try Self.optionalNumber(row, 6).map { $0 != 0 },
            blob: blob,
            state: state,
            sha256: row.count > 9 ? StoredHexadecimal.text(of: row[9], octets: 32) : nil
        )
    }

    private mutating func session(_ row: Row) throws -> (RecordSessionID, ChannelID) {
        let key = try Self.number(row, 0)
        if let known = sessions[key] { return known }
        guard case .string(let id) = (row[1] as DatabaseValue).storage,
            case .string(let channel) = (row[2] as DatabaseValue).storage,
            let session = RecordSessionID(rawValue: id), let channel = ChannelID(rawValue: channel)
        else { throw Self.damaged }
        sessions[key] = (session, channel)
        return (session, channel)
    }

    private static func number(_ row: Row, _ index: Int) throws -> Int64 {
        guard let number = try optionalNumber(row, index) else { throw damaged }
        return number
    }

    private static func optionalNumber(_ row: Row, _ index: Int) throws -> Int64? {
        switch (row[index] as DatabaseValue).storage {
        case .int64(let number): number
        case .null: nil
        default: throw damaged
        }
    }

    private static var damaged: StoreError { .corrupt("unexpected value in a segment") }
}

extension SegmentRowState {
    var code: Int64 {
        switch self {
        case .created: 0
        case .saved: 1
        case .dropping: 2
        }
    }

    init?(code: Int64) {
        switch code {
        case 0: self = .created
        case 1: self = .saved
        case 2: self = .dropping
        default: return nil
        }
    }
}

extension SegmentBlob {
    /// Of what blobs are called (``BlobName``).
    static let octets = 16

    var stored: DatabaseValue { StoredHexadecimal.value(of: rawValue) }
}

/// Text of lower-case hexadecimal digits, which takes half of the place as octets. Other text stays what it is.
enum StoredHexadecimal {
    static func value(of text: String) -> DatabaseValue {
        let digits = text.utf8.compactMap { digit -> UInt8? in
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
            default: nil
            }
        }
        guard [32, 64].contains(text.utf8.count), digits.count == text.utf8.count else {
            return text.databaseValue
        }
        let octets = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
        return Data(octets).databaseValue
    }

    /// Nil for what is neither text nor this many octets.
    static func text(of value: DatabaseValue, octets count: Int) -> String? {
        switch value.storage {
        case .string(let text): text
        case .blob(let data) where data.count == count:
            String(unsafeUninitializedCapacity: 2 * count) { buffer in
                for (index, octet) in data.enumerated() {
                    buffer[2 * index] = digit(octet >> 4)
                    buffer[2 * index + 1] = digit(octet & 15)
                }
                return 2 * count
            }
        default: nil
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
