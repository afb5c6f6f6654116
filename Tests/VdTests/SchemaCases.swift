import TestSupport

/// Values that a schema allows, and values that break one rule of it.
extension Schema {
    /// A value that keeps every rule. Bounds are met often.
    func good(using random: inout SeededGenerator) throws -> JSON {
        for _ in 0..<50 {
            let value = try candidate(using: &random)
            if try allows(value) { return value }
        }
        throw SchemaError("\(file): no good value found")
    }

    private func candidate(using random: inout SeededGenerator) throws -> JSON {
        if let choice = node["enum"]?.elements?.randomElement(using: &random) { return choice }
        switch types.randomElement(using: &random) {
        case "boolean": return .flag(.random(using: &random))
        case "integer": return .integer(integer(using: &random))
        case "number": return .number(Double(integer(using: &random)) / 8)
        case "string": return .text(text(using: &random))
        case "array": return .array(try elements(using: &random))
        case "object": return .object(try fields(using: &random))
        // Of the manufacturer's own there are no rules.
        default:
            return .object(["b": .array([.null, .number(1.5), .text("ä\"")]), "a": .object([:])])
        }
    }

    private func integer(using random: inout SeededGenerator) -> Int {
        let least = Int(node["minimum"]?.double ?? -1000)
        let most = Int(node["maximum"]?.double ?? 1000)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return least
        case 1: return most
        default: return .random(in: least...most, using: &random)
        }
    }

    private func text(using random: inout SeededGenerator) -> String {
        func number(_ range: ClosedRange<Int>) -> String {
            let number = Int.random(in: range, using: &random)
            return number < 10 ? "0\(number)" : "\(number)"
        }
        guard let pattern = node["pattern"]?.text else {
            let most = node["maxLength"]?.integer ?? 64
            let length = Bool.random(using: &random) ? most : Int.random(in: 0...most, using: &random)
            return String(
                (0..<length).map { _ in "aZ09 -./\"\\\n\u{1}".randomElement(using: &random) ?? "a" }
            )
        }
        if Bool.random(using: &random), pattern.contains("?$") || pattern.contains("{0,") { return "" }
        let time = "\(number(0...23)):\(number(0...59)):\(number(0...59))"
        if pattern.contains("T[0-9]") {
            return
                "\(Int.random(in: 1000...9999, using: &random))-\(number(1...12))-\(number(1...28))T\(time)"
        }
        return pattern.contains(":[0-5]") ? time : "a.B_9:-\(number(10...99))"
    }

    private func elements(using random: inout SeededGenerator) throws -> [JSON] {
        let items = try with(node["items"] ?? .object([:]))
        let most = min(node["maxItems"]?.integer ?? 3, 3)
        var elements: [JSON] = []
        for index in 0..<Int.random(in: 0...most, using: &random) {
            var element = try items.good(using: &random)
            if let key = node["x-uniqueBy"]?.text { element[key] = .integer(index * 50) }
            if node["uniqueItems"] != .flag(true) || !elements.contains(element) { elements.append(element) }
        }
        return elements
    }

    private func fields(using random: inout SeededGenerator) throws -> [String: JSON] {
        var fields: [String: JSON] = [:]
        for (name, property) in properties.sorted(by: { $0.key < $1.key })
        where required.contains(name) || Int.random(in: 0..<4, using: &random) > 0 {
            fields[name] = try with(property).good(using: &random)
        }
        if let property = node["additionalProperties"] {
            for name in ["0", "17", "255"] where Bool.random(using: &random) {
                fields[name] = try with(property).good(using: &random)
            }
        }
        return fields
    }

    // MARK: Broken

    /// `value`, which is good, with one rule broken, and the path of the field that breaks it, as ``FieldError``
    /// writes it.
    func broken(_ value: JSON) throws -> [(value: JSON, path: String)] {
        var cases: [(value: JSON, path: String)] = []
        if let fields = value.fields {
            for (name, field) in fields.sorted(by: { $0.key < $1.key }) {
                if required.contains(name) { cases.append((without(name, value), name)) }
                guard let property = properties[name] ?? node["additionalProperties"] else { continue }
                let schema = try with(property)
                for wrong in try schema.wrong(field) { cases.append((replaced(name, value, wrong), name)) }
                for part in try schema.broken(field) {
                    let path = part.path.hasPrefix("[") ? name + part.path : "\(name).\(part.path)"
                    cases.append((replaced(name, value, part.value), path))
                }
            }
            if node["propertyNames"] != nil, let field = fields.first?.value {
                for name in ["256", "-1", "01", "x", ""] {
                    cases.append((replaced(name, value, field), name))
                }
            }
        } else if let elements = value.elements, let items = node["items"] {
            for (index, element) in elements.enumerated() {
                let schema = try with(items)
                let wrong = try schema.wrong(element).map { (value: $0, path: "") }
                for part in try schema.broken(element) + wrong {
                    var changed = elements
                    changed[index] = part.value
                    // A whole list is broken by what is no member of its choices.
                    let place = "[\(index)]" + (part.path.isEmpty ? "" : "." + part.path)
                    cases.append((.array(changed), place))
                }
            }
        }
        return cases
    }

    /// Values that this schema does not allow in place of `value`.
    private func wrong(_ value: JSON) throws -> [JSON] {
        var candidates: [JSON] = [
            .flag(true), .integer(-1), .integer(1), .integer(1 << 60), .number(0.5), .array([]), .object([:]),
            .text(""), .text("no such"), .text("2026-02-30T00:00:00 "), .text("24:00:00"),
        ]
        if let least = node["minimum"]?.double { candidates.append(.integer(Int(least) - 1)) }
        if let most = node["maximum"]?.double { candidates.append(.integer(Int(most) + 1)) }
        if let most = node["maxLength"]?.integer {
            candidates.append(.text(String(repeating: "a", count: most + 1)))
        }
        for number in node["enum"]?.elements?.compactMap(\.integer) ?? [] {
            candidates += [.integer(number - 1), .integer(number + 1)]
        }
        if let elements = value.elements, let first = elements.first {
            if let most = node["maxItems"]?.integer {
                candidates.append(.array(Array(repeating: first, count: most + 1)))
            }
            if node["uniqueItems"] == .flag(true) { candidates.append(.array(elements + [first])) }
        }
        return try candidates.filter { candidate in
            // An object of which a part is wrong is another case.
            if candidate.fields != nil, types.contains("object") { return false }
            return try !allows(candidate)
        }
    }

    private func without(_ name: String, _ value: JSON) -> JSON {
        var value = value
        value[name] = nil
        return value
    }

    private func replaced(_ name: String, _ value: JSON, _ field: JSON) -> JSON {
        var value = value
        value[name] = field
        return value
    }
}
