/// A configuration, whole or in part: what a unit reports, what is desired of it, or a set of changes. A field that
/// is absent is not named: the unit has no such ability, or the change does not touch it.
///
/// Kept as what it is to everybody who works with it, a table from paths to values; the objects in which the
/// fields travel exist on the wire only. Fields that ``ConfigurationField`` does not list are not kept.
package struct ConfigurationDocument: VdBody {
    private var values: [ConfigurationPath: ConfigurationValue] = [:]

    /// Names nothing.
    package init() {}

    package init(_ object: JSONObject) throws(FieldError) {
        var flaws = Flaws.refused
        try self.init(reported: object, &flaws)
    }

    package init(reported object: JSONObject, _ flaws: inout Flaws) throws(FieldError) {
        try read(ConfigurationField.ofUnit, of: nil, in: object, &flaws)
        // Units in the field write `channls` too.
        let hasBoth = object.has("channels") && object.has("channls")
        if hasBoth { try flaws.note(FieldError("channls", "not beside channels")) }
        let name = object.has("channls") && !hasBoth ? "channls" : "channels"
        guard let channels = try flaws.read({ () throws(FieldError) in try object.object(name) }) else {
            return
        }
        for key in channels.names {
            let place = "channels.\(key.prefix(16))"
            guard let number = ConfigurationPath.channel(key) else {
                try flaws.note(FieldError(place, "expected a channel number"))
                continue
            }
            guard let channel = try? channels.object(key) else {
                try flaws.note(FieldError(place, "expected an object"))
                continue
            }
            try read(ConfigurationField.ofChannel, of: number, in: channel, &flaws)
        }
    }

    /// Of one field.
    package init(_ path: ConfigurationPath, _ value: ConfigurationValue) throws(FieldError) {
        try set(value, at: path)
    }

    private init(values: [ConfigurationPath: ConfigurationValue]) {
        self.values = values
    }

    // MARK: Fields

    package var isEmpty: Bool { values.isEmpty }

    /// All fields that are named, in the order of the document.
    package var fields: [(path: ConfigurationPath, value: ConfigurationValue)] {
        values.sorted { $0.key < $1.key }.map { (path: $0.key, value: $0.value) }
    }

    /// The channels of which a field is named, ascending.
    package var channels: [Int] { Set(values.keys.compactMap(\.channel)).sorted() }

    package subscript(path: ConfigurationPath) -> ConfigurationValue? { values[path] }

    package func flag(_ name: String, channel: Int? = nil) -> Bool? {
        guard case .flag(let flag) = values[ConfigurationPath(name, channel: channel)] else { return nil }
        return flag
    }

    package func number(_ name: String, channel: Int? = nil) -> Int? {
        guard case .number(let number) = values[ConfigurationPath(name, channel: channel)] else { return nil }
        return number
    }

    package func text(_ name: String, channel: Int? = nil) -> String? {
        guard case .text(let text) = values[ConfigurationPath(name, channel: channel)] else { return nil }
        return text
    }

    package func list(_ name: String, channel: Int? = nil) -> [String]? {
        guard case .list(let texts) = values[ConfigurationPath(name, channel: channel)] else { return nil }
        return texts
    }

    /// Names one field, or with nil names it no longer. Throws where there is no such field or its rule is broken.
    package mutating func set(_ value: ConfigurationValue?, at path: ConfigurationPath) throws(FieldError) {
        guard let field = ConfigurationField.at(path),
            path.channel.map({ ConfigurationPath.channel("\($0)") != nil }) ?? true
        else { throw FieldError(path.description, "unknown") }
        guard let value else {
            values[path] = nil
            return
        }
        // The rule reads JSON: what it lets pass is what can be written and read again.
        guard let object = try? JSONObject(parsing: Self.text(named: "value", value)),
            let checked = (try? field.rule.read("value", in: object)) ?? nil
        else { throw FieldError(path.description, "expected \(field.rule.allowed)") }
        values[path] = checked
    }

    // MARK: Desired and reported

    /// This with everything that `change` names.
    package func merging(_ change: ConfigurationDocument) -> ConfigurationDocument {
        ConfigurationDocument(values: values.merging(change.values) { $1 })
    }

    /// What a unit that reports `reported` has to be told so that it becomes this: the writable fields that differ,
    /// also those that it does not report. Nil where nothing differs.
    package func difference(from reported: ConfigurationDocument) -> ConfigurationDocument? {
        let differing = values.filter { path, value in
            ConfigurationField.at(path)?.isWritable == true && reported.values[path] != value
        }
        return differing.isEmpty ? nil : ConfigurationDocument(values: differing)
    }

    /// Throws the first field that the platform may not set.
    package func checkWritable() throws(FieldError) {
        for field in fields where ConfigurationField.at(field.path)?.isWritable != true {
            throw FieldError(field.path.description, "read only")
        }
    }

    // MARK: On the wire

    package var object: JSONObject {
        let fields = fields
        return JSONObject { writer in
            let channels = channels
            if !channels.isEmpty {
                writer.field(
                    "channels",
                    JSONObject { writer in
                        var rest = fields[...]
                        for channel in channels {
                            let own = rest.prefix { $0.path.channel == channel }
                            rest = rest[own.endIndex...]
                            writer.field(named: "\(channel)", Self.nested(own.map(Self.leaf)))
                        }
                    }
                )
            }
            Self.write(fields.filter { $0.path.channel == nil }.map(Self.leaf), to: &writer)
        }
    }

    /// A value and the names that lead to it.
    private typealias Leaf = (names: ArraySlice<Substring>, value: ConfigurationValue)

    private static func leaf(_ field: (path: ConfigurationPath, value: ConfigurationValue)) -> Leaf {
        (names: field.path.name.split(separator: ".")[...], value: field.value)
    }

    /// Fields of one object stand together, since they do so in the table.
    private static func write(_ leaves: [Leaf], to writer: inout JSONWriter) {
        var rest = leaves[...]
        while let first = rest.first, let name = first.names.first {
            if first.names.count == 1 {
                writer.field(named: String(name), first.value)
                rest.removeFirst()
            } else {
                let group = rest.prefix { $0.names.first == name }
                rest = rest[group.endIndex...]
                writer.field(named: String(name), nested(group.map { ($0.names.dropFirst(), $0.value) }))
            }
        }
    }

    private static func nested(_ leaves: [Leaf]) -> JSONObject {
        JSONObject { write(leaves, to: &$0) }
    }

    private static func text(named name: String, _ value: ConfigurationValue) -> [UInt8] {
        var writer = JSONWriter()
        writer.field(named: name, value)
        return writer.finished()
    }

    private mutating func read(
        _ fields: [ConfigurationField],
        of channel: Int?,
        in object: JSONObject,
        _ flaws: inout Flaws
    ) throws(FieldError) {
        /// The objects on the way to the field before; most fields share theirs with it.
        var groups: [Substring: JSONObject?] = [:]
        for field in fields {
            var place = object
            var names = field.name.split(separator: ".")
            let last = String(names.removeLast())
            var isThere = true
            for depth in names.indices {
                let group = field.name[..<names[depth].endIndex]
                let found: JSONObject?
                if let known = groups[group] {
                    found = known
                } else {
                    do throws(FieldError) {
                        found = try place.object(String(names[depth]))
                    } catch {
                        let path = ConfigurationPath(String(group), channel: channel)
                        try flaws.note(FieldError(path.description, error.rule))
                        found = nil
                    }
                    groups[group] = .some(found)
                }
                guard let found else {
                    isThere = false
                    break
                }
                place = found
            }
            guard isThere else { continue }
            let path = ConfigurationPath(field.name, channel: channel)
            do throws(FieldError) {
                values[path] = try field.rule.read(last, in: place)
            } catch {
                try flaws.note(FieldError(path.description, error.rule))
            }
        }
    }
}
