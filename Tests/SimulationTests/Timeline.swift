import HSSModel

/// Virtual time: what is still to happen, in the order of its time. Of two events at one moment the older comes first.
struct Timeline<Event> {
    private(set) var now = Instant(nanoseconds: 0)
    /// The next one last.
    private var coming: [(at: Instant, event: Event)] = []

    mutating func add(_ event: Event, at instant: Instant) {
        let at = max(instant, now)
        // What is added is most often due soon: look from the end.
        var index = coming.count
        while index > 0, coming[index - 1].at <= at { index -= 1 }
        coming.insert((at, event), at: index)
    }

    mutating func add(_ event: Event, in delay: Duration) {
        add(event, at: now + delay)
    }

    /// The next event until `end`, with the clock at its time; nil: the clock is at `end`.
    mutating func next(until end: Instant) -> Event? {
        guard let next = coming.last, next.at <= end else {
            now = max(now, end)
            return nil
        }
        coming.removeLast()
        now = next.at
        return next.event
    }
}
