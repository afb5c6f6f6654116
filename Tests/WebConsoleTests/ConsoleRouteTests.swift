import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Testing

@testable import WebConsole

@Suite("The web console's files") struct ConsoleRouteTests {
    private static let media = "https://media.example:8443"

    private func asking<Answer: Sendable>(
        _ work: @escaping @Sendable (any TestClientProtocol) async throws -> Answer
    ) async throws -> Answer {
        let router = Router()
        WebConsole(media: [Self.media]).addRoutes(to: router)
        return try await Application(router: router).test(.router, work)
    }

    private func get(_ uri: String, _ headers: HTTPFields = [:]) async throws -> TestResponse {
        try await asking { try await $0.execute(uri: uri, method: .get, headers: headers) }
    }

    /// The addresses that the page names.
    private func addresses() async throws -> [String] {
        let page = String(buffer: try await get("/").body)
        return page.split(separator: "\"").map(String.init).filter { $0.hasPrefix("/console/") }
    }

    @Test func thePageAndWhatItNamesAreThere() async throws {
        let page = try await get("/")
        #expect(page.status == .ok)
        #expect(page.headers[.contentType] == "text/html; charset=utf-8")
        #expect(page.headers[.cacheControl] == "no-cache")
        let named = try await addresses()
        #expect(named.count >= 6)
        for address in named {
            let answer = try await get(address)
            #expect(answer.status == .ok, "\(address)")
            #expect(answer.headers[.cacheControl] == "public, max-age=31536000, immutable")
        }
    }

    /// RFC 9110, 13.1.2.
    @Test func whoHasItIsToldSo() async throws {
        for uri in ["/", try #require(try await addresses().first)] {
            let tag = try #require(try await get(uri).headers[.eTag])
            for known in [tag, "W/" + tag, "\"other\", " + tag] {
                let answer = try await get(uri, [.ifNoneMatch: known])
                #expect(answer.status == .notModified && answer.body.readableBytes == 0, "\(uri) \(known)")
            }
            #expect(try await get(uri, [.ifNoneMatch: "\"other\""]).status == .ok)
        }
    }

    @Test func headSaysHowLongItIs() async throws {
        let whole = try await get("/")
        let head = try await asking { try await $0.execute(uri: "/", method: .head) }
        #expect(head.status == .ok && head.body.readableBytes == 0)
        #expect(head.headers[.contentLength] == "\(whole.body.readableBytes)")
    }

    @Test(arguments: ["/console/x/app.js", "/console/../app.js", "/console/app.js", "/index.html"])
    func nothingElseIsThere(_ uri: String) async throws {
        #expect(try await get(uri).status == .notFound)
    }

    /// CSP Level 3: neither scripts in the page nor of elsewhere, no frames, no plug-ins, no base.
    @Test func everyAnswerBindsTheBrowser() async throws {
        for uri in ["/", try #require(try await addresses().first)] {
            let headers = try await get(uri).headers
            let policy = try #require(headers[.contentSecurityPolicy])
            let directives = Dictionary(
                uniqueKeysWithValues: policy.split(separator: "; ").map { text in
                    let words = text.split(separator: " ").map(String.init)
                    return (words[0], Array(words.dropFirst()))
                }
            )
            #expect(directives["default-src"] == ["'none'"])
            #expect(directives["script-src"] == ["'self'"])
            #expect(directives["style-src"] == ["'self'"])
            #expect(directives["frame-ancestors"] == ["'none'"])
            #expect(directives["base-uri"] == ["'none'"])
            #expect(directives["form-action"] == ["'self'"])
            #expect(directives["connect-src"] == ["'self'", Self.media, "wss://media.example:8443"])
            #expect(!policy.contains("unsafe") && !policy.contains("*"))
            #expect(headers[.xContentTypeOptions] == "nosniff")
            #expect(headers[try #require(HTTPField.Name("Referrer-Policy"))] == "no-referrer")
            #expect(
                headers[try #require(HTTPField.Name("Permissions-Policy"))]?.contains("camera=()") == true
            )
        }
    }
}
