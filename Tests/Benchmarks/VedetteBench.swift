import ArgumentParser
import Foundation

/// `vedette-bench`: figures of the built program beside their targets and peers.
@main
struct VedetteBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vedette-bench",
        abstract: "Measure the platform and print one table.",
        subcommands: [Run.self, MediaServer.self, BareVdServer.self],
        defaultSubcommand: Run.self
    )

    struct Run: AsyncParsableCommand {
        enum Part: String, ExpressibleByArgument, CaseIterable {
            case units, fleet, live, media, formats, timeline, api, cold, glass, record, peers, soak
        }

        static let configuration = CommandConfiguration(
            abstract: "Take the figures.",
            discussion:
                "Without a part: all of them but the fleet, which wants 20,000 file descriptors and more, the peers, which have to be installed, and the soak, which takes an hour. Builds of both programs in release lie beside each other."
        )

        @Argument(
            help: "units, fleet, live, media, formats, timeline, api, cold, glass, record, peers, soak."
        )
        var parts: [Part] =
            []
        @Option(help: "Idle units; 5,000, of a fleet 20,000.") var units: Int?
        @Option(help: "Seconds of each measurement.") var seconds = 30
        @Option(help: "Live pictures of each kind.") var pictures = 30
        @Option(help: "Runs of each media load; the middle one counts.") var repeats = 3
        @Option(help: "Segments of the index of recordings.") var segments = 500_000
        @Option(help: "Devices that one customer lists.") var devices = 10_000
        @Option(help: "Alarms of a year of one customer.") var alarms = 1_000_000
        @Option(help: "Minutes of a soak.") var minutes = 60
        @Option(help: "Streams of a soak.") var streams = 50
        @Option(help: "Viewers of each of them.") var viewers = 4
        @Option(help: "Repeats the chance of a soak.") var seed: UInt64 = 1
        @Option(help: "Folder with the load generators and the C server.") var tools = "../shared/bench/srt"
        @Option(
            help: "Folder for what the programs write, logs above all; without it one that goes at the end."
        )
        var keep: String?
        @Flag(help: "End with 1 where a target is missed.") var strict = false

        func run() async throws {
            let folder = keep ?? FileManager.default.temporaryDirectory.path + "/vedette-bench-\(getpid())"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { if keep == nil { try? FileManager.default.removeItem(atPath: folder) } }
            let own = CommandLine.arguments[0]
            let bench = own.hasPrefix("/") ? own : FileManager.default.currentDirectoryPath + "/" + own
            let vedette = (bench as NSString).deletingLastPathComponent + "/vedette"
            var report = Report()
            let usual = Part.allCases.filter { ![.fleet, .peers, .soak].contains($0) }
            for part in parts.isEmpty ? usual : parts {
                let place = "\(folder)/\(part.rawValue)"
                try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
                switch part {
                case .units:
                    try await UnitsBenchmark(
                        vedette: vedette,
                        bench: bench,
                        folder: place,
                        count: units ?? 5000,
                        seconds: seconds
                    ).run(&report)
                case .fleet:
                    try await FleetBenchmark(
                        vedette: vedette,
                        folder: place,
                        count: units ?? 20_000,
                        seconds: seconds
                    ).run(&report)
                case .live:
                    try await LiveBenchmark(vedette: vedette, folder: place, runs: pictures).run(&report)
                case .cold:
                    try await ColdBenchmark(vedette: vedette, folder: place, pictures: pictures).run(&report)
                case .glass:
                    try await GlassBenchmark(vedette: vedette, folder: place, seconds: min(seconds, 20)).run(
                        &report
                    )
                case .record:
                    try await RecordBenchmark(vedette: vedette, folder: place, units: units ?? 200).run(
                        &report
                    )
                case .soak:
                    try await SoakBenchmark(
                        vedette: vedette,
                        folder: place,
                        minutes: minutes,
                        streams: streams,
                        viewersOfEach: viewers,
                        seed: seed
                    ).run(&report)
                case .api:
                    try await APIBenchmark(
                        vedette: vedette,
                        folder: place,
                        devices: devices,
                        alarms: alarms
                    ).run(&report)
                case .formats: try FormatsBenchmark(folder: place, repeats: repeats).run(&report)
                case .timeline: try await TimelineBenchmark(folder: place, segments: segments).run(&report)
                case .media, .peers:
                    guard let found = try LoadTools(sources: tools, into: place) else {
                        say("\(part): skipped, for \(tools) has no load generators; give --tools FOLDER")
                        continue
                    }
                    if part == .peers {
                        try PeersBenchmark(
                            bench: bench,
                            folder: place,
                            tools: found,
                            seconds: min(seconds, 10)
                        )
                        .run(&report)
                        continue
                    }
                    try MediaBenchmark(
                        bench: bench,
                        folder: place,
                        tools: found,
                        seconds: min(seconds, 15),
                        repeats: repeats
                    ).run(&report)
                }
            }
            say("\n\(report.table)")
            if strict, report.missed > 0 { throw ExitCode(1) }
        }
    }
}
