extension JSONObject {
    /// The value of a field as text that is the same for every way to write it: no white space, names sorted.
    /// Numbers and strings stay as they were written.
    ///
    /// - Parameters:
    ///   - name: the field.
    ///   - most: largest size in bytes, as it came.
    /// - Returns: nil where it is absent.
    /// - Throws: where it is longer or names a field twice.
    package func canonicalText(_ name: String, most: Int) throws(FieldError) -> String? {
        guard let range = place(of: name) else { return nil }
        guard range.count <= most else { throw FieldError(name, "more than \(most) bytes") }
        var text: [UInt8] = []
        do throws(JSONError) {
            try Self.appendCanonical(Array(bytes[range]), to: &text)
        } catch {
            throw FieldError(name, error.description)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `value` has been scanned with the text that it is from: its depth is bounded.
    private static func appendCanonical(_ value: [UInt8], to text: inout [UInt8]) throws(JSONError) {
        switch value.first {
        case UInt8(ascii: "{"):
            let object = try JSONObject(parsing: value)
            text.append(UInt8(ascii: "{"))
            for (index, field) in object.sortedFields.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                text.append(UInt8(ascii: "\""))
                text.append(contentsOf: value[field.name])
                text.append(contentsOf: "\":".utf8)
                try appendCanonical(Array(value[field.value]), to: &text)
            }
            text.append(UInt8(ascii: "}"))
        case UInt8(ascii: "["):
            var scanner = JSONScanner(value)
            text.append(UInt8(ascii: "["))
            for (index, element) in try scanner.elements(depth: 0).enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                try appendCanonical(Array(value[element]), to: &text)
            }
            text.append(UInt8(ascii: "]"))
        default:
            text.append(contentsOf: value)
        }
    }
}
