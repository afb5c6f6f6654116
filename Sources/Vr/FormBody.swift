internal import HSSModel

/// A body of the form `application/x-www-form-urlencoded`, as Vr requests have it (Tables I.3-1 to I.3-5).
///
/// Fields may come in any order, and their names in any letter case: Table I.3-5 writes `Dropped_nb` in one row and
/// `dropped_nb` in the next.
package struct FormBody: Sendable, Equatable {
    /// The longest request of the tables has 150 bytes.
    package static let longest = 2048
    package static let mostFields = 32

    /// In the order of the text, names in lower case.
    private var fields: [(name: String, value: String)] = []

    package init() {}

    /// Reads what arrived. A field given twice is refused: what stands between could take the other one.
    package init(parsing bytes: some Collection<UInt8>) throws(RecordFailure) {
        guard bytes.count <= Self.longest else { throw .requestTooLong }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .malformedForm }
        for pair in text.split(separator: "&") {
            guard fields.count < Self.mostFields else { throw .requestTooLong }
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decode(parts[0]), let value = Self.decode(parts.count > 1 ? parts[1] : "")
            else { throw .malformedForm }
            let lowered = name.lowercased()
            guard self[lowered] == nil else { throw .repeatedField }
            fields.append((lowered, value))
        }
    }

    /// The value of a field; nil where it is absent.
    package subscript(name: String) -> String? {
        fields.first { $0.name == name }?.value
    }

    package mutating func append(_ name: String, _ value: String) {
        fields.append((name, value))
    }

    package var text: String {
        fields.map { "\(PercentCoding.encode($0.name))=\(PercentCoding.encode($0.value))" }
            .joined(separator: "&")
    }

    package static func == (left: FormBody, right: FormBody) -> Bool { left.text == right.text }

    private static func decode(_ text: Substring) -> String? {
        let spaced = text.contains("+") ? text.replacing("+", with: " ") : text
        guard let decoded = PercentCoding.decode(spaced),
            !decoded.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f })
        else { return nil }
        return decoded
    }
}
