/// Writes one JSON object, field by field, in the order of the calls.
package struct JSONWriter {
    private var bytes: [UInt8] = [UInt8(ascii: "{")]

    package init() {}

    package mutating func field(_ name: StaticString, _ text: String) {
        start(name)
        Self.append(text, to: &bytes)
    }

    package mutating func field(_ name: StaticString, _ number: Int) {
        start(name)
        bytes.append(contentsOf: String(number).utf8)
    }

    /// `number` is finite.
    package mutating func field(_ name: StaticString, _ number: Double) {
        start(name)
        bytes.append(contentsOf: "\(number)".utf8)
    }

    package mutating func field(_ name: StaticString, _ object: JSONObject) {
        start(name)
        bytes.append(contentsOf: object.bytes)
    }

    package mutating func field(_ name: StaticString, _ objects: [JSONObject]) {
        start(name)
        bytes.append(UInt8(ascii: "["))
        for (index, object) in objects.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: object.bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// Writes nothing for nil: absent, as the templates of §9.3.2.1 want it.
    package mutating func field(_ name: StaticString, _ text: String?) {
        if let text { field(name, text) }
    }

    package mutating func field(_ name: StaticString, _ number: Int?) {
        if let number { field(name, number) }
    }

    // MARK: Names from a table

    package mutating func field(named name: String, _ flag: Bool) {
        start(named: name)
        bytes.append(contentsOf: (flag ? "true" : "false").utf8)
    }

    package mutating func field(named name: String, _ number: Int) {
        start(named: name)
        bytes.append(contentsOf: String(number).utf8)
    }

    package mutating func field(named name: String, _ text: String) {
        start(named: name)
        Self.append(text, to: &bytes)
    }

    package mutating func field(named name: String, _ texts: [String]) {
        start(named: name)
        bytes.append(UInt8(ascii: "["))
        for (index, text) in texts.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            Self.append(text, to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    package mutating func field(named name: String, _ object: JSONObject) {
        start(named: name)
        bytes.append(contentsOf: object.bytes)
    }

    /// `json` is valid.
    mutating func field(named name: String, json: String) {
        start(named: name)
        bytes.append(contentsOf: json.utf8)
    }

    /// The finished text.
    package func finished() -> [UInt8] {
        bytes + [UInt8(ascii: "}")]
    }

    private mutating func start(_ name: StaticString) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func start(named name: String) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        Self.append(name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default:
                bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension JSONObject {
    /// An object from its fields. What ``JSONWriter`` writes is valid, so this cannot fail.
    package init(_ write: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        write(&writer)
        self = (try? JSONObject(parsing: writer.finished())) ?? .empty
    }
}
