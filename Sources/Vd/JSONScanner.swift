/// Why text is not the JSON that this interface takes.
package enum JSONError: Error, Equatable, CustomStringConvertible {
    case notUTF8
    case syntax(offset: Int)
    case tooDeep(limit: Int)
    case tooManyFields(limit: Int)
    case duplicateField(offset: Int)
    case notAnObject

    package var description: String {
        switch self {
        case .notUTF8: "not UTF-8"
        case .syntax(let offset): "not JSON at byte \(offset)"
        case .tooDeep(let limit): "nested deeper than \(limit)"
        case .tooManyFields(let limit): "an object with more than \(limit) fields"
        case .duplicateField(let offset): "the field at byte \(offset) stands twice"
        case .notAnObject: "not a JSON object"
        }
    }
}

/// Walks over JSON (RFC 8259) and finds where values stand, without building them.
///
/// Vd carries heartbeats of many units: a generic decoder costs more than everything else that is done
/// with one, and keeps fields that nobody asked for.
struct JSONScanner {
    static let deepest = 32
    static let mostFields = 512

    let bytes: [UInt8]
    private(set) var position: Int

    init(_ bytes: [UInt8], at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    /// Fields of the object that stands here, in their order.
    mutating func fields(depth: Int) throws(JSONError) -> [JSONField] {
        guard depth < Self.deepest else { throw .tooDeep(limit: Self.deepest) }
        guard take(UInt8(ascii: "{")) else { throw .notAnObject }
        var fields: [JSONField] = []
        if take(UInt8(ascii: "}")) { return fields }
        repeat {
            skipSpace()
            let name = try string()
            guard take(UInt8(ascii: ":")) else { throw syntax }
            let value = try value(depth: depth + 1)
            guard fields.count < Self.mostFields else { throw .tooManyFields(limit: Self.mostFields) }
            fields.append(JSONField(name: name, value: value))
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw syntax }
        return fields
    }

    /// Elements of the array that stands here.
    mutating func elements(depth: Int) throws(JSONError) -> [Range<Int>] {
        guard depth < Self.deepest else { throw .tooDeep(limit: Self.deepest) }
        guard take(UInt8(ascii: "[")) else { throw syntax }
        var elements: [Range<Int>] = []
        if take(UInt8(ascii: "]")) { return elements }
        repeat {
            elements.append(try value(depth: depth + 1))
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw syntax }
        return elements
    }

    /// Steps over one value of any kind.
    mutating func value(depth: Int) throws(JSONError) -> Range<Int> {
        skipSpace()
        let start = position
        switch current {
        case UInt8(ascii: "{"): try skipObject(depth: depth)
        case UInt8(ascii: "["): try skipArray(depth: depth)
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: try number()
        }
        return start..<position
    }

    /// Nothing but white space may follow.
    mutating func end() throws(JSONError) {
        skipSpace()
        guard position == bytes.count else { throw syntax }
    }

    /// Where the text between the quotes stands; escapes are checked for their form, not resolved.
    private mutating func string() throws(JSONError) -> Range<Int> {
        guard current == UInt8(ascii: "\"") else { throw syntax }
        position += 1
        let start = position
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return start..<position - 1
            case UInt8(ascii: "\\"):
                try skipEscape()
            case 0..<0x20:
                throw syntax
            default:
                position += 1
            }
        }
        throw syntax
    }

    private mutating func skipEscape() throws(JSONError) {
        position += 1
        switch current {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            position += 1
            for _ in 0..<4 {
                guard let byte = current, byte.hexDigit != nil else { throw syntax }
                position += 1
            }
        default:
            throw syntax
        }
    }

    private mutating func skipObject(depth: Int) throws(JSONError) {
        guard depth < Self.deepest else { throw .tooDeep(limit: Self.deepest) }
        position += 1
        if take(UInt8(ascii: "}")) { return }
        repeat {
            skipSpace()
            _ = try string()
            guard take(UInt8(ascii: ":")) else { throw syntax }
            _ = try value(depth: depth + 1)
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw syntax }
    }

    private mutating func skipArray(depth: Int) throws(JSONError) {
        guard depth < Self.deepest else { throw .tooDeep(limit: Self.deepest) }
        position += 1
        if take(UInt8(ascii: "]")) { return }
        repeat {
            _ = try value(depth: depth + 1)
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw syntax }
    }

    private mutating func number() throws(JSONError) {
        if current == UInt8(ascii: "-") { position += 1 }
        if current == UInt8(ascii: "0") {
            position += 1
        } else {
            try digits()
        }
        if current == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        guard position > start else { throw syntax }
    }

    private mutating func word(_ word: StaticString) throws(JSONError) {
        for offset in 0..<word.utf8CodeUnitCount {
            guard current == word.utf8Start[offset] else { throw syntax }
            position += 1
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard current == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }
    private var syntax: JSONError { .syntax(offset: position) }
}

/// Where one field of an object stands: its name without the quotes, its value with everything.
struct JSONField: Sendable, Equatable {
    var name: Range<Int>
    var value: Range<Int>
}

extension UInt8 {
    /// The value of an ASCII hexadecimal digit.
    var hexDigit: UInt16? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(self - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(self - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(self - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
