/// What becomes of fields that break a rule.
///
/// What is sent, and what a unit asks, keeps every rule: the first broken one is error 12. What a unit *reports* is read
/// for what it is worth: a camera that writes `"wifi_signal":-61` still says its battery. There a broken field is left
/// out and noted here, and the rest counts.
package struct Flaws: Sendable {
    /// More are left out all the same, and not noted.
    package static let most = 16

    private let areTolerated: Bool
    package private(set) var found: [FieldError] = []

    private init(areTolerated: Bool) { self.areTolerated = areTolerated }

    /// The first one is thrown.
    package static var refused: Flaws { Flaws(areTolerated: false) }
    /// For the report of a unit.
    package static var tolerated: Flaws { Flaws(areTolerated: true) }

    mutating func note(_ flaw: FieldError) throws(FieldError) {
        guard areTolerated else { throw flaw }
        if found.count < Self.most { found.append(flaw) }
    }

    /// What `read` gives; nil where the field is absent, or broken and left out.
    mutating func read<Value>(
        _ read: () throws(FieldError) -> Value?
    ) throws(FieldError) -> Value? {
        do throws(FieldError) { return try read() } catch {
            try note(error)
            return nil
        }
    }

    /// A flag. Units in the field write 1 and 0 too; what says neither is `unreadable`.
    mutating func flag(
        _ name: String,
        in object: JSONObject,
        below path: String = "",
        unreadable: Bool
    ) throws(FieldError) -> Bool? {
        do throws(FieldError) { return try object.optionalFlag(name) } catch {
            try note(FieldError(path + error.field, error.rule))
            guard let number = (try? object.optionalInteger(name, 0...1)) ?? nil else { return unreadable }
            return number == 1
        }
    }
}
