import Testing

@testable import APIDescription

/// The description as the binary carries it (OpenAPI 3.1).
@Suite("Description of the API") struct DescriptionTests {
    private static let yaml = """
        info: {title: Test, description: "One `word`.\\n\\nTwo."}
        security: [{bearer: []}]
        tags: [{name: Things}]
        paths:
          /things/{id}:
            x-also-at: /things
            parameters: [{$ref: '#/components/parameters/id'}]
            get:
              operationId: getThing
              tags: [Things]
              summary: "A <thing>"
              responses:
                '200': {description: It., content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}, example: {a: 1}}}}
                '404': {$ref: '#/components/responses/None'}
            post: {operationId: makeThing, tags: [Things], summary: Make one, security: [], responses: {'204': {description: Made.}}}
        components:
          parameters: {id: {name: id, in: path, required: true, schema: {type: string, maxLength: 64}}}
          responses: {None: {description: There is none.}}
          schemas: {Thing: {type: object, required: [a], properties: {a: {type: integer, minimum: 1}, b: {enum: [x, y]}}}}
        """

    private static func api(_ text: String = yaml) throws -> DescribedAPI {
        try DescribedAPI(try DescriptionValue(yaml: text))
    }

    @Test func whatIsServedIsWellFormed() throws {
        let files = try DescriptionFiles()
        #expect(String(decoding: files.json.bytes, as: UTF8.self).hasPrefix(#"{"openapi":"3.1"#))
        let page = String(decoding: files.page.bytes, as: UTF8.self)
        #expect(page.hasPrefix("<!doctype html>") && page.contains("listDevices"))
        #expect(Set([files.yaml, files.json, files.page, files.style].map(\.tag)).count == 4)
    }

    /// "works without the internet": nothing of another origin, and nothing that runs.
    @Test func thePageNeedsNobodyElse() throws {
        let files = try DescriptionFiles()
        let page = String(decoding: files.page.bytes, as: UTF8.self)
        #expect(!page.contains("<script") && !page.contains("src=") && !page.contains("style=\""))
        let links = page.matches(of: /href="([^"]*)"/).map { String($0.1) }
        #expect(links.allSatisfy { $0.hasPrefix("#") || $0.hasPrefix("/api/") })
        // Each link into the page leads somewhere.
        let anchors = Set(page.matches(of: /id="([^"]*)"/).map { String($0.1) })
        #expect(anchors.count == page.matches(of: /id="/).count)
        for link in links where link.hasPrefix("#") { #expect(anchors.contains(String(link.dropFirst()))) }
        let style = String(decoding: files.style.bytes, as: UTF8.self)
        #expect(!style.contains("url(") && !style.contains("@import"))
    }

    @Test func referencesAreFollowed() throws {
        let api = try Self.api()
        let get = try #require(api.operations.first)
        #expect(get.method == "GET" && get.path == "/things/{id}" && get.shortPath == "/things")
        #expect(get.parameters.map(\.name) == ["id"] && get.parameters[0].isRequired)
        #expect(get.answers.map(\.status) == ["200", "404"] && get.answers[1].text == "There is none.")
        #expect(get.security == ["bearer"] && api.operations[1].security.isEmpty)
    }

    @Test func textOfTheDescriptionIsNoMarkup() throws {
        let html = DescriptionPage(try Self.api()).html
        #expect(html.contains("A &lt;thing&gt;") && !html.contains("<thing>"))
        #expect(html.contains("<p>One <code>word</code>.</p>\n<p>Two.</p>"))
        #expect(html.contains("<a href=\"#schema-Thing\">Thing</a>"))
        #expect(html.contains("<code>x</code>, <code>y</code>, may be absent"))
    }

    @Test(arguments: [
        ("a: 1", #"{"a":1}"#), ("a: '1'", #"{"a":"1"}"#), ("[true, null, ~, x]", #"[true,null,null,"x"]"#),
        ("a: 00:11:22", #"{"a":"00:11:22"}"#), ("a: yes", #"{"a":"yes"}"#), ("a: 1.50", #"{"a":1.50}"#),
        ("a: 2026-11-21", #"{"a":"2026-11-21"}"#), ("'a\"b': \"\\n\"", #"{"a\"b":"\n"}"#),
    ]) func valuesAreThoseOfJSON(yaml: String, json: String) throws {
        #expect(try DescriptionValue(yaml: yaml).json == json)
    }

    @Test func whatIsNoDescriptionIsRefused() throws {
        #expect(throws: DescriptionValue.Fault.self) { try DescriptionValue(yaml: "a: [") }
        #expect(throws: DescriptionValue.Fault.notJSON) { try DescriptionValue(yaml: "[a]: b") }
        #expect(throws: DescribedAPI.Fault.missing("#/components/responses/Nobody")) {
            try Self.api(Self.yaml.replacing("responses/None", with: "responses/Nobody"))
        }
        #expect(throws: DescribedAPI.Fault.self) { try Self.api("paths: {}") }
    }
}
