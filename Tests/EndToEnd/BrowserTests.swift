import CustomerUnit
import Foundation
import HSSModel
import Synchronization
import Testing

extension EndToEnd {
    /// Headless Chromium plays fragmented MP4 through Media Source Extensions, with the player of docs/examples as it
    /// stands; `pu run` is the camera, with real H.264 and AAC.
    @Suite("A live picture in a browser, §9.3.3") struct BrowserTests {
        @Test func chromiumPlaysTheExample() async throws {
            let camera = try await RealCamera()
            let admin = try await camera.platform.admin()
            let live: LiveAnswer = try await admin.call(.post, "/devices/cam-1/channels/0/live")
            let browser = try await Browser(showing: live.play.ws)
            let first = try await browser.report("the picture") { $0.frames > 50 && $0.time > 0 }
            #expect(first.width == 640 && first.error == nil && first.status == "640 × 360", "\(first)")
            let second = try await browser.report("the picture goes on") { $0.frames > first.frames + 50 }
            #expect(second.time > first.time + 1 && second.error == nil, "\(second)")
            #expect(
                try await camera.platform.figure("vedette_media_viewers{protocol=\"ws\"}") == 1
            )
            // The camera dies and comes back: the same page goes on.
            try await camera.restart()
            let third = try await browser.report("the picture after the camera's return", within: 90) {
                $0.time > second.time + 4 || $0.frames < second.frames && $0.frames > 50
            }
            #expect(third.error == nil && third.width == 640, "\(third)")
            // An operator ends it; the page says so and stays away.
            let stream = live.streamId
            let detail: StreamBody = try await admin.call(.get, "/admin/streams/\(stream)")
            let viewer = try #require(detail.items.first { $0.protocol == "ws" })
            let _: PlatformClient.Nothing = try await admin.call(
                .delete,
                "/admin/streams/\(stream)/viewers/\(viewer.viewerId)"
            )
            _ = try await browser.report("the reason") { $0.status == "Ended: closed-by-operator." }
            await admin.shutdown()
        }

        private struct StreamBody: Codable, Sendable {
            struct Viewer: Codable, Sendable {
                var viewerId: String
                var `protocol`: String
            }
            var items: [Viewer]
        }
    }
}

/// A platform, and `pu run` with a real picture as `cam-1`.
final class RealCamera: Sendable {
    let platform: PlatformProcess
    private let credentials: String
    private let clip: String
    private let unit: Mutex<ToolProcess>

    init(_ settings: [String: String] = [:]) async throws {
        platform = try await PlatformProcess(settings)
        clip = try await Clip.path()
        let password = try await platform.enrol("cam-1", mac: "001122334455")
        credentials = platform.folder + "/camera"
        try "cam-1 001122334455 \(password.reveal())\n".write(
            toFile: credentials,
            atomically: true,
            encoding: .utf8
        )
        unit = Mutex(try Self.start(platform, credentials, clip))
        try await waitUntilOnline()
    }

    deinit { unit.withLock { $0.kill() } }

    /// An operator asks for the picture.
    func live() async throws -> LiveAnswer {
        let admin = try await platform.admin()
        let live: LiveAnswer = try await admin.call(.post, "/devices/cam-1/channels/0/live")
        await admin.shutdown()
        return live
    }

    /// `kill -9`, and a new one.
    func restart() async throws {
        let old = unit.withLock(\.self)
        old.kill()
        _ = await old.end()
        let new = try Self.start(platform, credentials, clip)
        unit.withLock { $0 = new }
    }

    private static func start(
        _ platform: PlatformProcess,
        _ credentials: String,
        _ clip: String
    ) throws -> ToolProcess {
        try ToolProcess(
            PlatformProcess.program,
            [
                "pu", "run", "--platform", platform.url, "--ca", platform.authorityPath, "--credentials",
                credentials, "--video", clip,
            ]
        )
    }

