import CustomerUnit
import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// Outputs of one camera, each played by programs that we did not write (§9.3.3.1.1 step 4).
    @Suite("Clients that customers have") struct ClientTests {
        /// GStreamer takes the first address of a name only, so the addresses name 127.0.0.1; its HTTP source trusts the
        /// system's authorities alone, which curl and FFmpeg check in other tests. Its `hlsdemux` goes on when its sink
        /// has enough: pictures are counted while it plays, and then it is ended.
        @Test(arguments: ["srt", "ts", "hls"]) func gstreamerPlays(_ output: String) async throws {
            let port = try FreePorts.take(1)[0]
            let camera = try await RealCamera(["VEDETTE_HTTP_PORT": "\(port)"])
            let play = try await camera.live().play
            let plain = { (url: String) in
                url.replacing("https://localhost:\(camera.platform.https)", with: "http://127.0.0.1:\(port)")
            }
            let source =
                switch output {
                case "srt":
                    [
                        "srtsrc", "uri=" + play.srt.replacing("//localhost", with: "//127.0.0.1"), "!",
                        "tsdemux",
                    ]
                case "ts": ["souphttpsrc", "location=" + play.ts, "ssl-strict=false", "!", "tsdemux"]
                default: ["souphttpsrc", "location=" + plain(play.hls), "!", "hlsdemux", "!", "qtdemux"]
                }
            let player = try ToolProcess(
                "gst-launch-1.0",
                ["-v"] + source + [
                    "!", "h264parse", "!", "avdec_h264", "!", "fakesink", "silent=false", "sync=false",
                ]
            )
            // 640 × 360 in 4:2:0.
            try await eventually("100 decoded pictures", within: 60) {
                if player.hasEnded { throw EndToEndError("it ended: \(player.output.suffix(1000))") }
                return player.output.components(separatedBy: "(345600 bytes").count > 100
            }
            #expect(!player.output.contains("ERROR") && !player.output.contains("WARNING"))
            player.send(SIGINT)
            _ = await player.end(within: 10)
        }

        @Test(arguments: ["srt", "ts", "hls"]) func mpvPlays(_ output: String) async throws {
            let camera = try await RealCamera()
            let play = try await camera.live().play
            let url = ["srt": play.srt, "ts": play.ts, "hls": play.hls][output] ?? ""
            let player = try ToolProcess(
                "mpv",
                [
                    "--no-config", "--vo=null", "--ao=null", "--frames=75", "--tls-verify=yes",
                    "--tls-ca-file=" + camera.platform.authorityPath, url,
                ]
            )
            #expect(await player.end(within: 40) == 0, "\(player.output.suffix(1000))")
            #expect(player.output.contains("640x360 yuv420p"), "\(player.output.suffix(1000))")
        }

        /// Chromium has an own player of HLS. It gives up on a playlist of one segment, so it comes second.
        @Test func chromiumPlaysHLS() async throws {
            let camera = try await RealCamera()
            let first = try await camera.live()
            let ffmpeg = try ToolProcess(
                "ffmpeg",
                [
                    "-v", "error", "-ca_file", camera.platform.authorityPath, "-i", first.play.hls, "-c",
                    "copy",
                    "-f", "null", "-",
                ]
            )
            let list = try await Tool.output(
                "curl",
                ["-s", "--cacert", camera.platform.authorityPath, first.play.hls]
            )
            let base = first.play.hls.replacing(#/index\.m3u8.*$/#, with: "")
            let path = try #require(list.split(separator: "\n").last)
            try await eventually("four segments") {
                let text = try await Tool.output(
                    "curl",
                    ["-s", "--cacert", camera.platform.authorityPath, base + path]
                )
                return text.matches(of: #/#EXTINF/#).count >= 4
            }
            let browser = try await Browser(showing: try await camera.live().play.hls, natively: true)
            let report = try await browser.report("the picture") { $0.frames > 50 && $0.time > 1 }
            #expect(report.width == 640 && report.error == nil, "\(report)")
            ffmpeg.kill()
        }

        /// `cu live --protocol ws` writes a file that FFmpeg decodes without a complaint.
        @Test func theCommandLineWritesWhatItSees() async throws {
            let house = try await CommandHouse()
            let file = house.platform.folder + "/seen.mp4"
            let (status, output) = try await Tool.vedette(
                ["cu", "live", "cam-1", "--protocol", "ws", "--duration", "3", "-o", file],
                environment: house.session
            )
            #expect(status == 0, "\(output)")
            let errors = try await Tool.output("ffmpeg", ["-v", "error", "-i", file, "-f", "null", "-"])
            #expect(errors == "")
            let pictures = try await Tool.output(
                "ffprobe",
                [
                    "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries",
                    "stream=codec_name,nb_read_packets", "-of", "csv=p=0", file,
                ]
            )
            let words = pictures.split(whereSeparator: { !$0.isLetter && !$0.isNumber })
            #expect(words.first == "h264" && Int(words.last ?? "") ?? 0 > 20, "\(pictures)")
            house.unit.kill()
        }
    }
}
