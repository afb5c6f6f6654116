import Foundation
import HSSModel

/// The media server beside the minimal C loop and beside each peer that Debian has, with one clip, one load generator and
/// one core for the server, in one run. A peer that cannot carry a load has a row that says so.
struct PeersBenchmark {
    struct Result {
        var cores = 0.0
        var gigabits = 0.0
        var memory = 0.0
        var lost = 0
        /// From the handshake on, p50 in ms.
        var keyFrame = 0.0
        /// p99, ms.
        var latency = 0.0

        var isWhole: Bool { lost == 0 }
    }

    private static let pairs = 10
    private static let fan = 50
    private static let steps = [150, 200, 250, 300, 350]

    let bench: String
    let folder: String
    let tools: LoadTools
    let seconds: Int

    private var relays: Relays { Relays(bench: bench, folder: folder, tools: tools) }

    func run(_ report: inout Report) throws {
        say("peers at 2 Mbit/s, \(seconds) s each")
        let load = "\(Self.pairs) in, \(Self.pairs) out"
        compare(
            load,
            [
                ("minimal C loop", relays.minimalC), ("srt-live-transmit", relays.srtLiveTransmit),
                ("GStreamer", relays.gstreamer),
            ],
            streams: Self.pairs,
            viewers: Self.pairs,
            &report
        )
        compare(
            "1 to \(Self.fan)",
            [("minimal C loop", relays.minimalC), ("GStreamer", relays.gstreamer)],
            streams: 1,
            viewers: Self.fan,
            &report
        )
        report.note("1 to \(Self.fan), srt-live-transmit", "cannot: one viewer")
        try untilLoss(&report)
        try HTTPPeers(bench: bench, folder: folder, tools: tools, seconds: seconds, viewers: Self.fan).run(
            &report
        )
    }

    private func compare(
        _ load: String,
        _ peers: [(name: String, start: Relay.Start)],
        streams: Int,
        viewers: Int,
        _ report: inout Report
    ) {
        let own: Result
        do { own = try measure(relays.own, streams, viewers) } catch {
            return report.note(load, "no figure: \(error)")
        }
        report.add("\(load): messages lost", Double(own.lost), "", target: 0)
        for peer in peers {
            do {
                let found = try measure(peer.start, streams, viewers)
                let name = "\(load), beside \(peer.name)"
                report.add(
                    "\(name): CPU per Gbit/s",
                    own.cores / own.gigabits,
                    "cores",
                    peer: found.cores / found.gigabits
                )
                report.add("\(name): memory", own.memory / 1e6, "MB", peer: found.memory / 1e6)
                report.add("\(name): latency p99", own.latency, "ms", peer: found.latency)
                report.add("\(name): handshake to key frame, p50", own.keyFrame, "ms", peer: found.keyFrame)
                report.add("\(name): messages lost", Double(own.lost), "", peer: Double(found.lost))
            } catch {
                report.note("\(load), \(peer.name)", "cannot: \(error)")
            }
        }
    }

    /// A generator for each stream where the relay has ports for each, and as many for those that have not: the load is
    /// the same.
    private func measure(_ start: Relay.Start, _ streams: Int, _ viewers: Int) throws -> Result {
        let relay = try start(streams, viewers)
        defer { relay.stop() }
        return try measure(relay, (0..<streams).map { ($0, 1, viewers / streams) })
    }

    /// `loads`: number of the first stream, publishers and viewers of each generator.
    private func measure(
        _ relay: Relay,
        _ loads: [(first: Int, publishers: Int, viewers: Int)]
    ) throws -> Result {
        let all = loads.reduce(0) { $0 + $1.publishers + $1.viewers }
        let warm = 5 + all / 150
        let generators = try loads.map { load in
            try Child(
                tools.publisherAndViewer,
                [
                    "--port", "\(relay.publishPort(load.first))", "--view-port",
                    "\(relay.viewPort(load.first))",
                    "--pub", "\(load.publishers)", "--view", "\(load.viewers)", "--streams",
                    "\(max(load.publishers, load.viewers))", "--first", "\(load.first)", "--pub-id",
                    relay.publishID, "--view-id", relay.viewID, "--secs", "\(seconds)", "--warm", "\(warm)",
                    "--view-delay", "2000", "--clip", tools.clip,
                ],
                cpu: 1,
                log: folder + "/load.log"
            )
        }
        defer { for generator in generators { generator.stop() } }
        for generator in generators { try generator.waitForLine { $0 == "MEASURE" } }
        let before = try relay.usage()
        for generator in generators { try generator.waitForLine { $0 == "END" } }
        let after = try relay.usage()
        var result = Result(cores: (after.cpu - before.cpu) / (after.at - before.at).inSeconds)
        result.memory = Double(after.memory)
        for (generator, load) in zip(generators, loads) {
            let found = try MediaBenchmark.figures(try generator.waitForLine { $0.hasPrefix("{") })
            let up = (Int(found["pub_up"] ?? 0), Int(found["view_up"] ?? 0))
            guard up == (load.publishers, load.viewers) else {
                throw BenchmarkError.measurement(
                    "\(up.0) publishers and \(up.1) viewers of \(load) were let in"
                )
            }
            func value(_ name: String) -> Double { found[name] ?? 0 }
            result.gigabits += (value("in_mbps") + value("out_mbps")) / 1000
            result.lost += Int(value("probe_missing")) + Int(value("lost"))
            result.keyFrame = max(result.keyFrame, value("key_p50_us") / 1000)
            result.latency = max(result.latency, value("lat_p99_us") / 1000)
        }
        return result
    }

    /// The most streams, each with a viewer, of which none lost a message. The generator has one core, too.
    private func untilLoss(_ report: inout Report) throws {
        func most(_ start: Relay.Start) -> Int {
            var most = 0
            for streams in Self.steps {
                do {
                    let relay = try start(streams, streams)
                    defer { relay.stop() }
                    let found = try measure(relay, [(0, streams, streams)])
                    say(String(format: "    %d: %d lost, %.2f cores", streams, found.lost, found.cores))
                    guard found.isWhole else { return most }
                    most = streams
                } catch {
                    say("    \(streams): \(error)")
                    return most
                }
            }
            return most
        }
        report.add(
            "Streams in and out without a loss, of \(Self.steps.map(String.init).joined(separator: ", "))",
            Double(most(relays.own)),
            "",
            peer: Double(most(relays.minimalC))
        )
    }
}
