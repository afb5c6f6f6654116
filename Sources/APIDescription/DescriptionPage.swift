/// The description as one page of HTML, without a script and without anything from elsewhere.
struct DescriptionPage {
    private let api: DescribedAPI

    init(_ api: DescribedAPI) { self.api = api }

    var html: String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(HTML.escape(api.title)) API</title>
        <link rel="stylesheet" href="/api/page.css">
        </head>
        <body>
        <nav aria-label="Contents">\(contents)</nav>
        <main>
        <h1>\(HTML.escape(api.title)) API</h1>
        <p>For programs: <a href="/api/openapi.yaml">openapi.yaml</a>, <a href="/api/openapi.json">openapi.json</a>.</p>
        \(HTML.prose(api.text))
        \(api.tags.map(section).joined(separator: "\n"))
        <h2 id="schemas">Schemas</h2>
        \(api.schemas.map(schema).joined(separator: "\n"))
        </main>
        </body>
        </html>

        """
    }

    private var contents: String {
        let parts = api.tags.map { tag in
            let links = operations(of: tag).map {
                "<li><a href=\"#\($0.name)\">\(HTML.escape($0.summary))</a></li>"
            }
            return "<strong>\(HTML.escape(tag))</strong><ul>\(links.joined())</ul>"
        }
        return parts.joined() + "<a href=\"#schemas\">Schemas</a>"
    }

    private func operations(of tag: String) -> [DescribedAPI.Operation] {
        api.operations.filter { $0.tag == tag }
    }

    private func section(_ tag: String) -> String {
        "<h2>\(HTML.escape(tag))</h2>\n" + operations(of: tag).map(article).joined(separator: "\n")
    }

    // MARK: One operation

    private func article(_ operation: DescribedAPI.Operation) -> String {
        var parts = [
            """
            <details id="\(operation.name)"><summary><span class="method">\(operation.method)</span> \
            <code>\(HTML.escape(operation.path))</code> \(HTML.escape(operation.summary))</summary>
            """
        ]
        if let text = operation.text { parts.append(HTML.prose(text)) }
        if let path = operation.shortPath {
            parts.append("<p>Of channel 0 also at <code>\(HTML.escape(path))</code>.</p>")
        }
        parts.append("<p class=\"rule\">\(who(operation.security))</p>")
        if !operation.parameters.isEmpty { parts.append(table(operation.parameters)) }
        for content in operation.body { parts.append("<h3>Body</h3>" + body(content)) }
        parts.append("<h3>Answers</h3><table>" + operation.answers.map(row).joined() + "</table>")
        for answer in operation.answers where answer.status.hasPrefix("2") {
            for content in answer.contents where content.example != nil { parts.append(example(content)) }
        }
        return parts.joined(separator: "\n") + "</details>"
    }

    private func who(_ security: [String]) -> String {
        if security.isEmpty { return "Needs no login." }
        let words = security.map { $0 == "bearer" ? "an access token" : "a ticket" }
        return "Needs \(words.joined(separator: " or "))."
    }

    private func table(_ parameters: [DescribedAPI.Parameter]) -> String {
        let rows = parameters.map { parameter in
            """
            <tr><td><code>\(HTML.escape(parameter.name))</code></td><td>\(parameter.place)\
            \(parameter.isRequired ? ", required" : "")</td><td>\(type(parameter.schema))</td>\
            <td>\(HTML.inline(parameter.text ?? ""))</td></tr>
            """
        }
        return "<h3>Parameters</h3><table>\(rows.joined())</table>"
    }

    private func body(_ content: DescribedAPI.Content) -> String {
        "<p><code>\(HTML.escape(content.type))</code>: \(type(content.schema))</p>" + example(content)
    }

    private func example(_ content: DescribedAPI.Content) -> String {
        guard let example = content.example else { return "" }
        return "<pre>\(HTML.escape(example.text ?? HTML.indented(example)))</pre>"
    }

    private func row(_ answer: DescribedAPI.Answer) -> String {
        let types = answer.contents.map {
            "<code>\(HTML.escape($0.type))</code> \(answer.status.hasPrefix("2") ? type($0.schema) : "")"
        }
        return """
            <tr><td>\(answer.status)</td><td>\(HTML.inline(answer.text))</td>\
            <td>\(types.joined(separator: "<br>"))</td></tr>
            """
    }

    // MARK: Schemas

    private func schema(_ member: DescriptionValue.Member) -> String {
        """
        <details id="schema-\(member.name)"><summary><code>\(HTML.escape(member.name))</code></summary>
        \(HTML.inline(member.value["description"]?.text ?? "")) \(fields(member.value, depth: 0))</details>
        """
    }

    /// The members of an object; of anything else its type.
    private func fields(_ schema: DescriptionValue, depth: Int) -> String {
        let parts = schema["allOf"]?.items ?? []
        if !parts.isEmpty { return parts.map { fields($0, depth: depth) }.joined() }
        guard let properties = schema["properties"], depth < 6 else { return "<p>\(type(schema))</p>" }
        let required = Set((schema["required"]?.items ?? []).compactMap(\.text))
        let rows = properties.members.map { member in
            let inner = member.value["items"] ?? member.value
            let below = inner["properties"] == nil ? "" : fields(inner, depth: depth + 1)
            return """
                <tr><td><code>\(HTML.escape(member.name))</code></td><td>\(type(member.value))\
                \(required.contains(member.name) ? "" : ", may be absent")</td>\
                <td>\(HTML.inline(member.value["description"]?.text ?? ""))\(below)</td></tr>
                """
        }
        return "<table>\(rows.joined())</table>"
    }

    /// What a value may be, in a few words.
    private func type(_ schema: DescriptionValue?) -> String {
        guard let schema else { return "" }
        if let reference = schema["$ref"]?.text, let name = reference.split(separator: "/").last {
            return "<a href=\"#schema-\(name)\">\(HTML.escape(String(name)))</a>"
        }
        for word in ["anyOf", "oneOf"] {
            if let parts = schema[word]?.items, !parts.isEmpty {
                return parts.map(type).joined(separator: " or ")
            }
        }
        if let values = schema["enum"]?.items {
            return values.map { "<code>\(HTML.escape($0.words))</code>" }.joined(separator: ", ")
        }
        if let value = schema["const"] { return "<code>\(HTML.escape(value.words))</code>" }
        if let items = schema["items"] {
            return "list of " + (items["properties"] == nil ? type(items) : "objects")
        }
        let name = schema["type"].map {
            $0.items.isEmpty ? $0.words : $0.items.map(\.words).joined(separator: " or ")
        }
        return HTML.escape(([name ?? "any"] + bounds(schema)).joined(separator: ", "))
    }

    private func bounds(_ schema: DescriptionValue) -> [String] {
        let words = [
            ("format", ""), ("minimum", "from "), ("maximum", "to "), ("minLength", "at least "),
            ("maxLength", "at most "), ("default", "unless told "),
        ]
        return words.compactMap { name, word in schema[name].map { word + $0.words } }
    }
}

/// Text of the description as HTML.
enum HTML {
    static func escape(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }

    /// What stands between back quotes is code.
    static func inline(_ text: String) -> String {
        let parts = text.split(separator: "`", omittingEmptySubsequences: false).map { escape(String($0)) }
        return parts.enumerated().map { $0 % 2 == 0 ? $1 : "<code>\($1)</code>" }.joined()
    }

    /// Paragraphs, which an empty line parts.
    static func prose(_ text: String) -> String {
        text.split(separator: "\n\n").map { "<p>\(inline(String($0)))</p>" }.joined(separator: "\n")
    }

    /// JSON for people: members of an object on lines of their own.
    static func indented(_ value: DescriptionValue, depth: Int = 0) -> String {
        let inner = String(repeating: "  ", count: depth + 1)
        let outer = String(repeating: "  ", count: depth)
        switch value {
        case .object(let members) where !members.isEmpty && value.json.utf8.count > 80:
            let lines = members.map {
                "\(inner)\(DescriptionValue.text($0.name).json): \(indented($0.value, depth: depth + 1))"
            }
            return "{\n\(lines.joined(separator: ",\n"))\n\(outer)}"
        case .list(let items) where value.json.utf8.count > 80:
            let lines = items.map { inner + indented($0, depth: depth + 1) }
            return "[\n\(lines.joined(separator: ",\n"))\n\(outer)]"
        default: return value.json
        }
    }
}
