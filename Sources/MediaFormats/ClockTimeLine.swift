/// Makes one line of times out of the 33 bits that a transport stream has for them (H.222.0, 2.4.3.7), which begin anew
/// every 26.5 hours. Ticks of 90 kHz.
///
/// A time stands for the one nearest to the last: what comes a little earlier, as sound and reordered pictures do, stays
/// a little earlier, on whichever side of the wrap it lies.
struct ClockTimeLine: Sendable {
    static let period: Int64 = 1 << 33

    private var last: Int64?

    /// Not negative unless the wrap lies within the first seconds.
    mutating func place(_ time: Int64) -> Int64 {
        guard let last else {
            last = time
            return time
        }
        var distance = (time - last) % Self.period
        if distance >= Self.period / 2 { distance -= Self.period }
        if distance < -Self.period / 2 { distance += Self.period }
        self.last = last + distance
        return last + distance
    }
}
