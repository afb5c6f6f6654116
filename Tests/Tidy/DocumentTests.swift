import Foundation
import Testing

/// Documents may only speak of what is there.
@Suite("Documents") struct DocumentTests {
    private static func documents() throws -> [Repository.File] {
        let top = try FileManager.default.contentsOfDirectory(atPath: Repository.root)
            .filter { $0.hasSuffix(".md") }.sorted()
            .map { Repository.File(path: $0, lines: try Repository.text($0).components(separatedBy: "\n")) }
        let folders = ["docs", "Schemas", "Config", "deploy"].filter { Repository.exists($0) }
        return try top + folders.flatMap { try Repository.files(in: $0, ending: ".md") }
    }

    /// Targets of links, as they stand in the text.
    static func links(_ text: String) -> [String] {
        text.matches(of: /\]\(([^)\s]+)\)/).map { String($0.1) }
    }

    /// Paths of the repository that stand in backquotes.
    static func paths(_ text: String) -> [String] {
        text.matches(of: /`((?:Sources|Tests|docs|Schemas|Config)\/[A-Za-z0-9_.\/\-]+)[`:]/).map {
            String($0.1)
        }
    }

    /// Names of tests that stand in backquotes: `aLowerCaseName()` or `Suite/name()`.
    static func tests(_ text: String) -> [String] {
        text.matches(of: /`(?:\w+[.\/])?(\w+)\(\)`/).map { String($0.1) }
    }

    /// The anchor that a heading gets: GitHub's rule.
    static func anchor(_ heading: String) -> String {
        let kept = heading.lowercased().filter {
            $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" || $0 == "_"
        }
        return kept.replacing(" ", with: "-")
    }

    @Test func linksLeadSomewhere() throws {
        for document in try Self.documents() {
            let folder =
                document.path.contains("/") ? (document.path as NSString).deletingLastPathComponent : ""
            for link in Self.links(document.lines.joined(separator: "\n")) where !link.contains("://") {
                let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                let target =
                    parts[0].isEmpty ? document.path : (folder.isEmpty ? "" : folder + "/") + String(parts[0])
                #expect(Repository.exists(target), "\(document) links to \(link)")
                guard parts.count > 1, target.hasSuffix(".md"), Repository.exists(target) else { continue }
                let headings = try Repository.text(target).split(separator: "\n").filter { $0.hasPrefix("#") }
                    .map { Self.anchor(String($0.drop { $0 == "#" }.dropFirst())) }
                #expect(headings.contains(String(parts[1])), "\(document) links to \(link)")
            }
        }
    }

    @Test func pathsAreThere() throws {
        for document in try Self.documents() {
            for path in Self.paths(document.lines.joined(separator: "\n")) {
                #expect(Repository.exists(path), "\(document) names \(path)")
            }
        }
    }

    /// `docs/conformance.md` says which test holds which clause.
    @Test func conformanceNamesTestsThatExist() throws {
        guard Repository.exists("docs/conformance.md") else { return }
        let sources = try Repository.files(in: "Tests").flatMap(\.lines).joined(separator: "\n")
        for name in Self.tests(try Repository.text("docs/conformance.md")) {
            #expect(sources.contains("func \(name)("), "docs/conformance.md names the test \(name)")
        }
    }

    /// The rules above must be able to fail.
    @Test func whatADocumentNamesIsFound() {
        let text =
            "See [it](docs/a.md#one-two) and `Tests/VdTests/X.swift`, `VdTests/itHolds()`, `other()`, `x`."
        #expect(Self.links(text) == ["docs/a.md#one-two"])
        #expect(Self.paths(text) == ["Tests/VdTests/X.swift"])
        #expect(Self.tests(text) == ["itHolds", "other"])
        #expect(Self.anchor("One, two: §3") == "one-two-3")
    }
}
