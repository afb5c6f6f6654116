import Foundation
import Glibc

/// What live media costs the MDU, beside a minimal C loop over the same libsrt, one after the other on the same core.
struct MediaBenchmark {
    /// How many publishers and viewers.
    struct Load {
        var name: String
        var publishers: Int
        var viewers: Int
        var encrypts = false
        /// Cores, from FACTS.
        var target: Double?
    }

    private struct Result {
        var cores: Double
        var gigabits: Double
        var memory: Double
        var lost: Int
        /// From the handshake on, p99, in ms.
        var keyFrame: Double
        var latency: Double
    }

    private static let port = 23_450
    private static let httpPort = 23_451
    /// 2 Mbit/s each.
    static let loads = [
        Load(name: "Ingest of 200", publishers: 200, viewers: 0, target: 0.40),
        Load(name: "1 to 500", publishers: 1, viewers: 500, target: 0.95),
        Load(name: "200 in, 200 out", publishers: 200, viewers: 200, target: 0.85),
        Load(name: "40 in, 40 out, AES-128", publishers: 40, viewers: 40, encrypts: true),
    ]

    let bench: String
    let folder: String
    let tools: LoadTools
    let seconds: Int
    let repeats: Int

    func run(_ report: inout Report) throws {
        say("media at 2 Mbit/s, \(repeats) runs of \(seconds) s each")
        var perViewer = 0.0
        for load in Self.loads {
            var ours: [Result] = []
            var peers: [Result] = []
            for _ in 0..<repeats {
                peers.append(try measure(load, startPeer))
                ours.append(try measure(load, startOwn))
            }
            let own = ours.map(\.cores).percentile(0.5)
            let peer = peers.map(\.cores).percentile(0.5)
            report.add(
                "\(load.name): CPU",
                own,
                "cores",
                target: load.target,
                peer: peer,
                atMostTimesPeer: 1.25
            )
            report.add(
                "\(load.name): CPU per Gbit/s in and out",
                ours.map { $0.cores / $0.gigabits }.percentile(0.5),
                "cores",
                peer: peers.map { $0.cores / $0.gigabits }.percentile(0.5)
            )
            report.add(
                "\(load.name): memory",
                ours.map(\.memory).percentile(0.5) / 1e6,
                "MB",
                peer: peers.map(\.memory).percentile(0.5) / 1e6
            )
            if load.viewers > 0 {
                report.add(
                    "\(load.name): messages lost",
                    Double(ours.map(\.lost).max() ?? 0),
                    "",
                    target: 0,
                    peer: Double(peers.map(\.lost).max() ?? 0)
                )
                report.add(
                    "\(load.name): latency p99",
                    ours.map(\.latency).percentile(0.5),
                    "ms",
                    peer: peers.map(\.latency).percentile(0.5)
                )
            }
            if load.viewers > 1, !load.encrypts {
                report.add(
                    "\(load.name): connection to key frame, p99",
                    ours.map(\.keyFrame).percentile(0.5),
                    "ms",
                    target: 15
                )
            }
            if load.viewers == 500 { perViewer = own / 500 }
        }
        try overHTTP(perViewer, &report)
    }

    /// The same fan-out over HTTP, one TCP connection for each viewer.
    private func overHTTP(_ overSRT: Double, _ report: inout Report) throws {
        let load = Load(name: "1 to 500 over HTTP", publishers: 1, viewers: 500)
        var cores: [Double] = []
        var lost = 0
        for _ in 0..<repeats {
            let server = try startOwn(load)
            defer { server.stop() }
            // The publisher runs on; what is measured is what the viewers' program says.
            let publisher = try Child(
                tools.publisherAndViewer,
                [
                    "--port", "\(Self.port)", "--pub", "1", "--pub-id", "@\(folder)/publish.txt", "--secs",
                    "\(seconds + 20)",
                ]
                    + ["--clip", tools.clip],
                cpu: 1
            )
            defer { publisher.stop() }
            let viewers = try Child(
                tools.httpViewer,
                [
                    "--port", "\(Self.httpPort)", "--view", "500", "--streams", "500", "--path",
                    "@\(folder)/http.txt", "--secs", "\(seconds)", "--warm", "6", "--delay", "2500",
                ],
                cpu: 1
            )
            defer { viewers.stop() }
            sleep(6)
            let start = try server.usage()
            sleep(UInt32(seconds - 1))
            let end = try server.usage()
            let found = try Self.figures(try viewers.waitForLine { $0.hasPrefix("{") })
            guard found["up"] == 500 else {
                throw BenchmarkError.measurement("\(found["up"] ?? 0) of 500 viewers over HTTP were served")
            }
            cores.append(end.cores(since: start))
            lost = max(lost, Int(found["probe_missing"] ?? 0))
        }
        let each = cores.percentile(0.5) / 500
        report.add("1 to 500 over HTTP: CPU", each * 500, "cores")
        report.add("1 to 500 over HTTP: messages lost", Double(lost), "", target: 0)
        report.add(
            "CPU per viewer over HTTP; peer: over SRT",
            each * 100,
            "%",
            peer: overSRT * 100,
            atMostTimesPeer: 1
        )
    }

