import APIDescription
import CustomerAccess
import Foundation
import HTTPTypes
import ServerKit
import Testing

/// `Schemas/openapi.yaml` and the routes are held to each other, so that nobody adds a call that is not described.
@Suite("Description of the API, served") struct DescriptionAPITests {
    /// Calls that a ticket opens are served by the storage of recordings; `Tests/API/drive.py` holds those to the description.
    private static let ofAnotherRoom = "playbackTicket"

    private static func route(_ method: String, _ path: String) -> String {
        "\(method) \(path.replacing(/\{\w+\}|:\w+/, with: "{}"))"
    }

    private static func described() throws -> Set<String> {
        let text = String(decoding: try DescriptionFiles().yaml.bytes, as: UTF8.self)
        var routes: Set<String> = []
        for operation in try DescribedAPI(try DescriptionValue(yaml: text)).operations
        where !operation.security.contains(ofAnotherRoom) {
            routes.insert(route(operation.method, "/api/v1" + operation.path))
            if let path = operation.shortPath { routes.insert(route(operation.method, "/api/v1" + path)) }
        }
        return routes
    }

    @Test func everyRouteIsDescribedAndEveryDescriptionServed() async throws {
        let served = Set(
            APIClient.served.filter { $0.path.contains("/api/v1/") }.map { Self.route($0.method, $0.path) }
        )
        let described = try Self.described()
        #expect(served.subtracting(described).sorted() == [], "served, and not in Schemas/openapi.yaml")
        #expect(described.subtracting(served).sorted() == [], "in Schemas/openapi.yaml, and not served")
    }

    /// A part of the API that this test leaves out would be served without being looked at.
    @Test func noPartIsLeftOut() {
        for child in Mirror(reflecting: APIClient.complete()).children {
            let value = Mirror(reflecting: child.value)
            #expect(value.displayStyle != .optional || !value.children.isEmpty, "\(child.label ?? "") is nil")
        }
    }

    @Test(arguments: [
        ("", "text/html; charset=utf-8"), ("/openapi.yaml", "application/yaml"),
        ("/openapi.json", "application/json"), ("/page.css", "text/css; charset=utf-8"),
    ]) func filesAreServedToEverybodyAndOnce(path: String, type: String) async throws {
        try await APIClient.run { api in
            let answer = try await api.get("/api" + path)
            #expect(answer.status == 200 && answer.headers[.contentType] == type && !answer.bytes.isEmpty)
            #expect(answer.headers[.xContentTypeOptions] == "nosniff")
            let policy = try #require(answer.headers[.contentSecurityPolicy])
            #expect(policy.hasPrefix("default-src 'none'; style-src 'self'") && !policy.contains("unsafe"))
            let tag = try #require(answer.headers[.eTag])
            for known in [tag, "W/" + tag, "\"x\", " + tag, "*"] {
                let again = try await api.get("/api" + path, [.ifNoneMatch: known])
                #expect(again.status == 304 && again.bytes.isEmpty && again.headers[.eTag] == tag)
            }
            #expect(try await api.get("/api" + path, [.ifNoneMatch: "\"x\""]).status == 200)
            let head = try await api.get("/api" + path, method: .head)
            #expect(head.status == 200 && head.bytes.isEmpty)
            let post = try await api.get("/api" + path, method: .post)
            #expect(post.status == 405 && post.headers[.allow] == "GET, HEAD")
        }
    }
}
