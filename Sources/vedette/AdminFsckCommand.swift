import ArgumentParser
import CustomerUnit
import FoundationEssentials
import HSSModel

extension AdminCommand {
    struct Fsck: AsyncParsableCommand {
        enum Depth: String, ExpressibleByArgument, Encodable, CaseIterable {
            case presence, size, checksum
        }

        static let configuration = CommandConfiguration(
            commandName: "fsck",
            abstract: "Check recordings: the index against the bytes.",
            discussion: """
                Runs in the platform while everything goes on. --depth presence looks whether the bytes of each \
                segment are there, size compares their number, checksum reads all of them. Bytes that no segment \
                names, and clean-ups that were broken off, are found at every depth. With --repair segments whose \
                bytes are lost or damaged are taken out of the timeline, and what is left over is deleted. \
                Ends with 1 where something was found and not repaired. Ctrl-C ends the command, not the check; \
                --stop ends the check.
                """
        )

        @Option(name: .long, help: "presence, size or checksum.") var depth = Depth.size
        @Flag(name: .long, help: "Mend what is found.") var `repair` = false
        @Flag(name: .long, help: "Do not wait for the end.") var noWait = false
        @Flag(name: .long, help: "End the check that runs.") var stop = false
        @OptionGroup var session: SessionOptions

        private static let path = "/admin/recordings/check"

        private struct Order: Encodable {
            var depth: Depth
            var `repair`: Bool
        }

        func run() async throws {
            if stop {
                let _: PlatformClient.Nothing = try await session.withClient {
                    try await $0.call(.delete, Self.path)
                }
                return
            }
            let order = try JSONEncoder().encode(Order(depth: depth, repair: `repair`))
            let progress = ProgressLine(isQuiet: session.json)
            defer { progress.end() }
            let report: CheckAnswer = try await session.withClient { client in
                var report: CheckAnswer = try await client.call(.post, Self.path, json: order)
                while !noWait, report.state == "running" {
                    progress.show(report.progress)
                    try await Task.sleep(for: .milliseconds(500))
                    report = try await client.call(.get, Self.path)
                }
                return report
            }
            progress.end()
            if session.json { try Terminal.printJSON(report) } else { report.print() }
            switch report.state {
            case "running", "finished": break
            case "failed": throw Failure("the check failed: \(report.reason ?? "no reason was given")")
            default: throw Failure("the check was stopped")
            }
            let left = report.counts.values.reduce(0, +) - report.repaired
            let kept = report.kept ?? 0
            guard left - kept == 0 else { throw Failure("\(left) found and not repaired; --repair mends it") }
            guard kept == 0 else {
                throw Failure(
                    "\(kept) damaged and of kept clips: bring their bytes back, or release the clips"
                )
            }
        }
    }
}

/// The answer of `/admin/recordings/check`.
private struct CheckAnswer: Codable, Sendable {
    struct Finding: Codable, Sendable {
        var kind: String
        var session: String?
        var segment: String?
        var channelId: String?
        var blob: String
    }

    var state: String
    var reason: String?
    var depth: String
    var `repair`: Bool
    var beganAt: String
    var endedAt: String?
    var segments: Int
    var checkedSegments: Int
    var checkedBlobs: Int
    var counts: [String: Int]
    var repaired: Int
    var kept: Int?
    var findings: [Finding]

    var progress: String {
        let percent = segments > 0 ? " (\(min(100, checkedSegments * 100 / segments)) %)" : ""
        return "\(checkedSegments) segments\(percent), \(checkedBlobs) blobs, \(found) found"
    }

    private var found: Int { counts.values.reduce(0, +) }

    func print() {
        Swift.print(
            "\(checkedSegments) segments and \(checkedBlobs) blobs, depth \(depth): \(found) found, \(repaired) repaired"
        )
        guard !findings.isEmpty else { return }
        Terminal.printTable(
            ["KIND", "CHANNEL", "SESSION", "SEGMENT", "BLOB"],
            findings.map { [$0.kind, $0.channelId ?? "-", $0.session ?? "-", $0.segment ?? "-", $0.blob] }
        )
    }
}
