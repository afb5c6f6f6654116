/// The operations of a description (OpenAPI 3.1), with what they refer to in its place.
package struct DescribedAPI: Sendable {
    package struct Parameter: Sendable {
        package var name: String
        /// `path`, `query` or `header`.
        package var place: String
        package var isRequired: Bool
        package var text: String?
        package var schema: DescriptionValue?
    }

    package struct Answer: Sendable {
        package var status: String
        package var text: String
        /// Types of its body with schema and example; empty: it has none.
        package var contents: [Content]
    }

    package struct Content: Sendable {
        package var type: String
        package var schema: DescriptionValue?
        package var example: DescriptionValue?
    }

    package struct Operation: Sendable {
        /// In capitals.
        package var method: String
        package var path: String
        /// The same operation of channel 0.
        package var shortPath: String?
        package var name: String
        package var tag: String
        package var summary: String
        package var text: String?
        /// Names of security schemes, of which any will do; empty: none is needed.
        package var security: [String]
        package var parameters: [Parameter]
        package var body: [Content]
        package var answers: [Answer]
    }

    package enum Fault: Error, Equatable {
        case missing(String)
    }

    private static let methods = ["get", "head", "post", "put", "patch", "delete"]

    package let title: String
    package let text: String
    /// In the order in which they are to be read.
    package let tags: [String]
    package let operations: [Operation]
    package let schemas: [DescriptionValue.Member]

    package init(_ document: DescriptionValue) throws(Fault) {
        guard let title = document["info"]?["title"]?.text, let paths = document["paths"] else {
            throw .missing("info.title or paths")
        }
        self.title = title
        text = document["info"]?["description"]?.text ?? ""
        tags = (document["tags"]?.items ?? []).compactMap { $0["name"]?.text }
        schemas = document["components"]?["schemas"]?.members ?? []
        var operations: [Operation] = []
        for path in paths.members {
            let shared = try (path.value["parameters"]?.items ?? []).map { value throws(Fault) in
                try Self.parameter(try Self.resolve(value, document))
            }
            for method in Self.methods {
                guard let value = path.value[method] else { continue }
                var operation = try Self.operation(value, document)
                operation.method = method.uppercased()
                operation.path = path.name
                operation.shortPath = path.value["x-also-at"]?.text
                operation.parameters = shared + operation.parameters
                operations.append(operation)
            }
        }
        self.operations = operations
    }

    private static func operation(
        _ value: DescriptionValue,
        _ document: DescriptionValue
    ) throws(Fault) -> Operation {
        guard let name = value["operationId"]?.text, let tag = value["tags"]?.items.first?.text,
            let summary = value["summary"]?.text
        else { throw .missing("operationId, tag or summary: \(value["operationId"]?.words ?? "?")") }
        var answers: [Answer] = []
        for member in value["responses"]?.members ?? [] {
            let answer = try resolve(member.value, document)
            answers.append(
                Answer(
                    status: member.name,
                    text: answer["description"]?.text ?? "",
                    contents: contents(answer["content"])
                )
            )
        }
        var parameters: [Parameter] = []
        for item in value["parameters"]?.items ?? [] {
            parameters.append(try parameter(try resolve(item, document)))
        }
        let security = value["security"] ?? document["security"]
        return Operation(
            method: "",
            path: "",
            shortPath: nil,
            name: name,
            tag: tag,
            summary: summary,
            text: value["description"]?.text,
            security: (security?.items ?? []).flatMap { $0.members.map(\.name) },
            parameters: parameters,
            body: contents(value["requestBody"]?["content"]),
            answers: answers
        )
    }

    private static func parameter(_ value: DescriptionValue) throws(Fault) -> Parameter {
        guard let name = value["name"]?.text, let place = value["in"]?.text else {
            throw .missing("name of a parameter")
        }
        return Parameter(
            name: name,
            place: place,
            isRequired: value["required"] == .literal("true"),
            text: value["description"]?.text,
            schema: value["schema"]
        )
    }

    private static func contents(_ value: DescriptionValue?) -> [Content] {
        (value?.members ?? []).map {
            Content(type: $0.name, schema: $0.value["schema"], example: $0.value["example"])
        }
    }

    /// What `$ref` leads to; a value without one stays as it is.
    private static func resolve(
        _ value: DescriptionValue,
        _ document: DescriptionValue
    ) throws(Fault) -> DescriptionValue {
        guard let reference = value["$ref"]?.text else { return value }
        var found: DescriptionValue? = document
        for name in reference.drop(while: { $0 == "#" || $0 == "/" }).split(separator: "/") {
            found = found?[String(name)]
        }
        guard let found else { throw .missing(reference) }
        return found
    }
}
