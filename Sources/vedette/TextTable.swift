/// Rows under headings. What does not fit the terminal is cut, the widest columns first, so that a row stays a line.
struct TextTable {
    /// A column is not made narrower than this.
    static let narrowest = 8
    private static let gap = "  "

    let headings: [String]
    let rows: [[String]]

    /// `width`: characters of a line; nil: as wide as it has to be, which is what a pipe gets.
    func lines(width: Int?) -> [String] {
        let table = [headings] + rows
        var widths = headings.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        if let width { Self.fit(&widths, into: width) }
        return table.map { row in
            let cells = zip(row, widths).enumerated().map { column, pair in
                let text = Self.cut(pair.0, to: pair.1)
                let padding = column == row.count - 1 ? 0 : pair.1 - text.count
                return text + String(repeating: " ", count: max(0, padding))
            }
            return cells.joined(separator: Self.gap)
        }
    }

    private static func fit(_ widths: inout [Int], into width: Int) {
        let room = width - gap.count * (widths.count - 1)
        while widths.reduce(0, +) > room, let widest = widths.max(), widest > narrowest,
            let column = widths.lastIndex(of: widest)
        {
            widths[column] -= 1
        }
    }

    private static func cut(_ text: String, to width: Int) -> String {
        text.count <= width ? text : text.prefix(width - 1) + "…"
    }
}
