import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// Every page, light and dark, on a desk and on a phone: axe-core finds nothing (WCAG 2.2 A and AA and what it holds for
    /// good practice), nothing is wider than the screen, no script fails and the security policy holds nothing back.
    @Suite("The web console for everybody") struct ConsolePageTests {
        private struct Violation: Decodable, Sendable {
            var rule: String
            var places: [String]
        }

        /// Put there by `Tests/Scripts/setup`.
        private static let axe = Repository.root.appending(path: ".build/test-tools/axe.min.js")

        private static let pages = [
            "", "cameras/cam-1", "alarms", "households", "account", "operate/units", "operate/sessions",
            "operate/streams", "operate/rollouts", "operate/users", "operate/nodes", "operate/storage",
            "operate/audit",
        ]

        @Test func everyPageIsUsableAndFits() async throws {
            let rules = try String(contentsOf: Self.axe, encoding: .utf8)
            let house = try await ConsoleHouse()
            let units = [
                try await house.camera(
                    "cam-1",
                    named: "Front door",
                    of: house.anna,
                    ["--video", try await Scene.path(), "--alarm", "human@6s", "--battery", "82"]
                ), try await house.camera("cam-2", named: "Garden", of: house.anna),
            ]
            let looks: [(name: String, look: WebDriver.Look)] = [
                ("light", .desktop), ("dark", .init(isDark: true)), ("phone", .phone),
                ("small-dark", .init(width: 320, height: 640, isDark: true)),
            ]
            for (name, look) in looks {
                try await WebDriver.with(look) { browser in
                    try await browser.open(house.platform.url + "/")
                    try await browser.wait("the door", "document.querySelector('input[name=user]')")
                    try await check("login", browser, rules)
                    try await house.logIn("admin", at: browser)
                    for page in Self.pages {
                        try await house.open(page, at: browser)
                        try await browser.wait(
                            "\(page)",
                            "document.querySelector('main .page, main .notice')"
                        )
                        if page == "cameras/cam-1" {
                            _ = try await browser.picture("the picture") { $0.frames > 10 }
                            try await browser.wait("how it moves", "document.querySelector('.pad')")
                        }
                        try await check("\(name) \(page)", browser, rules)
                        try await Manual.keep(page, name, browser)
                    }
                }
            }
            withExtendedLifetime(units) {}
        }

        private func check(_ page: String, _ browser: WebDriver, _ rules: String) async throws {
            let width: [Int] = try await browser.run(
                "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            #expect(width[0] <= width[1], "\(page) is wider than the screen")
            let violations: [Violation] = try await browser.runLater(
                rules + """
                    ;const done = arguments[arguments.length - 1];
                    axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => done(violations.map((found) => ({
                      rule: found.id,
                      places: found.nodes.map((node) => node.target + " " + node.html.slice(0, 200)),
                    }))), (error) => done([{rule: String(error), places: []}]));
                    """
            )
            for violation in violations {
                Issue.record("\(page): \(violation.rule) \(violation.places.prefix(3))")
            }
            #expect(try await browser.complaints() == [], "\(page)")
        }
    }
}

/// Something like a view, with movement: the pictures of the manual show it.
private enum Scene {
    static func path() async throws -> String {
        let path = try TestFolder.make() + "/scene.ts"
        _ = try await Tool.output(
            "ffmpeg",
            [
                "-v", "error", "-f", "lavfi", "-i",
                "gradients=size=640x360:rate=25:c0=0x7fb2d9:c1=0xe9d8b4:c2=0x3c6b4d:c3=0x24402f:nb_colors=4:seed=7:speed=0.004",
                "-f", "lavfi", "-i", "sine=frequency=330", "-t", "20", "-c:v", "libx264", "-preset",
                "ultrafast",
                "-tune", "zerolatency", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "mpegts",
                path,
            ]
        )
        return path
    }
}

/// The pictures of docs/console.md, made anew by `VEDETTE_TEST_UPDATE=1 swift test --filter ConsolePageTests`.
private enum Manual {
    private static let kept = [
        "light ": "cameras", "dark cameras/cam-1": "camera-dark", "light operate/units": "units",
        "phone cameras/cam-1": "camera-phone", "small-dark ": "cameras-phone-dark",
    ]

    static func keep(_ page: String, _ look: String, _ browser: WebDriver) async throws {
        guard let name = kept["\(look) \(page)"],
            ProcessInfo.processInfo.environment["VEDETTE_TEST_UPDATE"] != nil
        else { return }
        let folder = try TestFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await browser.picture().write(to: URL(filePath: folder + "/page.png"))
        let place = Repository.root.appending(path: "docs/images/\(name).png").path
        try FileManager.default.createDirectory(
            at: Repository.root.appending(path: "docs/images"),
            withIntermediateDirectories: true
        )
        // 128 colours: a tenth of the octets, and nobody sees it.
        let palette = "split[a][b];[a]palettegen=max_colors=128[p];[b][p]paletteuse=dither=none"
        _ = try await Tool.output(
            "ffmpeg",
            ["-v", "error", "-y", "-i", folder + "/page.png", "-vf", palette, place]
        )
    }
}

private enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
}