    private func waitUntilOnline() async throws {
        try await eventually("the unit is online") {
            try await platform.figure("vedette_vd_units_online") == 1
        }
    }
}

/// Headless Chromium with docs/examples/player.html in a frame, and a page around it that tells what the player shows.
final class Browser: Sendable {
    struct Report: Decodable, Sendable {
        var width: Int
        var frames: Int
        var time: Double
        var error: String?
        var status: String
    }

    private static let player = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "docs/examples/player.html").path

    private static let page = """
        <!doctype html><iframe id="frame" allow="autoplay" width="700" height="500"></iframe><script>
        frame.src = "/player.html" + location.hash;
        setInterval(() => {
          const page = frame.contentDocument, video = page && page.querySelector("video");
          if (!video) return;
          const status = page.querySelector("[role=status]").textContent;
          const frames = video.getVideoPlaybackQuality().totalVideoFrames;
          fetch("/report", {method: "POST", body: JSON.stringify({width: video.videoWidth, frames,
            time: video.currentTime, error: video.error && video.error.message, status})});
        }, 250);
        </script>
        """

    private static let nativePage = """
        <!doctype html><video muted autoplay></video><script>
        const video = document.querySelector("video");
        video.src = location.hash.slice(1);
        setInterval(() => fetch("/report", {method: "POST", body: JSON.stringify({width: video.videoWidth,
          frames: video.getVideoPlaybackQuality().totalVideoFrames, time: video.currentTime,
          error: video.error && video.error.message, status: ""})}), 250);
        </script>
        """

    /// Serves both pages, and writes what is reported into a file, a line each.
    private static let server = """
        import http.server, sys
        port, player, page, reports = sys.argv[1:]
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = open(player, "rb").read() if self.path == "/player.html" else page.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(body)
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with open(reports, "ab") as file: file.write(body + b"\\n")
                self.send_response(204)
                self.end_headers()
            def log_message(self, *_): pass
        http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
        """

    private let folder: String
    private let process: ToolProcess
    private let pages: ToolProcess

    /// `natively`: the browser itself knows what the address is of; else the player of docs/examples.
    init(showing address: String, natively: Bool = false) async throws {
        let folder = try TestFolder.make()
        self.folder = folder
        let port = try FreePorts.take(1)[0]
        pages = try ToolProcess(
            "python3",
            [
                "-c", Self.server, "\(port)", natively ? "" : Self.player,
                natively ? Self.nativePage : Self.page, folder + "/reports",
            ]
        )
        try await eventually("the page is served") {
            let curl = try ToolProcess(
                "curl",
                ["-sf", "-o", "/dev/null", "http://127.0.0.1:\(port)/test.html"]
            )
            return await curl.end() == 0
        }
        process = try ToolProcess(
            "chromium",
            [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--ignore-certificate-errors", "--autoplay-policy=no-user-gesture-required",
                "--user-data-dir=" + folder + "/profile", "http://127.0.0.1:\(port)/test.html#" + address,
            ],
            environment: ["HOME": folder]
        )
    }

    deinit {
        process.kill()
        pages.kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The newest report that `matches`.
    func report(
        _ what: String,
        within seconds: Int = 60,
        _ matches: (Report) -> Bool
    ) async throws -> Report {
        var found: Report?
        var last = "nothing"
        do {
            try await eventually(what, within: seconds) {
                if process.hasEnded { throw EndToEndError("chromium ended: \(process.output.suffix(2000))") }
                let text = (try? String(contentsOfFile: folder + "/reports", encoding: .utf8)) ?? ""
                // The last line may be half.
                guard let line = text.split(separator: "\n").dropLast().last else { return false }
                last = String(line)
                let report = try JSONDecoder().decode(Report.self, from: Data(line.utf8))
                if matches(report) { found = report }
                return found != nil
            }
        } catch {
            throw EndToEndError("\(error); the last report: \(last)")
        }
        return try #require(found)
    }
}
