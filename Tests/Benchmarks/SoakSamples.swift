import Foundation
import HSSModel
import Measurement

/// What the platform's process and its figures were, every ten seconds.
struct SoakSamples {
    struct Sample {
        var seconds: Double
        var usage: Usage
        var descriptors: Int
        var threads: Int
        var streams: Double
        var viewers: Double
    }

    private(set) var samples: [Sample] = []
    private let platform: PlatformUnderTest

    init(of platform: PlatformUnderTest) {
        self.platform = platform
    }

    mutating func take(at seconds: Double) async throws {
        let pid = platform.server.pid
        let sample = Sample(
            seconds: seconds,
            usage: try platform.server.usage(),
            descriptors: try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count,
            threads: try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").count,
            streams: try await platform.metric("vedette_media_streams"),
            viewers: try await platform.metric("vedette_media_viewers")
        )
        let cores = samples.last.map { sample.usage.cores(since: $0.usage) } ?? 0
        samples.append(sample)
        say(
            String(
                format: "  %5.0f s  %6.1f MB  %.2f cores  %d files  %d threads  %.0f streams  %.0f viewers",
                seconds,
                Double(sample.usage.memory) / 1e6,
                cores,
                sample.descriptors,
                sample.threads,
                sample.streams,
                sample.viewers
            )
        )
    }

    /// The first sixth of the run is left out of what has to be flat, because tables and caches fill; in less than half an
    /// hour nothing can be told of it.
    func add(to report: inout Report) {
        guard let first = samples.first, let last = samples.last, last.seconds > 0 else { return }
        let isLong = last.seconds >= 1800
        let steady = samples.filter { $0.seconds >= last.seconds / 6 }
        let memory = Trend(steady.map { ($0.seconds / 3600, Double($0.usage.memory) / 1e6) })
        report.add("Memory, mean", memory.mean, "MB")
        report.add("Memory, most", (samples.map { Double($0.usage.memory) / 1e6 }.max() ?? 0), "MB")
        report.add(
            "Memory, slope of the last five sixths",
            memory.slope,
            "MB in an hour",
            target: isLong ? 10 : nil
        )
        report.add("CPU of the platform", last.usage.cores(since: first.usage), "cores")
        let descriptors = Trend(steady.map { ($0.seconds / 3600, Double($0.descriptors)) })
        report.add("Open files, mean", descriptors.mean, "")
        report.add("Open files, slope", descriptors.slope, "in an hour", target: isLong ? 10 : nil)
        let threads = Trend(steady.map { ($0.seconds / 3600, Double($0.threads)) })
        report.add("Threads, mean", threads.mean, "")
        report.add("Threads, slope", threads.slope, "in an hour", target: isLong ? 3 : nil)
    }
}
