import Bus
import HSSModel

/// Puts alarms beside what is recorded: one walk along both, however many there are of each. A day of segments with gaps and
/// some days of alarms would be millions of comparisons otherwise, for each request.
struct AlarmSweep {
    private let starts: [(at: WallTime, type: Int)]
    private let ends: [(at: WallTime, type: Int)]

    /// By the unit's clock, like recordings; one that lasts has no end yet.
    init(_ alarms: [AlarmRecord]) {
        starts = alarms.map { ($0.startedAt, $0.type) }.sorted { $0.at < $1.at }
        ends = alarms.compactMap { alarm in
            alarm.endedAt.map { (max($0, alarm.startedAt), alarm.type) }
        }.sorted { $0.at < $1.at }
    }

    /// Types of the alarms that touch each range, in their order. `ranges`: in order, without overlaps.
    func types(within ranges: [Range<WallTime>]) -> [[Int]] {
        var (begun, ended) = (0, 0)
        var lasting: [Int: Int] = [:]
        return ranges.map { range in
            while begun < starts.count, starts[begun].at < range.upperBound {
                lasting[starts[begun].type, default: 0] += 1
                begun += 1
            }
            // It ended before this range, and so before every one behind it.
            while ended < ends.count, ends[ended].at < range.lowerBound {
                let type = ends[ended].type
                let left = (lasting[type] ?? 0) - 1
                lasting[type] = left == 0 ? nil : left
                ended += 1
            }
            return lasting.keys.sorted()
        }
    }
}
