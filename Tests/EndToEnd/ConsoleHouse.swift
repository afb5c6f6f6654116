import CustomerUnit
import Foundation
import HSSModel
import Testing

/// A platform, the customer anna, and her cameras, for tests of the console.
final class ConsoleHouse: Sendable {
    let platform: PlatformProcess
    let anna: PlatformClient

    init() async throws {
        platform = try await PlatformProcess(["VEDETTE_PICTURES_KEEP_EVERY": "10s"])
        anna = try await platform.customer("anna")
    }

    private struct Device: Codable, Sendable {
        var deviceId: String
    }

    private struct Devices: Codable, Sendable {
        var items: [Device]
    }

    /// A simulated camera that `owner` binds, with `options` of `pu run`.
    func camera(
        _ id: String,
        named name: String,
        of owner: PlatformClient,
        _ options: [String] = []
    ) async throws -> ToolProcess {
        let code: BindCodeAnswer = try await owner.call(.post, "/bindings")
        let unit = try await camera(id, named: name, options + ["--bind", code.bindId])
        try await eventually("\(id) is bound", within: 60) {
            let devices: Devices = try await owner.call(.get, "/devices")
            return devices.items.contains { $0.deviceId == id }
        }
        return unit
    }

    /// One that is enrolled and logs in.
    func camera(_ id: String, named name: String, _ options: [String]) async throws -> ToolProcess {
        let admin = try await platform.admin()
        let answer: EnrolledAnswer = try await admin.call(
            .post,
            "/admin/devices",
            ["device_id": id, "mac_id": id, "name": name]
        )
        await admin.shutdown()
        return try ToolProcess(
            PlatformProcess.program,
            [
                "pu", "run", "--platform", platform.url, "--ca", platform.authorityPath, "--device", id,
                "--mac",
                id,
            ] + options,
            environment: ["VEDETTE_PASSWORD": answer.loginPassword]
        )
    }

    /// Through the door, as a person does.
    func logIn(_ user: String = "anna", at browser: WebDriver) async throws {
        let password =
            user == "admin" ? PlatformProcess.adminPassword.reveal() : "password-of-\(user)"
        try await browser.open(platform.url + "/")
        try await browser.type(user, into: "input[name=user]")
        try await browser.type(password, into: "input[name=password]")
        try await browser.click("button[type=submit]")
        try await browser.wait("\(user) is inside", "document.querySelector('nav.menu a')")
    }

    func open(_ page: String, at browser: WebDriver) async throws {
        try await browser.open(platform.url + "/#/" + page)
    }
}

/// What Chromium plays.
struct Played: Decodable, Sendable {
    var time: Double
    var frames: Int
    var width: Int
    var rate: Double
    var state: String?

    static let script = """
        const video = document.querySelector("video");
        return {time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames,
          width: video.videoWidth, rate: video.playbackRate, state: document.querySelector(".stage").dataset.state};
        """
}

extension WebDriver {
    /// Once `matches` holds of the picture.
    func picture(_ what: String, _ matches: (Played) -> Bool) async throws -> Played {
        var found: Played?
        var last: Played?
        do {
            try await eventually(what, within: 90) {
                guard try await run("return Boolean(document.querySelector('video'))") else { return false }
                let played: Played = try await run(Played.script)
                last = played
                if matches(played) { found = played }
                return found != nil
            }
        } catch {
            throw Failure(description: "\(error): \(String(describing: last))")
        }
        return try #require(found)
    }

    /// Degrees to the right, as the test pattern shows them in its second row (`TestPatternScene.code`): read from what
    /// the video element has decoded.
    func pan() async throws -> Int {
        try await run(
            """
            const video = document.querySelector("video"), canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
            const drawing = canvas.getContext("2d");
            drawing.drawImage(video, 0, 0);
            const isLit = (bit) => drawing.getImageData(bit * 16 + 8, 24, 1, 1).data[1] > 125 ? 1 : 0;
            let pan = 0;
            for (let bit = 8; bit < 17; bit += 1) pan = pan * 2 + isLit(bit);
            return pan - 180;
            """
        )
    }
}
