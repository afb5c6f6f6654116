/// What one field of a configuration holds.
package enum ConfigurationValue: Hashable, Sendable {
    case flag(Bool)
    case number(Int)
    case text(String)
    case list([String])
    /// The manufacturer's own, written in one way: no white space, names sorted. So a unit that writes the same
    /// differently has not changed it.
    case json(String)
}

extension ConfigurationField.Rule {
    /// Reads a field of this rule.
    ///
    /// - Parameters:
    ///   - name: the name of the field in `object`.
    ///   - object: the object in which the field stands.
    /// - Returns: nil where it is absent.
    /// - Throws: where it breaks the rule.
    func read(_ name: String, in object: JSONObject) throws(FieldError) -> ConfigurationValue? {
        switch self {
        case .flag:
            return try object.optionalFlag(name).map { .flag($0) }
        case .number(let range):
            return try object.optionalInteger(name, range).map { .number($0) }
        case .oneOf(let numbers):
            guard
                let number = try object.optionalInteger(
                    name,
                    -JSONObject.counts.upperBound...JSONObject.counts.upperBound
                )
            else { return nil }
            return try checked(.number(number), name, numbers.contains(number))
        case .text(let most):
            return try object.optionalString(name, 0...most).map { .text($0) }
        case .choice(let choices):
            guard let text = try object.optionalString(name, 0...64) else { return nil }
            return try checked(.text(text), name, choices.contains(text))
        case .timeOfDay:
            guard let text = try object.optionalString(name, 0...64) else { return nil }
            return try checked(.text(text), name, Self.isTimeOfDay(text))
        case .weekdays:
            guard let days = try object.optionalStrings(name, most: 7) else { return nil }
            guard days.allSatisfy(ConfigurationField.weekdays.contains), Set(days).count == days.count else {
                throw FieldError(name, "expected \(allowed)")
            }
            return .list(ConfigurationField.weekdays.filter(days.contains))
        case .moment:
            if let number = try? object.optionalInteger(name, JSONObject.counts) { return .number(number) }
            return try object.optionalString(name, 0...64).map { .text($0) }
        case .manufacturer(let most):
            return try object.canonicalText(name, most: most).map { .json($0) }
        }
    }

    private func checked(
        _ value: ConfigurationValue,
        _ name: String,
        _ isAllowed: Bool
    ) throws(FieldError) -> ConfigurationValue {
        guard isAllowed else { throw FieldError(name, "expected \(allowed)") }
        return value
    }

    /// What is allowed, for whoever broke the rule.
    package var allowed: String {
        switch self {
        case .flag: "true or false"
        case .number(let range): "an integer, \(range.lowerBound) to \(range.upperBound)"
        case .oneOf(let numbers): "one of " + numbers.map(String.init).joined(separator: ", ")
        case .text(let most): "at most \(most) bytes"
        case .choice(let choices): "one of " + choices.joined(separator: ", ")
        case .timeOfDay: "HH:MM:SS"
        case .weekdays: "some of " + ConfigurationField.weekdays.joined(separator: ", ") + ", none twice"
        case .moment: "text or seconds since the epoch"
        case .manufacturer(let most): "JSON of at most \(most) bytes"
        }
    }

    private static func isTimeOfDay(_ text: String) -> Bool {
        UnitDateTime("1970-01-01T\(text)") != nil
    }
}

extension JSONWriter {
    mutating func field(named name: String, _ value: ConfigurationValue) {
        switch value {
        case .flag(let flag): field(named: name, flag)
        case .number(let number): field(named: name, number)
        case .text(let text): field(named: name, text)
        case .list(let texts): field(named: name, texts)
        case .json(let text): field(named: name, json: text)
        }
    }
}
