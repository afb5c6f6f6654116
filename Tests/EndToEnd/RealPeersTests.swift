import CustomerUnit
import Foundation
import Glibc
import HSSModel
import HostClock
import Synchronization
import Testing
import Vd

extension EndToEnd {
    /// FFmpeg is the camera, given nothing but the address of `PushLive`; FFmpeg, srt-live-transmit, curl and VLC watch.
    @Suite("A live picture between peers that we did not write, §9.3.3.1.1") struct RealPeersTests {
        /// Step 4: "the PU pushes a live media streaming to the MDU by using the SRT protocol. Then the media server
        /// pushes the live media streaming to the CU." Every picture and every sound arrives, on both protocols.
        @Test func everyFrameArrives() async throws {
            let platform = try await PlatformProcess(["VEDETTE_LIVE_LINGER": "1s"])
            let clip = try await Clip.path()
            let anna = try await platform.customer("anna")
            let unit = try await Camera.bound("cam-1", to: anna, on: platform)

            async let asked: LiveAnswer = anna.call(.post, "/devices/cam-1/channels/0/live")
            let push = try await unit.push()
            let camera = try Camera.pushing(clip, to: push)
            let live = try await asked
            #expect(live.streamId == push.stream.rawValue)

            let folder = try TestFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let ca = platform.authorityPath
            let transmit = try ToolProcess(
                "srt-live-transmit",
                ["-q", live.play.srt, "file://con"],
                output: folder + "/transmit.ts"
            )
            let others = [
                try ToolProcess(
                    "ffmpeg",
                    [
                        "-v", "error", "-i", live.play.srt, "-t", "10", "-c", "copy", "-f", "mpegts",
                        folder + "/ffmpeg.ts",
                    ]
                ),
                try ToolProcess(
                    "curl",
                    [
                        "-sN", "-m", "12", "--http1.1", "--cacert", ca, "-o", folder + "/http1.ts",
                        live.play.ts,
                    ]
                ),
                try ToolProcess(
                    "curl",
                    ["-sN", "-m", "12", "--http2", "--cacert", ca, "-o", folder + "/http2.ts", live.play.ts]
                ),
            ]
            for viewer in others { _ = await viewer.end(within: 40) }
            transmit.send(SIGINT)
            _ = await transmit.end(within: 10)
            #expect(!camera.hasEnded, "\(camera.output)")
            camera.kill()
            // 25 pictures a second; each viewer also gets the group of pictures from before it came.
            for name in ["transmit.ts", "ffmpeg.ts", "http1.ts", "http2.ts"] {
                let steps = try await Clip.steps(folder + "/" + name)
                #expect(steps.video.count >= 225, "\(name): \(steps.video.count) pictures")
                #expect(steps.video.allSatisfy { $0 == 3600 }, "\(name) lost pictures: \(steps.video)")
                #expect(steps.audio.count >= 375, "\(name): \(steps.audio.count) sounds")
                #expect(
                    steps.audio.allSatisfy { (2088...2092).contains($0) },
                    "\(name) lost sound: \(steps.audio)"
                )
            }
            await anna.shutdown()
        }

        /// The same camera over HLS, through TLS: FFmpeg over HTTP/1.1, curl over HTTP/2, and our own command line.
        @Test func hlsPlaysTheAddressAsItStands() async throws {
            let platform = try await PlatformProcess()
            let clip = try await Clip.path()
            let anna = try await platform.customer("anna")
            let unit = try await Camera.bound("cam-1", to: anna, on: platform)
            async let asked: LiveAnswer = anna.call(.post, "/devices/cam-1/channels/0/live")
            let push = try await unit.push()
            let camera = try Camera.pushing(clip, to: push)
            let live = try await asked
            let folder = try TestFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let file = folder + "/hls.mp4"
            let ffmpeg = try ToolProcess(
                "ffmpeg",
                [
                    "-v", "error", "-ca_file", platform.authorityPath, "-i", live.play.hls, "-t", "5", "-c",
                    "copy",
                    file,
                ]
            )
            #expect(await ffmpeg.end(within: 40) == 0, "\(ffmpeg.output)")
            let counted = try await Clip.count(file)
            #expect(counted.video >= 120 && counted.audio >= 180, "\(counted)")
            let ca = platform.authorityPath
            let playlist = try await Tool.output("curl", ["-s", "--http2", "--cacert", ca, live.play.hls])
            let path = try #require(playlist.split(separator: "\n").last)
            let base = live.play.hls.replacing(#/index\.m3u8.*$/#, with: "")
            let status = try await Tool.output(
                "curl",
                [
                    "-s", "-o", folder + "/live.m3u8", "-w", "%{http_version} %{http_code}", "--http2",
                    "--cacert", ca,
                    base + path,
                ]
            )
            #expect(status == "2 200")
            let text = try String(contentsOfFile: folder + "/live.m3u8", encoding: .utf8)
            #expect(text.contains("#EXT-X-PART:DURATION=0.24000") && !text.contains("ticket"))
            // Our client takes it part by part.
            let pictures = Mutex<[UInt8]>([])
            let player = LivePlayer(deadline: .now + .seconds(3)) { bytes in
                pictures.withLock { $0 += bytes }
                return true
            }
            #expect(try await player.play(hls: Secret(live.play.hls), with: anna) == .finished)
            try Data(pictures.withLock { $0 }).write(to: URL(fileURLWithPath: folder + "/own.mp4"))
            let own = try await Clip.count(folder + "/own.mp4")
            #expect(own.video >= 60 && own.audio >= 90, "\(own)")
            camera.kill()
            await anna.shutdown()
        }

        @Test func vlcPlaysTheAddressAsItStands() async throws {
            let platform = try await PlatformProcess()
            let clip = try await Clip.path()
            let anna = try await platform.customer("anna")
            let unit = try await Camera.bound("cam-1", to: anna, on: platform)
            async let asked: LiveAnswer = anna.call(.post, "/devices/cam-1/channels/0/live")
            let push = try await unit.push()
            let camera = try Camera.pushing(clip, to: push)
            let live = try await asked
            let folder = try TestFolder.make()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let file = folder + "/vlc.ts"
            // VLC refuses to run as root; its access modules do not mind whose process they are in.
            let vlc = try ToolProcess(
                "env",
                [
                    "VLC_PLUGIN_PATH=/usr/lib/x86_64-linux-gnu/vlc/plugins", "setpriv", "--reuid=65534",
                    "--regid=65534", "--clear-groups", "cvlc", "-q", "--run-time=5", "--no-sout-all",
                    live.play.srt,
                    "--sout", "#std{access=file,mux=ts,dst=\(file)}", "vlc://quit",
                ]
            )
            try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder)
            _ = await vlc.end(within: 30)
            camera.kill()
            let counted = try await Clip.count(file)
            #expect(counted.video > 50 && counted.audio > 50, "\(counted) \(vlc.output)")
            await anna.shutdown()
        }

