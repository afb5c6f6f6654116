import Foundation

/// The one table that `make bench` prints.
struct Report {
    private struct Row {
        var figure: String
        var value: String
        var target: String
        var verdict: String
        var peer: String
        var ratio: String
    }

    private var rows: [Row] = []
    private(set) var missed = 0

    /// `target`: at most so much. `peer`: what another program needed for the same in the same run.
    mutating func add(
        _ figure: String,
        _ value: Double,
        _ unit: String,
        target: Double? = nil,
        peer: Double? = nil,
        atMostTimesPeer: Double? = nil
    ) {
        var isMet = target.map { value <= $0 }
        if let peer, let atMostTimesPeer { isMet = (isMet ?? true) && value <= peer * atMostTimesPeer }
        if isMet == false { missed += 1 }
        let limits = [
            target.map { "≤ \(Self.text($0)) \(unit)" }, atMostTimesPeer.map { "≤ \(Self.text($0)) × peer" },
        ]
        let row = Row(
            figure: figure,
            value: "\(Self.text(value)) \(unit)",
            target: limits.compactMap { $0 }.joined(separator: ", "),
            verdict: isMet.map { $0 ? "met" : "MISSED" } ?? "",
            peer: peer.map { "\(Self.text($0)) \(unit)" } ?? "",
            ratio: peer.map { $0 > 0 ? String(format: "%.2f", value / $0) : "" } ?? ""
        )
        rows.append(row)
        // At once, too: a later part may fail.
        say("  \(row.figure): \(row.value) \(row.verdict) \(row.peer.isEmpty ? "" : "(peer \(row.peer))")")
    }

    /// A figure that there is not, and why.
    mutating func note(_ figure: String, _ text: String) {
        rows.append(Row(figure: figure, value: text, target: "", verdict: "", peer: "", ratio: ""))
        say("  \(figure): \(text)")
    }

    private static func text(_ value: Double) -> String {
        switch abs(value) {
        case 100...: String(format: "%.0f", value)
        case 10..<100: String(format: "%.1f", value)
        default: String(format: value == value.rounded() ? "%.0f" : "%.2f", value)
        }
    }

    /// Markdown.
    var table: String {
        let lines =
            [["Figure", "Measured", "Target", "", "Peer, same run", "Ratio"]]
            + rows.map { [$0.figure, $0.value, $0.target, $0.verdict, $0.peer, $0.ratio] }
        let widths = (0..<6).map { column in lines.map { $0[column].count }.max() ?? 0 }
        var text = lines.map { cells in
            let padded = zip(cells, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            return "| " + padded.joined(separator: " | ") + " |"
        }
        text.insert(
            "|" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "|") + "|",
            at: 1
        )
        return text.joined(separator: "\n")
    }
}

extension [Double] {
    /// The value below which `share` of the values lie.
    func percentile(_ share: Double) -> Double {
        guard !isEmpty else { return .nan }
        return sorted()[Swift.min(count - 1, Int(Double(count) * share))]
    }
}

/// Prints a line at once, though standard output is a pipe.
func say(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
}
