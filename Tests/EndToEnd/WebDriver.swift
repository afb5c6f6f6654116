import Foundation
import Testing

/// Headless Chromium through its driver (W3C WebDriver): what a person does with a page, and what the page then shows.
final class WebDriver: Sendable {
    struct Look: Sendable {
        var width = 1280
        var height = 860
        var isDark = false

        static let desktop = Look()
        static let phone = Look(width: 390, height: 844)
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private struct Answer<Value: Decodable>: Decodable {
        var value: Value
    }

    private struct Opened: Decodable {
        var sessionId: String
    }

    private struct Line: Decodable {
        var level: String
        var source: String?
        var message: String
    }

    private struct Refusal: Decodable {
        var error: String
        var message: String
    }

    private struct Found: Decodable {
        enum CodingKeys: String, CodingKey { case element = "element-6066-11e4-a52e-4f735466cecf" }
        var element: String
    }

    private struct Nothing: Decodable {
        init(from decoder: any Decoder) {}
    }

    private let driver: ToolProcess
    private let folder: String
    private let address: String

    /// A browser for as long as `work` runs; it ends with it, whatever happens.
    static func with<Result>(
        _ look: Look = .desktop,
        _ work: (WebDriver) async throws -> Result
    ) async throws -> Result {
        let browser = try await WebDriver(look)
        let result: Result
        do {
            result = try await work(browser)
        } catch {
            let page = (try? await browser.text("body")) ?? ""
            await browser.end()
            throw Failure(description: "\(error); the page: \(page.prefix(1500))")
        }
        await browser.end()
        return result
    }

    private init(_ look: Look) async throws {
        let port = try FreePorts.take(1)[0]
        let folder = try TestFolder.make()
        self.folder = folder
        driver = try ToolProcess("chromedriver", ["--port=\(port)"], environment: ["HOME": folder])
        let root = "http://127.0.0.1:\(port)"
        try await eventually("chromedriver listens", within: 60) { [driver] in
            if driver.hasEnded { throw Failure(description: "chromedriver ended: \(driver.output)") }
            return driver.output.contains("started successfully")
        }
        var options: [String: Any] = [
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--ignore-certificate-errors", "--window-size=\(look.width),\(look.height)", "--lang=en-GB",
                "--blink-settings=preferredColorScheme=\(look.isDark ? 0 : 1)",
            ]
        ]
        if look.width < 500 {
            options["mobileEmulation"] = [
                "deviceMetrics": ["width": look.width, "height": look.height, "pixelRatio": 1, "touch": true]
            ]
        }
        let wanted: [String: Any] = [
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": ["browser": "ALL"],
        ]
        let opened: Opened = try await Self.call(
            "POST",
            root + "/session",
            ["capabilities": ["alwaysMatch": wanted]]
        )
        address = root + "/session/" + opened.sessionId
    }

