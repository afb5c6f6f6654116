import Foundation
import Glibc

/// One stream to many viewers over TCP: ours over HTTP beside VLC's over HTTP, which makes the transport stream anew, and
/// beside nginx with its RTMP module, whose clients are FFmpeg.
struct HTTPPeers {
    private static let port = 23_700
    private static let httpPort = 23_701
    private static let warm = 6

    let bench: String
    let folder: String
    let tools: LoadTools
    let seconds: Int
    let viewers: Int

    func run(_ report: inout Report) throws {
        let load = "1 to \(viewers) over TCP"
        let own = try ours()
        report.add("\(load): CPU per viewer", own.cores / Double(viewers) * 100, "%")
        report.add("\(load): memory", own.memory / 1e6, "MB")
        let clip = try makeClip()
        for (name, measure) in [("VLC over HTTP", vlc), ("nginx over RTMP", nginx)] {
            do {
                let found = try measure(clip)
                report.add(
                    "\(load), beside \(name): CPU per viewer",
                    own.cores / Double(viewers) * 100,
                    "%",
                    peer: found.cores / Double(viewers) * 100
                )
                report.add(
                    "\(load), beside \(name): memory",
                    own.memory / 1e6,
                    "MB",
                    peer: found.memory / 1e6
                )
            } catch {
                report.note("\(load), \(name)", "cannot: \(error)")
            }
        }
    }

    private typealias Result = (cores: Double, memory: Double)

    private func ours() throws -> Result {
        let server = try Child(
            bench,
            [
                "mdu", "--port", "\(Self.port)", "--http-port", "\(Self.httpPort)", "--viewers", "\(viewers)",
                "--folder",
                folder,
            ],
            cpu: 0,
            log: folder + "/mdu.log"
        )
        try server.waitForLine { $0 == "ready" }
        let publisher = try Child(
            tools.publisherAndViewer,
            [
                "--port", "\(Self.port)", "--pub", "1", "--pub-id", "@\(folder)/publish.txt", "--secs",
                "\(seconds + 20)",
                "--clip", tools.clip,
            ],
            cpu: 1
        )
        defer { publisher.stop() }
        return try overHTTP(server, path: "@\(folder)/http.txt")
    }

    private func vlc(_ clip: String) throws -> Result {
        let server = try Child(
            "env",
            [
                "HOME=/tmp", "VLC_PLUGIN_PATH=/usr/lib/x86_64-linux-gnu/vlc/plugins", "setpriv",
                "--reuid=65534",
                "--regid=65534", "--clear-groups", "cvlc", "-q", "udp://@127.0.0.1:\(Self.port)", "--sout",
                "#std{access=http{mime=video/mp2t},mux=ts,dst=127.0.0.1:\(Self.httpPort)/live}",
                "--sout-keep",
            ],
            cpu: 0,
            log: folder + "/vlc.log"
        )
        let publisher = try publish(clip, ["-f", "mpegts", "udp://127.0.0.1:\(Self.port)?pkt_size=1316"])
        defer { publisher.stop() }
        sleep(2)
        return try overHTTP(server, path: "/live")
    }

    private func overHTTP(_ server: Child, path: String) throws -> Result {
        defer { server.stop() }
        let viewing = try Child(
            tools.httpViewer,
            [
                "--port", "\(Self.httpPort)", "--view", "\(viewers)", "--streams", "\(viewers)", "--path",
                path, "--secs",
                "\(seconds)", "--warm", "\(Self.warm)", "--delay", "2500",
            ],
            cpu: 1
        )
        defer { viewing.stop() }
        sleep(UInt32(Self.warm))
        let result = try watch(server)
        let found = try MediaBenchmark.figures(try viewing.waitForLine { $0.hasPrefix("{") })
        guard found["up"] == Double(viewers) else {
            throw BenchmarkError.measurement("\(found["up"] ?? 0) of \(viewers) viewers were served")
        }
        try isWhole((found["out_mbps"] ?? 0) / Double(viewers))
        return result
    }

    private func nginx(_ clip: String) throws -> Result {
        let configuration = """
            load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
            user root; daemon off; master_process off; pid \(folder)/nginx.pid; error_log \(folder)/nginx.log;
            events { worker_connections 4096; }
            rtmp { server { listen 127.0.0.1:\(Self.port); application live { live on; } } }
            """
        try configuration.write(toFile: folder + "/nginx.conf", atomically: true, encoding: .utf8)
        let server = try Child("nginx", ["-c", folder + "/nginx.conf"], cpu: 0, log: folder + "/nginx.log")
        defer { server.stop() }
        sleep(1)
        let address = "rtmp://127.0.0.1:\(Self.port)/live/one"
        let publisher = try publish(clip, ["-f", "flv", address])
        defer { publisher.stop() }
        sleep(1)
        let files = (0..<viewers).map { "\(folder)/rtmp-\($0).flv" }
        let watching = try files.map {
            try Child("ffmpeg", ["-nostdin", "-v", "error", "-i", address, "-c", "copy", "-y", $0], cpu: 1)
        }
        defer { for viewer in watching { viewer.stop() } }
        sleep(UInt32(Self.warm + 6))
        let before = files.map(size)
        let result = try watch(server)
        let octets = zip(files.map(size), before).map { $0 - $1 }
        try isWhole(Double(octets.min() ?? 0) * 8 / 1e6 / Double(seconds))
        return result
    }

    // MARK: Parts

    /// The clip of the generator as a transport stream: its pictures have 1.55 Mbit/s.
    private func makeClip() throws -> String {
        let clip = folder + "/clip.ts"
        let child = try Child(
            "ffmpeg",
            [
                "-nostdin", "-v", "error", "-fflags", "+genpts", "-r", "25", "-i", tools.clip, "-c", "copy",
                "-f",
                "mpegts", "-y", clip,
            ]
        )
        guard child.waitForExit() == 0 else { throw BenchmarkError.tool("ffmpeg", "made no clip") }
        return clip
    }

    private func publish(_ clip: String, _ output: [String]) throws -> Child {
        try Child(
            "ffmpeg",
            ["-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", clip, "-c", "copy"] + output,
            cpu: 1,
            log: folder + "/publisher.log"
        )
    }

    private func watch(_ server: Child) throws -> Result {
        let start = try server.usage()
        sleep(UInt32(seconds - 1))
        let end = try server.usage()
        return (end.cores(since: start), Double(end.memory))
    }

    /// A viewer that gets less than its stream makes no figure.
    private func isWhole(_ megabits: Double) throws {
        guard megabits >= 1.3 else {
            throw BenchmarkError.measurement(
                String(format: "viewers got %.2f Mbit/s of at least 1.5", megabits)
            )
        }
    }

    private func size(_ path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }
}
