import Foundation

/// The schemas of `Schemas/vd`, and as much of JSON Schema (draft 2020-12) as they use. A keyword that is not
/// known here is an error, so that no rule is passed over.
struct SchemaFolder: Sendable {
    static let path = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Schemas/vd").standardizedFileURL

    private static let read = Result { try SchemaFolder(reading: path) }
    private let files: [String: JSON]

    /// Read once for all tests.
    init() throws {
        self = try Self.read.get()
    }

    private init(reading path: URL) throws {
        var files: [String: JSON] = [:]
        for url in try FileManager.default.contentsOfDirectory(at: path, includingPropertiesForKeys: nil) {
            files[url.lastPathComponent] = try JSON(parsing: [UInt8](Data(contentsOf: url)))
        }
        self.files = files
    }

    var names: Set<String> { Set(files.keys) }

    func document(_ name: String) throws -> JSON {
        guard let document = files[name] else { throw SchemaError("no \(name)") }
        return document
    }

    func schema(_ name: String, _ pointer: String = "") throws -> Schema {
        try Schema(folder: self, file: name, node: document(name)).at(pointer)
    }
}

struct SchemaError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// One schema, its reference followed.
struct Schema: Sendable {
    let folder: SchemaFolder
    let file: String
    let node: JSON

    private static let annotations: Set<String> = [
        "$schema", "$id", "$defs", "title", "description", "default", "readOnly", "x-uniqueBy",
    ]
    private static let assertions: Set<String> = [
        "type", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "items", "maxItems",
        "uniqueItems", "required", "properties", "propertyNames", "additionalProperties", "allOf", "$ref",
        "if",
        "then",
    ]

    /// A part of the same file, by a JSON pointer without escapes.
    func at(_ pointer: String) throws -> Schema {
        var node = node
        for name in pointer.split(separator: "/") {
            guard let next = node[String(name)] else { throw SchemaError("\(file): no \(pointer)") }
            node = next
        }
        return try Schema(folder: folder, file: file, node: node).resolved()
    }

    func with(_ node: JSON) throws -> Schema {
        try Schema(folder: folder, file: file, node: node).resolved()
    }

    private func resolved() throws -> Schema {
        guard let reference = node["$ref"]?.text, node["$defs"] == nil else { return self }
        let parts = reference.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let file = parts[0].isEmpty ? file : String(parts[0])
        return try folder.schema(file, parts.count > 1 ? String(parts[1]) : "")
    }

    var properties: [String: JSON] { node["properties"]?.fields ?? [:] }
    var required: Set<String> { Set(node["required"]?.elements?.compactMap(\.text) ?? []) }
    var types: [String] {
        node["type"]?.elements?.compactMap(\.text) ?? node["type"]?.text.map { [$0] } ?? []
    }

    /// Whether `value` keeps every rule.
    func allows(_ value: JSON) throws -> Bool {
        for keyword in (node.fields ?? [:]).keys
        where !Self.assertions.contains(keyword) && !Self.annotations.contains(keyword) {
            throw SchemaError("\(file): keyword \(keyword) is not known")
        }
        if !types.isEmpty, Set(types).isDisjoint(with: value.typeNames) { return false }
        if let choices = node["enum"]?.elements, !choices.contains(value) { return false }
        if let number = value.double {
            if let least = node["minimum"]?.double, number < least { return false }
            if let most = node["maximum"]?.double, number > most { return false }
        }
        if let text = value.text, try !allows(text) { return false }
        if let elements = value.elements, try !allows(elements) { return false }
        if let fields = value.fields, try !allows(fields) { return false }
        for part in node["allOf"]?.elements ?? [] where try !with(part).allows(value) { return false }
        if let condition = node["if"], try with(condition).allows(value), let then = node["then"] {
            return try with(then).allows(value)
        }
        return true
    }

    private func allows(_ text: String) throws -> Bool {
        if let least = node["minLength"]?.integer, text.utf8.count < least { return false }
        if let most = node["maxLength"]?.integer, text.utf8.count > most { return false }
        guard let pattern = node["pattern"]?.text else { return true }
        return try Regex(pattern).firstMatch(in: text) != nil
    }

    private func allows(_ elements: [JSON]) throws -> Bool {
        if let most = node["maxItems"]?.integer, elements.count > most { return false }
        if node["uniqueItems"] == .flag(true), Set(elements).count < elements.count { return false }
        guard let items = node["items"] else { return true }
        let schema = try with(items)
        return try elements.allSatisfy { try schema.allows($0) }
    }

    private func allows(_ fields: [String: JSON]) throws -> Bool {
        guard required.isSubset(of: fields.keys) else { return false }
        for (name, value) in fields {
            if let names = node["propertyNames"], try !with(names).allows(.text(name)) { return false }
            guard let property = properties[name] ?? node["additionalProperties"] else { continue }
            guard try with(property).allows(value) else { return false }
        }
        return true
    }
}