    /// Closes the browser: killing its driver would leave it behind.
    private func end() async {
        let _: Nothing? = try? await Self.call("DELETE", address)
        driver.kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func call<Value: Decodable>(
        _ method: String,
        _ address: String,
        _ body: [String: Any]? = nil
    ) async throws -> Value {
        var arguments = ["-sS", "-m", "120", "-X", method, address]
        // A file: a script may be longer than an argument can be.
        let folder = try TestFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        if let body {
            let file = folder + "/request.json"
            try JSONSerialization.data(withJSONObject: body).write(to: URL(filePath: file))
            arguments += ["-H", "Content-Type: application/json", "--data-binary", "@" + file]
        }
        let text = try await Tool.output("curl", arguments, within: 130)
        if let refusal = try? JSONDecoder().decode(Answer<Refusal>.self, from: Data(text.utf8)).value {
            throw Failure(description: "\(refusal.error): \(refusal.message.prefix(400))")
        }
        do {
            return try JSONDecoder().decode(Answer<Value>.self, from: Data(text.utf8)).value
        } catch {
            throw Failure(description: "\(method) \(address): \(text.prefix(600))")
        }
    }

    private func element(_ selector: String) async throws -> String {
        let found: Found = try await Self.call(
            "POST",
            address + "/element",
            ["using": "css selector", "value": selector]
        )
        return address + "/element/" + found.element
    }

    // MARK: What a person does

    func open(_ url: String) async throws {
        let _: Nothing = try await Self.call("POST", address + "/url", ["url": url])
    }

    /// Waits until it is there and can be clicked.
    func click(_ selector: String) async throws {
        var last = ""
        do {
            try await eventually("click \(selector)", within: 60) {
                do {
                    let _: Nothing = try await Self.call("POST", try await element(selector) + "/click", [:])
                    return true
                } catch let failure as Failure {
                    last = failure.description
                    return false
                }
            }
        } catch { throw Failure(description: "\(error): \(last)") }
    }

    func type(_ text: String, into selector: String) async throws {
        try await wait("\(selector) is there", "document.querySelector(\(Self.quoted(selector)))")
        let _: Nothing = try await Self.call("POST", try await element(selector) + "/value", ["text": text])
    }

    /// A key, as a page hears it.
    func press(_ key: String, on selector: String) async throws {
        try await wait("\(selector) is there", "document.querySelector(\(Self.quoted(selector)))")
        let _: Bool = try await run(
            """
            const event = new KeyboardEvent("keydown", {key: \(Self.quoted(key)), bubbles: true, cancelable: true});
            document.querySelector(\(Self.quoted(selector))).dispatchEvent(event);
            return true;
            """
        )
    }

    /// An option of a list.
    func choose(_ value: String, in selector: String) async throws {
        let _: Bool = try await run(
            """
            const list = document.querySelector(\(Self.quoted(selector)));
            list.value = \(Self.quoted(value));
            return list.dispatchEvent(new Event("change", {bubbles: true}));
            """
        )
    }

    /// Holds the pointer on it until `condition` holds.
    func hold(_ selector: String, until condition: () async throws -> Bool) async throws {
        let element = try await element(selector)
        let name = element.split(separator: "/").last.map(String.init) ?? ""
        let origin = [Found.CodingKeys.element.rawValue: name]
        try await pointer([
            ["type": "pointerMove", "origin": origin, "x": 0, "y": 0], ["type": "pointerDown", "button": 0],
        ])
        try await eventually("what holding \(selector) does", within: 60, condition)
        try await pointer([["type": "pointerUp", "button": 0]])
    }

    private func pointer(_ actions: [[String: Any]]) async throws {
        let mouse: [String: Any] = [
            "type": "pointer", "id": "mouse", "parameters": ["pointerType": "mouse"], "actions": actions,
        ]
        let _: Nothing = try await Self.call("POST", address + "/actions", ["actions": [mouse]])
    }

    /// Another tab of the same browser, which is the one that is looked at from then on; its name.
    func openTab() async throws -> String {
        let made: [String: String] = try await Self.call(
            "POST",
            address + "/window/new",
            ["type": "tab"]
        )
        let name = try #require(made["handle"])
        try await showTab(name)
        return name
    }

    func showTab(_ name: String) async throws {
        let _: Nothing = try await Self.call("POST", address + "/window", ["handle": name])
    }

    /// The one that is looked at.
    func tab() async throws -> String { try await Self.call("GET", address + "/window") }

    func closeTab() async throws {
        let _: [String] = try await Self.call("DELETE", address + "/window")
    }

    // MARK: What the page shows

    /// The value of a script that ends with `return …`.
    func run<Value: Decodable>(_ script: String, as type: Value.Type = Value.self) async throws -> Value {
        try await Self.call("POST", address + "/execute/sync", ["script": script, "args": []])
    }

    /// The same of a script that calls its last argument.
    func runLater<Value: Decodable>(_ script: String, as type: Value.Type = Value.self) async throws -> Value
    {
        try await Self.call("POST", address + "/execute/async", ["script": script, "args": []])
    }

    /// Until the expression holds.
    func wait(_ what: String, within seconds: Int = 90, _ expression: String) async throws {
        try await eventually(what, within: seconds) { try await run("return Boolean(\(expression))") }
    }

    func text(_ selector: String) async throws -> String {
        try await run("return document.querySelector(\(Self.quoted(selector)))?.innerText ?? ''")
    }

    /// Until `selector` says it.
    func wait(for words: String, in selector: String = "main") async throws {
        let (selector, quoted) = (Self.quoted(selector), Self.quoted(words))
        try await wait(
            "'\(words)' in \(selector)",
            "[...document.querySelectorAll(\(selector))].some(e => e.innerText.includes(\(quoted)))"
        )
    }

    private struct Picture: Decodable {
        var value: String
    }

    /// A PNG of the page, or of one element.
    func picture(of selector: String? = nil) async throws -> Data {
        let place = if let selector { try await element(selector) } else { address }
        let text: String = try await Self.call("GET", place + "/screenshot")
        return try #require(Data(base64Encoded: text))
    }

    /// Errors of scripts and what the security policy held back, since they were last asked for. An answer such as 404 is
    /// none of them.
    func complaints() async throws -> [String] {
        let lines: [Line] = try await Self.call("POST", address + "/se/log", ["type": "browser"])
        return lines.filter { $0.level == "SEVERE" && $0.source != "network" }.map(\.message)
    }

    static func quoted(_ text: String) -> String {
        let data = try? JSONSerialization.data(withJSONObject: [text])
        return String(decoding: data ?? Data(), as: UTF8.self).dropFirst().dropLast().description
    }
}
