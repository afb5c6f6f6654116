import Testing

@testable import WebConsole

@Suite("The web console's source") struct ConsoleFileTests {
    private static let texts = ConsoleFiles.all.map { ($0.name, String(decoding: $0.bytes, as: UTF8.self)) }
    private static let scripts = texts.filter { $0.0.hasSuffix(".js") }

    /// What a module imports, at its head or when a page is opened.
    private func imports(_ text: String) throws -> [String] {
        try text.matches(of: Regex(#"(?:from |import\()"\./([^"]+)""#, as: (Substring, Substring).self)).map {
            String($0.output.1)
        }
    }

    @Test func everyImportIsAFileOfIt() throws {
        let names = Set(ConsoleFiles.all.map(\.name))
        for (name, text) in Self.scripts {
            for imported in try imports(text) {
                #expect(names.contains(imported), "\(name) imports \(imported)")
            }
        }
    }

    /// A file that nothing leads to is sent to nobody.
    @Test func everyScriptIsReached() throws {
        let texts = Dictionary(uniqueKeysWithValues: Self.scripts)
        var reached: Set = ["app.js"]
        var waiting = ["app.js"]
        while let name = waiting.popLast() {
            for next in try imports(texts[name] ?? "") where reached.insert(next).inserted {
                waiting.append(next)
            }
        }
        #expect(reached == Set(texts.keys))
    }

    /// What others called something stays text: nothing is made of strings. And no other origin is asked for anything.
    @Test(arguments: [
        "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function",
        "setAttribute(\"style\"", "javascript:", "importScripts",
    ]) func nothingIsMadeOfStrings(_ word: String) {
        for (name, text) in Self.texts { #expect(!text.contains(word), "\(name) has \(word)") }
    }

    @Test func noForeignOriginIsNamed() throws {
        let address = try Regex(#"(?:https?|wss?)://[a-z0-9.-]+"#)
        for (name, text) in Self.texts {
            for match in text.matches(of: address) {
                #expect(text[match.range] == "http://www.w3.org", "\(name): \(text[match.range])")
            }
        }
    }

    @Test func filesHoldOneIdea() {
        for (name, text) in Self.texts {
            #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 400, "\(name)")
        }
    }
}
