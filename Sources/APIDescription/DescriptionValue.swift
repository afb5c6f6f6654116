import FoundationEssentials
import Yams

/// A document as it stands in `Schemas/openapi.yaml`: members keep their order, numbers their digits.
package indirect enum DescriptionValue: Equatable, Sendable {
    package struct Member: Equatable, Sendable {
        package var name: String
        package var value: DescriptionValue
    }

    case object([Member])
    case list([DescriptionValue])
    case text(String)
    /// A number, `true`, `false` or `null`, as JSON writes it.
    case literal(String)

    package enum Fault: Error, Equatable {
        case notYAML(String)
        /// Something that JSON has no form for, such as a list as a name.
        case notJSON
    }

    package init(yaml: String) throws(Fault) {
        let root: Node?
        do { root = try Yams.compose(yaml: yaml) } catch { throw .notYAML("\(error)") }
        guard let root else { throw .notYAML("empty") }
        try self.init(root)
    }

    private init(_ node: Node) throws(Fault) {
        switch node {
        case .scalar(let scalar):
            let isQuoted = scalar.style != .plain && scalar.style != .any
            self = isQuoted ? .text(scalar.string) : Self.plain(scalar.string)
        case .sequence(let nodes):
            var values: [DescriptionValue] = []
            for node in nodes { values.append(try DescriptionValue(node)) }
            self = .list(values)
        case .mapping(let pairs):
            var members: [Member] = []
            for (key, value) in pairs {
                guard case .scalar(let name) = key else { throw .notJSON }
                members.append(Member(name: name.string, value: try DescriptionValue(value)))
            }
            self = .object(members)
        case .alias: throw .notJSON
        }
    }

    /// The core schema of YAML 1.2, which is JSON's: everything else that is not quoted is text.
    private static func plain(_ text: String) -> DescriptionValue {
        switch text {
        case "true", "false", "null": return .literal(text)
        case "", "~": return .literal("null")
        default:
            let isNumber = text.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/) != nil
            return isNumber ? .literal(text) : .text(text)
        }
    }

    // MARK: What is in it

    package subscript(name: String) -> DescriptionValue? {
        members.first { $0.name == name }?.value
    }

    package var members: [Member] {
        guard case .object(let members) = self else { return [] }
        return members
    }

    package var items: [DescriptionValue] {
        guard case .list(let items) = self else { return [] }
        return items
    }

    package var text: String? {
        guard case .text(let text) = self else { return nil }
        return text
    }

    /// Texts as they are, everything else as JSON.
    package var words: String { text ?? json }

    package var json: String {
        switch self {
        case .object(let members):
            "{" + members.map { Self.quote($0.name) + ":" + $0.value.json }.joined(separator: ",") + "}"
        case .list(let items): "[" + items.map(\.json).joined(separator: ",") + "]"
        case .text(let text): Self.quote(text)
        case .literal(let text): text
        }
    }

    private static func quote(_ text: String) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        // Every text has a form in JSON.
        return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }
}