        /// What a stranger may not do with addresses of others.
        @Test func addressesOpenNothingElse() async throws {
            let platform = try await PlatformProcess()
            let clip = try await Clip.path()
            let anna = try await platform.customer("anna")
            let unit = try await Camera.bound("cam-1", to: anna, on: platform)
            async let asked: LiveAnswer = anna.call(.post, "/devices/cam-1/channels/0/live")
            let push = try await unit.push()
            let camera = try Camera.pushing(clip, to: push)
            let live = try await asked

            // The publish ticket has been used.
            let second = try ToolProcess(
                "ffmpeg",
                ["-v", "error", "-re", "-i", clip, "-c", "copy", "-f", "mpegts", push.url.reveal()]
            )
            #expect(await second.end(within: 20) != 0, "a used publish ticket was taken again")
            // Without the ticket, with a broken one, and with one for publishing.
            let ts = live.play.ts
            let bare = String(ts.prefix { $0 != "?" })
            for url in [bare, bare + "?ticket=abc", String(ts.dropLast(4)) + "AAAA"] {
                let status = try await Tool.output(
                    "curl",
                    [
                        "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "--cacert",
                        platform.authorityPath, url,
                    ]
                )
                #expect(status == "401" || status == "404", "\(status)")
            }
            // Wrong passphrase.
            let wrong = live.play.srt.replacing(
                #/passphrase=[^&]*/#,
                with: "passphrase=0123456789abcdef0123456789abcdef"
            )
            let stranger = try ToolProcess("ffprobe", ["-v", "error", wrong])
            #expect(await stranger.end(within: 20) != 0)
            // Somebody else's camera does not exist for a stranger.
            let bert = try await platform.customer("bert")
            await #expect(throws: CustomerError.self) {
                let _: LiveAnswer = try await bert.call(.post, "/devices/cam-1/channels/0/live")
            }
            #expect(!camera.hasEnded, "the running camera was disturbed: \(camera.output)")
            await anna.shutdown()
            await bert.shutdown()
        }
    }
}

enum Camera {
    /// FFmpeg pushes a file in a loop to the address, which is all that it is given.
    static func pushing(_ clip: String, to push: PushLive) throws -> ToolProcess {
        try ToolProcess(
            "ffmpeg",
            [
                "-v", "error", "-re", "-stream_loop", "-1", "-i", clip, "-c", "copy", "-f", "mpegts",
                push.url.reveal(),
            ]
        )
    }

    /// A manual unit, enrolled, logged in and bound to `customer` through `Bind` (Table I.2-3).
    static func bound(
        _ device: String,
        to customer: PlatformClient,
        on platform: PlatformProcess
    ) async throws -> ManualUnit {
        let mac = "00:11:22:33:44:55"
        let password = try await platform.enrol(device, mac: mac)
        let unit = try await ManualUnit.logIn(platform, device: device, password: password)
        let code: BindCodeAnswer = try await customer.call(.post, "/bindings")
        try await unit.send(.event(Bind(macID: mac, bindID: code.bindId).event))
        try await eventually("the device is bound") {
            let devices: [DeviceAnswer] = try await customer.all("/devices")
            return !devices.isEmpty
        }
        return unit
    }
}
