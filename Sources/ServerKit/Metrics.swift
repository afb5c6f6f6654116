import Synchronization

/// Counts up. Safe from any thread, 2 ns when nobody else writes it.
package final class Counter: Sendable {
    private let value = Atomic<UInt64>(0)

    package func add(_ amount: Int = 1) {
        value.wrappingAdd(UInt64(amount), ordering: .relaxed)
    }

    package var current: UInt64 { value.load(ordering: .relaxed) }
}

/// Goes up and down.
package final class Gauge: Sendable {
    private let value = Atomic<Int>(0)

    package func add(_ amount: Int) {
        value.wrappingAdd(amount, ordering: .relaxed)
    }

    package func set(_ new: Int) {
        value.store(new, ordering: .relaxed)
    }

    package var current: Int { value.load(ordering: .relaxed) }
}

/// Durations in seconds, in fixed buckets.
package final class Histogram: Sendable {
    private struct State {
        var buckets: [UInt64]
        var sum = 0.0
        var count: UInt64 = 0
    }

    package static let latencyBounds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    private let bounds: [Double]
    private let state: Mutex<State>

    fileprivate init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(State(buckets: Array(repeating: 0, count: bounds.count + 1)))
    }

    package func observe(_ seconds: Double) {
        let index = bounds.firstIndex { seconds <= $0 } ?? bounds.count
        state.withLock {
            $0.buckets[index] += 1
            $0.sum += seconds
            $0.count += 1
        }
    }

    fileprivate func lines(_ name: String, _ labels: String) -> String {
        let (buckets, sum, count) = state.withLock { ($0.buckets, $0.sum, $0.count) }
        var text = ""
        var running: UInt64 = 0
        let separator = labels.isEmpty ? "" : ","
        for (bound, inBucket) in zip(bounds.map { "\($0)" } + ["+Inf"], buckets) {
            running += inBucket
            text += "\(name)_bucket{\(labels)\(separator)le=\"\(bound)\"} \(running)\n"
        }
        let suffix = labels.isEmpty ? "" : "{\(labels)}"
        return text + "\(name)_sum\(suffix) \(sum)\n\(name)_count\(suffix) \(count)\n"
    }
}

/// Every figure of one process, in the Prometheus text format 0.0.4.
///
/// Labels are fixed when a figure is made, at start-up: a peer cannot make a new one, so the number of
/// series is bounded by the code.
package final class MetricRegistry: Sendable {
    private enum Source {
        case counter(Counter), gauge(Gauge), histogram(Histogram)
        case read(@Sendable () -> Double)
    }

    private struct Series {
        var labels: String
        var source: Source
    }

    private struct Family {
        var help: String
        var type: String
        var series: [Series]
    }

    private let families = Mutex<[String: Family]>([:])

    package init() {}

    package func counter(_ name: String, _ help: String, labels: [(String, String)] = []) -> Counter {
        let counter = Counter()
        add(name, help, "counter", labels, .counter(counter))
        return counter
    }

    package func gauge(_ name: String, _ help: String, labels: [(String, String)] = []) -> Gauge {
        let gauge = Gauge()
        add(name, help, "gauge", labels, .gauge(gauge))
        return gauge
    }

    /// A gauge that is read when somebody asks.
    package func gauge(
        _ name: String,
        _ help: String,
        labels: [(String, String)] = [],
        read: @escaping @Sendable () -> Double
    ) {
        add(name, help, "gauge", labels, .read(read))
    }

    /// A counter that somebody else keeps, read when somebody asks.
    package func counter(_ name: String, _ help: String, read: @escaping @Sendable () -> Double) {
        add(name, help, "counter", [], .read(read))
    }

    package func histogram(
        _ name: String,
        _ help: String,
        labels: [(String, String)] = [],
        bounds: [Double] = Histogram.latencyBounds
    ) -> Histogram {
        let histogram = Histogram(bounds: bounds)
        add(name, help, "histogram", labels, .histogram(histogram))
        return histogram
    }

    /// The body of `GET /metrics`.
    package func exposition() -> String {
        var text = ""
        for (name, family) in families.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            text += "# HELP \(name) \(family.help)\n# TYPE \(name) \(family.type)\n"
            for series in family.series {
                let suffix = series.labels.isEmpty ? "" : "{\(series.labels)}"
                switch series.source {
                case .counter(let counter): text += "\(name)\(suffix) \(counter.current)\n"
                case .gauge(let gauge): text += "\(name)\(suffix) \(gauge.current)\n"
                case .read(let read): text += "\(name)\(suffix) \(read())\n"
                case .histogram(let histogram): text += histogram.lines(name, series.labels)
                }
            }
        }
        return text
    }

    private func add(
        _ name: String,
        _ help: String,
        _ type: String,
        _ labels: [(String, String)],
        _ source: Source
    ) {
        let text = labels.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",")
        families.withLock {
            $0[name, default: Family(help: help, type: type, series: [])].series
                .append(Series(labels: text, source: source))
        }
    }
}
