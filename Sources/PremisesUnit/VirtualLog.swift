import HSSModel
import Vd

/// What has happened to a simulated unit, one word a line: it costs a few bytes where nobody asks for it.
struct VirtualLog: Sendable {
    static let most = 1024

    private struct Line: Sendable {
        var time: WallTime
        var word: String
    }

    private var lines: [Line] = []

    mutating func note(_ word: String, at time: WallTime) {
        // Dropped in one go, so that a full log does not move for each line.
        if lines.count >= Self.most { lines.removeFirst(Self.most / 4) }
        lines.append(Line(time: time, word: word))
    }

    /// Both ends included, to the second; the text is in UTC.
    func part(from: WallTime, to: WallTime) -> UnitLogPart {
        let chosen = lines.filter { (from.seconds...max(from.seconds, to.seconds)).contains($0.time.seconds) }
        let text = chosen.map { "\(UnitDateTime($0.time, hoursEast: 0))Z \($0.word)\n" }.joined()
        return UnitLogPart(bytes: Array(text.utf8), first: chosen.first?.time, last: chosen.last?.time)
    }
}