    private func startOwn(_ load: Load) throws -> Child {
        let server = try Child(
            bench,
            [
                "mdu", "--port", "\(Self.port)", "--http-port", "\(Self.httpPort)", "--streams",
                "\(load.publishers)", "--viewers", "\(load.viewers)", "--folder", folder,
            ] + (load.encrypts ? ["--encrypts"] : []),
            cpu: 0,
            log: folder + "/mdu.log"
        )
        try server.waitForLine { $0 == "ready" }
        return server
    }

    /// The structure of our lane, and its buffers, in 70 lines of C.
    private func startPeer(_ load: Load) throws -> Child {
        let lines = (0..<max(load.publishers, load.viewers)).map { "#!::r=cam\($0 % load.publishers)" }
        let password = load.encrypts ? " 0123456789abcdef" : ""
        for (name, mode) in [("publish", "publish"), ("view", "request")] {
            let text = lines.map { "\($0),m=\(mode)\(password)\n" }.joined()
            try text.write(toFile: "\(folder)/\(name).txt", atomically: true, encoding: .utf8)
        }
        let server = try Child(
            tools.server,
            [
                "--port", "\(Self.port)", "--tsbpd", "0", "--tick", "5", "--udpbuf", "\(16 << 20)", "--fc",
                "4096",
                "--rcvbuf", "\(3 << 20)", "--sndbuf", "\(3 << 20)",
            ] + (load.encrypts ? ["--pass", "0123456789abcdef"] : []),
            cpu: 0,
            log: folder + "/csrtd.log"
        )
        sleep(1)
        return server
    }

    private func measure(_ load: Load, _ start: (Load) throws -> Child) throws -> Result {
        let server = try start(load)
        defer { server.stop() }
        let warm = 4 + (load.publishers + load.viewers) / 150
        var arguments = [
            "--port", "\(Self.port)", "--pub", "\(load.publishers)", "--view", "\(load.viewers)", "--streams",
            "\(max(load.publishers, load.viewers))", "--secs", "\(seconds)", "--warm", "\(warm)", "--pub-id",
            "@\(folder)/publish.txt", "--view-id", "@\(folder)/view.txt",
        ]
        if load.encrypts {
            arguments += ["--tsbpd", "0", "--pass", "from-the-file"]
        } else {
            // Viewers come when every publisher is there.
            arguments += ["--view-delay", "2000", "--clip", tools.clip]
        }
        let generator = try Child(
            load.encrypts ? tools.libsrtPublisherAndViewer : tools.publisherAndViewer,
            arguments,
            cpu: 1,
            log: folder + "/load.log"
        )
        defer { generator.stop() }
        try generator.waitForLine { $0 == "MEASURE" }
        let before = try server.usage()
        try generator.waitForLine { $0 == "END" }
        let after = try server.usage()
        let found = try Self.figures(try generator.waitForLine { $0.hasPrefix("{") })
        let up = (Int(found["pub_up"] ?? 0), Int(found["view_up"] ?? 0))
        guard up == (load.publishers, load.viewers) else {
            throw BenchmarkError.measurement(
                "\(server.name), \(load.name): only \(up.0) publishers and \(up.1) viewers"
            )
        }
        let megabits = (found["in_mbps"] ?? 0) + (found["out_mbps"] ?? 0)
        return Result(
            cores: after.cores(since: before),
            gigabits: megabits / 1000,
            memory: Double(after.memory),
            lost: Int((found["probe_missing"] ?? 0) + (found["lost"] ?? 0)),
            keyFrame: (found["key_p99_us"] ?? 0) / 1000,
            latency: (found["lat_p99_us"] ?? 0) / 1000
        )
    }

    /// What the load generator says at its end.
    static func figures(_ line: String) throws -> [String: Double] {
        guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: NSNumber]
        else {
            throw BenchmarkError.measurement("the load generator said \(line)")
        }
        return object.mapValues(\.doubleValue)
    }
}
