import FoundationEssentials
import HSSModel

/// When a day begins by the clocks of a place.
struct DayZone {
    private let zone: TimeZone

    /// A name of the time zone database, or `+01:00`.
    init?(_ text: String) {
        guard text.utf8.count <= 64 else { return nil }
        if let first = text.first, first == "+" || first == "-" {
            let parts = text.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }), let hours = Int(parts[0]),
                let minutes = Int(parts[1]), (0...14).contains(hours), (0..<60).contains(minutes),
                let zone = TimeZone(secondsFromGMT: (first == "-" ? -1 : 1) * (hours * 3600 + minutes * 60))
            else { return nil }
            self.zone = zone
            return
        }
        guard text.contains("/") || text == "UTC" || text == "GMT", let zone = TimeZone(identifier: text)
        else {
            return nil
        }
        self.zone = zone
    }

    /// `day` counts from 1970-01-01. Where midnight comes twice, the first; where it is skipped, the first moment behind it;
    /// of a day that is skipped, the begin of the next one.
    func start(ofDay day: Int) -> WallTime {
        let midnight = Int64(day) * 86_400
        // A zone changes at most once within the two days around: each side has an offset of its own.
        let (before, after) = (offset(at: midnight - 86_400), offset(at: midnight + 86_400))
        let times = [midnight - before, midnight - after].sorted()
        for time in times where time + offset(at: time) == midnight { return Self.time(time) }
        // It is skipped: what comes first and shows midnight or later.
        var (low, high) = (times[0], times[1])
        while low < high {
            let middle = low + (high - low) / 2
            if middle + offset(at: middle) >= midnight { high = middle } else { low = middle + 1 }
        }
        return Self.time(low)
    }

    private static func time(_ seconds: Int64) -> WallTime { WallTime(milliseconds: seconds * 1000) }

    private func offset(at seconds: Int64) -> Int64 {
        Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds))))
    }
}
