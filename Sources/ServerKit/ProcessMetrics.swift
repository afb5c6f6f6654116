import Foundation
import Glibc
import HSSModel
import HostClock

/// Figures of the process itself, under the names that Prometheus clients use everywhere.
package enum ProcessMetrics {
    package static func register(in metrics: MetricRegistry, version: String) {
        let started = Instant.now
        let startedAt = Double(WallTime.now.milliseconds) / 1000
        metrics.gauge("process_resident_memory_bytes", "Resident memory.") { residentBytes() }
        metrics.gauge("process_open_fds", "Open file descriptors.") { openDescriptors() }
        metrics.gauge("process_max_fds", "Limit of open file descriptors.") {
            Double(descriptorLimit().rlim_cur)
        }
        metrics.counter("process_cpu_seconds_total", "User and system CPU time.") { cpuSeconds() }
        metrics.gauge("process_start_time_seconds", "Start, in seconds since 1970.") { startedAt }
        metrics.gauge("vedette_uptime_seconds", "Time since the start.") { (Instant.now - started).inSeconds }
        metrics.gauge("vedette_build_info", "1; the label tells the version.", labels: [("version", version)])
            .set(1)
    }

    /// Lets the process use as many descriptors as the host allows. Without it a service started by hand has
    /// 1024, enough for a thousand units.
    ///
    /// - Returns: the limit in force now.
    @discardableResult
    package static func raiseDescriptorLimit() -> Int {
        var limit = descriptorLimit()
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(clamping: descriptorLimit().rlim_cur)
    }

    private static func descriptorLimit() -> rlimit {
        var limit = rlimit()
        _ = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return limit
    }

    private static func residentBytes() -> Double {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func openDescriptors() -> Double {
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // ".", ".." and the folder's own.
        return Double(max(0, count - 3))
    }

    private static func cpuSeconds() -> Double {
        var usage = rusage()
        guard getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return 0 }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}
