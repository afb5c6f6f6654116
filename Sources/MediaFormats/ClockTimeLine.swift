/// Makes one line of times out of the 33 bits that a transport stream has for them (H.222.0, 2.4.3.7), which begin anew
/// every 26.5 hours. Ticks of 90 kHz.
///
/// A time stands for the one nearest to the last: what comes a little earlier, as sound and reordered pictures do, stays
/// a little earlier, on whichever side of the wrap it lies.
struct ClockTimeLine: Sendable {
    static let period: Int64 = 1 << 33
    /// Beyond it the line begins anew: a sender that jumps back and forth drives it half a period with each packet.
    static let end: Int64 = 1 << 60

    private var last: Int64?

    /// Of a packet that has any. Pictures are shown after they are decoded, within the half of the line that lies ahead.
    mutating func times(of header: PacketizedHeader) -> (presentation: Int64, decoding: Int64)? {
        guard let presentation = header.presentation else { return nil }
        let decoding = header.decoding ?? presentation
        let place = place(decoding)
        return (place + Self.distance(from: decoding, to: presentation), place)
    }

    /// Not negative unless the wrap lies within the first seconds.
    mutating func place(_ time: Int64) -> Int64 {
        guard let last else {
            last = time
            return time
        }
        let next = last + Self.distance(from: last, to: time)
        let place = abs(next) <= Self.end ? next : time
        self.last = place
        return place
    }

    /// The shortest way round.
    private static func distance(from one: Int64, to other: Int64) -> Int64 {
        let distance = (other - one) % period
        if distance >= period / 2 { return distance - period }
        return distance < -period / 2 ? distance + period : distance
    }
}
