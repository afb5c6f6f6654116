import CustomerUnit
import Foundation
import HSSModel
import HostClock
import ServerKit
import Testing

extension EndToEnd {
    /// A recording over HLS in players that we did not write: they show it to its end, over every join of its segments, and
    /// where their pictures can be counted, every one.
    @Suite("Players that customers have", .timeLimit(.minutes(6))) struct PlaybackClientTests {
        @Test func playersShowARecordingWhole() async throws {
            let port = try FreePorts.take(1)[0]
            let camera = try await RealCamera(["VEDETTE_HTTP_PORT": "\(port)"])
            let recording = try await Recorded(by: camera, plainPort: port)
            #expect(recording.pictures > 200, "\(recording.pictures) pictures")
            try await ffprobeCounts(recording)
            try await mpvPlays(recording)
            try await ffplayPlays(recording)
            try await gstreamerPlays(recording)
            try await vlcPlays(recording)
            try await chromiumPlays(recording)
        }

        /// The index and the bytes agree: what HLS gives has the pictures of the exported file.
        private func ffprobeCounts(_ recording: Recorded) async throws {
            let pictures = try await recording.count(recording.hls)
            #expect(pictures == recording.pictures, "ffprobe")
        }

        private func mpvPlays(_ recording: Recorded) async throws {
            let player = try ToolProcess(
                "mpv",
                [
                    "--no-config", "--vo=null", "--ao=null", "--tls-verify=yes",
                    "--tls-ca-file=" + recording.authority, "--term-status-msg=at ${=time-pos}",
                    "--no-input-terminal", "--msg-level=statusline=status", recording.hls,
                ]
            )
            #expect(await player.end(within: 90) == 0, "mpv: \(player.output.suffix(1000))")
            #expect(player.output.contains("640x360 yuv420p"), "mpv: \(player.output.suffix(1000))")
            #expect(player.output.contains("End of file"), "mpv: \(player.output.suffix(1000))")
        }

        /// `-autoexit` ends it with its last picture; its errors would stand in what it says.
        private func ffplayPlays(_ recording: Recorded) async throws {
            let player = try ToolProcess(
                "ffplay",
                [
                    "-v", "error", "-nostats", "-autoexit", "-ca_file", recording.authority, recording.hls,
                ],
                environment: ["SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"]
            )
            #expect(await player.end(within: 90) == 0, "ffplay: \(player.output.suffix(1000))")
            #expect(player.output.isEmpty, "ffplay: \(player.output.suffix(1000))")
        }

        /// Its HTTP source trusts the system's authorities alone, so it takes the plain address.
        private func gstreamerPlays(_ recording: Recorded) async throws {
            let player = try ToolProcess(
                "gst-launch-1.0",
                [
                    "-v", "souphttpsrc", "location=" + recording.plainHLS, "!", "hlsdemux", "!", "tsdemux",
                    "!", "h264parse", "!", "avdec_h264", "!", "fakesink", "silent=false", "sync=false",
                ]
            )
            #expect(await player.end(within: 90) == 0, "GStreamer: \(player.output.suffix(1000))")
            // 640 × 360 in 4:2:0.
            let pictures = player.output.components(separatedBy: "(345600 bytes").count - 1
            #expect(pictures == recording.pictures, "GStreamer: \(player.output.suffix(1000))")
        }

        /// VLC refuses to run as root. What it writes lacks some pictures, also of HLS that FFmpeg wrote (5 of 250).
        private func vlcPlays(_ recording: Recorded) async throws {
            let folder = try TestFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder)
            let file = folder + "/vlc.ts"
            let player = try ToolProcess(
                "env",
                [
                    "VLC_PLUGIN_PATH=/usr/lib/x86_64-linux-gnu/vlc/plugins", "setpriv", "--reuid=65534",
                    "--regid=65534", "--clear-groups", "cvlc", "-q", "--no-sout-all", recording.plainHLS,
                    "--sout", "#std{access=file,mux=ts,dst=\(file)}", "vlc://quit",
                ]
            )
            _ = await player.end(within: 90)
            let pictures = try await recording.count(file)
            #expect(pictures > recording.pictures * 9 / 10, "VLC: \(player.output.suffix(1000))")
        }

        /// Chromium plays HLS by itself, as Safari does. Its last report is of the end.
        private func chromiumPlays(_ recording: Recorded) async throws {
            let browser = try await Browser(showing: recording.hls, natively: true)
            let report = try await browser.report("the whole recording", within: 120) {
                $0.frames >= recording.pictures || $0.error != nil
            }
            #expect(report.error == nil && report.width == 640, "Chromium: \(report)")
            #expect(report.frames == recording.pictures, "Chromium: \(report)")
            let length = Double(recording.pictures) / 25
            #expect(abs(report.time - length) < 1, "Chromium: \(report), \(length) s")
        }
    }
}

/// Ten seconds of what `cam-1` records, in segments of two.
private struct Recorded {
    let authority: String
    let hls: String
    let ts: String
    /// Without TLS.
    let plainHLS: String
    private(set) var pictures = 0

    init(by camera: RealCamera, plainPort: Int) async throws {
        let platform = camera.platform
        let admin = try await platform.admin()
        let channel = "/devices/cam-1/channels/0"
        let _: PlatformClient.Nothing = try await admin.call(
            .post,
            channel + "/record",
            json: Data(#"{"seg_duration":2}"#.utf8)
        )
        var range: [String: String] = [:]
        try await eventually("twelve seconds are saved", within: 90) {
            let span: Span = try await admin.call(.get, channel + "/recordings/span")
            guard span.duration >= 12, let oldest = span.oldest else { return false }
            let start = try #require(WallTime(rfc3339: oldest))
            range = ["from": oldest, "to": (start + .seconds(10)).rfc3339Exact]
            return true
        }
        let answer: PlaybackAnswer = try await admin.call(.post, channel + "/playback", range)
        await admin.shutdown()
        authority = platform.authorityPath
        hls = platform.url + answer.hls
        ts = platform.url + answer.ts
        plainHLS = "http://127.0.0.1:\(plainPort)" + answer.hls
        pictures = try await count(ts)
    }

    private struct Span: Codable, Sendable {
        var oldest: String?
        var duration: Double
    }

    /// Pictures that FFmpeg decodes of it.
    func count(_ place: String) async throws -> Int {
        let trust = place.hasPrefix("https") ? ["-ca_file", authority] : []
        let text = try await Tool.output(
            "ffprobe",
            ["-v", "error"] + trust + [
                "-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames", "-of",
                "default=nw=1:nk=1", place,
            ]
        )
        return Int(text.split(separator: "\n").last ?? "") ?? 0
    }
}
