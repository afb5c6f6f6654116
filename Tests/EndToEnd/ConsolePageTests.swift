import CustomerUnit
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
                    ["--video", try await Scene.day.path(), "--alarm", "human@25s", "--battery", "82"]
                ),
                try await house.camera(
                    "cam-2",
                    named: "Garden",
                    of: house.anna,
                    ["--video", try await Scene.evening.path()]
                ),
            ]
            for camera in ["cam-1", "cam-2"] { try await record(camera, house) }
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
                        if page.isEmpty {
                            try await browser.wait(
                                "both cameras' pictures",
                                "[...document.querySelectorAll('.tile img')].filter((one) => one.naturalWidth).length == 2"
                            )
                        }
                        if page == "cameras/cam-1" {
                            try await browser.wait("its day", "document.querySelector('.strip-recorded')")
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

        private struct Recording: Codable, Sendable {
            var state: String
        }

        private struct Recorded: Codable, Sendable {
            struct Span: Codable, Sendable {
                var duration: Double
            }
            var items: [Span]
        }

        /// So that there is a picture of it, and something on the strip of its day.
        private func record(_ camera: String, _ house: ConsoleHouse) async throws {
            let channel = "/devices/\(camera)/channels/0"
            let _: Recording = try await house.anna.call(
                .post,
                channel + "/record",
                sending: ["seg_duration": 2]
            )
            try await eventually("\(camera) is recorded", within: 90) {
                let recorded: Recorded = try await house.anna.call(.get, channel + "/recordings")
                return !recorded.items.isEmpty
            }
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

/// A house under the sky: the pictures of the manual show it.
private enum Scene {
    case day, evening

    private var view: String {
        switch self {
        case .day: "c0=0x6fa8dc:c1=0xdfe9ef:c2=0x6d9a5f:c3=0x3f6b3d"
        case .evening: "c0=0x1d2545:c1=0xd9805a:c2=0x2c3b36:c3=0x1a2724"
        }
    }

    func path() async throws -> String {
        let path = try TestFolder.make() + "/scene.ts"
        _ = try await Tool.output(
            "ffmpeg",
            [
                "-v", "error", "-f", "lavfi", "-i",
                "gradients=size=640x360:rate=25:\(view):nb_colors=4:x0=320:y0=0:x1=320:y1=360:speed=0.00001,"
                    + "drawbox=x=390:y=130:w=170:h=130:c=0xa8674d:t=fill,drawbox=x=375:y=112:w=200:h=22:c=0x5a3a30:t=fill,"
                    + "drawbox=x=450:y=190:w=48:h=70:c=0x3b2a22:t=fill,drawbox=x=408:y=155:w=30:h=30:c=0xf3d78b:t=fill,"
                    + "drawbox=x=510:y=155:w=30:h=30:c=0xf3d78b:t=fill",
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
