/// A parameter that breaks a rule: which one, and what is allowed. The peer gets error 12 with this text.
package struct FieldError: Error, Equatable, CustomStringConvertible {
    package var field: String
    package var rule: String

    package init(_ field: String, _ rule: String) {
        self.field = field
        self.rule = rule
    }

    package var description: String { "\(field): \(rule)" }
}

/// The text of one valid JSON object, read field by field.
///
/// Only what is asked for is decoded. A null value counts as an absent one (deployed practice);
/// unknown fields cost nothing but the walk over them.
package struct JSONObject: Sendable, Equatable {
    package static let empty = JSONObject(checked: Array("{}".utf8), fields: [])

    package let bytes: [UInt8]
    private let fields: [JSONField]

    /// Takes hostile bytes: at most 32 levels, 512 fields in one object, no field twice.
    package init(parsing bytes: [UInt8]) throws(JSONError) {
        guard isUTF8(bytes) else { throw .notUTF8 }
        var scanner = JSONScanner(bytes)
        let fields = try scanner.fields(depth: 0)
        try scanner.end()
        self.init(checked: bytes, fields: fields)
        try refuseDuplicates()
    }

    private init(checked bytes: [UInt8], fields: [JSONField]) {
        self.bytes = bytes
        self.fields = fields
    }

    package static func == (left: JSONObject, right: JSONObject) -> Bool { left.bytes == right.bytes }

    // MARK: Fields

    package func has(_ name: String) -> Bool { place(of: name) != nil }

    /// - Parameters:
    ///   - name: the field.
    ///   - length: allowed size in bytes of UTF-8.
    /// - Returns: the text, escapes resolved.
    /// - Throws: where it is absent, no string or of another length.
    package func string(_ name: String, _ length: ClosedRange<Int>) throws(FieldError) -> String {
        guard let text = try optionalString(name, length) else { throw FieldError(name, "required") }
        return text
    }

    package func optionalString(_ name: String, _ length: ClosedRange<Int>) throws(FieldError) -> String? {
        guard let range = place(of: name) else { return nil }
        guard bytes[range.lowerBound] == UInt8(ascii: "\"") else {
            throw FieldError(name, "expected a string")
        }
        guard let text = text(range.lowerBound + 1..<range.upperBound - 1) else {
            throw FieldError(name, "a broken surrogate pair")
        }
        guard length.contains(text.utf8.count) else {
            throw FieldError(name, "expected \(length.lowerBound) to \(length.upperBound) bytes")
        }
        return text
    }

    package func integer(_ name: String, _ allowed: ClosedRange<Int>) throws(FieldError) -> Int {
        guard let number = try optionalInteger(name, allowed) else { throw FieldError(name, "required") }
        return number
    }

    package func optionalInteger(_ name: String, _ allowed: ClosedRange<Int>) throws(FieldError) -> Int? {
        guard let range = place(of: name) else { return nil }
        guard let number = Int(String(decoding: bytes[range], as: UTF8.self)), allowed.contains(number) else {
            throw FieldError(name, "expected an integer, \(allowed.lowerBound) to \(allowed.upperBound)")
        }
        return number
    }

    /// A number with or without a fraction, finite.
    package func number(_ name: String, _ allowed: ClosedRange<Double>) throws(FieldError) -> Double {
        guard let range = place(of: name) else { throw FieldError(name, "required") }
        guard let number = Double(String(decoding: bytes[range], as: UTF8.self)), allowed.contains(number)
        else {
            throw FieldError(name, "expected a number, \(allowed.lowerBound) to \(allowed.upperBound)")
        }
        return number
    }

    package func optionalFlag(_ name: String) throws(FieldError) -> Bool? {
        guard let range = place(of: name) else { return nil }
        switch bytes[range.lowerBound] {
        case UInt8(ascii: "t"): return true
        case UInt8(ascii: "f"): return false
        default: throw FieldError(name, "expected true or false")
        }
    }

    package func object(_ name: String) throws(FieldError) -> JSONObject? {
        guard let range = place(of: name) else { return nil }
        guard let object = nested(range) else { throw FieldError(name, "expected an object") }
        return object
    }

    /// - Parameters:
    ///   - name: the field.
    ///   - most: largest number of elements.
    /// - Returns: the elements of an array of objects.
    /// - Throws: where it is absent, no array of objects, or longer.
    package func objects(_ name: String, most: Int) throws(FieldError) -> [JSONObject] {
        guard let elements = try elements(name, most: most) else { throw FieldError(name, "required") }
        var objects: [JSONObject] = []
        objects.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            guard let object = nested(element) else {
                throw FieldError("\(name)[\(index)]", "expected an object")
            }
            objects.append(object)
        }
        return objects
    }

    /// The elements of an array of strings of at most 64 bytes.
    package func optionalStrings(_ name: String, most: Int) throws(FieldError) -> [String]? {
        guard let elements = try elements(name, most: most) else { return nil }
        var strings: [String] = []
        for (index, range) in elements.enumerated() {
            guard bytes[range.lowerBound] == UInt8(ascii: "\""),
                let text = text(range.lowerBound + 1..<range.upperBound - 1), text.utf8.count <= 64
            else {
                throw FieldError("\(name)[\(index)]", "expected a string")
            }
            strings.append(text)
        }
        return strings
    }

    /// The names of all fields that are not null, in their order. Those with escapes are left out.
    package var names: [String] {
        fields.filter { bytes[$0.value.lowerBound] != UInt8(ascii: "n") }
            .filter { !bytes[$0.name].contains(UInt8(ascii: "\\")) }
            .map { String(decoding: bytes[$0.name], as: UTF8.self) }
    }

    // MARK: Helpers

    private func elements(_ name: String, most: Int) throws(FieldError) -> [Range<Int>]? {
        guard let range = place(of: name) else { return nil }
        var scanner = JSONScanner(bytes, at: range.lowerBound)
        guard bytes[range.lowerBound] == UInt8(ascii: "["), let elements = try? scanner.elements(depth: 1)
        else {
            throw FieldError(name, "expected an array")
        }
        guard elements.count <= most else { throw FieldError(name, "more than \(most) elements") }
        return elements
    }

    private func nested(_ range: Range<Int>) -> JSONObject? {
        guard bytes[range.lowerBound] == UInt8(ascii: "{") else { return nil }
        let part = Array(bytes[range])
        var scanner = JSONScanner(part)
        guard let fields = try? scanner.fields(depth: 0) else { return nil }
        let object = JSONObject(checked: part, fields: fields)
        return (try? object.refuseDuplicates()) == nil ? nil : object
    }

    /// By the bytes of their names.
    var sortedFields: [JSONField] {
        fields.sorted { bytes[$0.name].lexicographicallyPrecedes(bytes[$1.name]) }
    }

    /// Where the value stands; nil for an absent or null one.
    func place(of name: String) -> Range<Int>? {
        for field in fields where bytes[field.name].elementsEqual(name.utf8) {
            return bytes[field.value.lowerBound] == UInt8(ascii: "n") ? nil : field.value
        }
        return nil
    }

    /// Two values for one name are two readings of one message: refused, so that nobody can exploit that
    /// another part reads the other one. Names with escapes are no names of this interface.
    private func refuseDuplicates() throws(JSONError) {
        guard fields.count > 1 else { return }
        if fields.count <= 16 {
            for (index, field) in fields.enumerated() {
                for earlier in fields[..<index] where bytes[earlier.name] == bytes[field.name] {
                    throw .duplicateField(offset: field.name.lowerBound)
                }
            }
        } else {
            var seen: Set<ArraySlice<UInt8>> = []
            for field in fields where !seen.insert(bytes[field.name]).inserted {
                throw .duplicateField(offset: field.name.lowerBound)
            }
        }
    }

    private func text(_ range: Range<Int>) -> String? {
        let raw = bytes[range]
        guard raw.contains(UInt8(ascii: "\\")) else { return String(decoding: raw, as: UTF8.self) }
        var units: [UInt16] = []
        var text = ""
        var index = raw.startIndex
        func flush() -> Bool {
            guard !units.isEmpty else { return true }
            guard let part = String(validating: units, as: UTF16.self) else { return false }
            text += part
            units = []
            return true
        }
        while index < raw.endIndex {
            guard raw[index] == UInt8(ascii: "\\") else {
                let end = raw[index...].firstIndex(of: UInt8(ascii: "\\")) ?? raw.endIndex
                guard flush() else { return nil }
                text += String(decoding: raw[index..<end], as: UTF8.self)
                index = end
                continue
            }
            if raw[index + 1] == UInt8(ascii: "u") {
                units.append(raw[index + 2..<index + 6].reduce(0) { $0 << 4 | ($1.hexDigit ?? 0) })
                index += 6
            } else {
                units.append(Self.escaped(raw[index + 1]))
                index += 2
            }
        }
        return flush() ? text : nil
    }

    private static func escaped(_ byte: UInt8) -> UInt16 {
        switch byte {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: UInt16(byte)
        }
    }
}

private func isUTF8(_ bytes: [UInt8]) -> Bool {
    (try? UTF8Span(validating: bytes.span)) != nil
}
