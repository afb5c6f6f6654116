import HSSModel

/// Durations and sizes as people write them in the configuration.
package enum Quantity {
    private static let durationUnits: [(String, milliseconds: Int)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    private static let sizeUnits: [(String, bytes: Int)] = [
        ("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
    ]

    /// `120ms`, `10s`, `15m`, `2h`, `7d`; whole numbers only. `0` needs no unit.
    package static func duration(_ text: String) -> Duration? {
        if text == "0" { return .zero }
        guard let (number, unit) = split(text),
            let factor = durationUnits.first(where: { $0.0 == unit })?.milliseconds
        else { return nil }
        let (milliseconds, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : .milliseconds(milliseconds)
    }

    /// `8MiB`, `512KiB`, `1500B`, `1500`.
    package static func bytes(_ text: String) -> Int? {
        guard let (number, unit) = split(text),
            let factor = sizeUnits.first(where: { $0.0 == unit })?.bytes
        else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : bytes
    }

    package static func number(_ text: String, in range: ClosedRange<Int>) -> Int? {
        guard let (number, unit) = split(text), unit.isEmpty, range.contains(number) else { return nil }
        return number
    }

    /// In the largest unit that gives a whole number.
    package static func text(_ duration: Duration) -> String {
        let milliseconds = Int(duration.wholeMilliseconds)
        guard milliseconds != 0 else { return "0" }
        let unit = durationUnits.last { milliseconds % $0.milliseconds == 0 } ?? durationUnits[0]
        return "\(milliseconds / unit.milliseconds)\(unit.0)"
    }

    package static func text(bytes: Int) -> String {
        guard bytes != 0 else { return "0" }
        let unit = sizeUnits.last { bytes % $0.bytes == 0 } ?? sizeUnits[1]
        return "\(bytes / unit.bytes)\(unit.0)"
    }

    private static func split(_ text: String) -> (number: Int, unit: String)? {
        let digits = text.utf8.prefix { (0x30...0x39).contains($0) }
        guard (1...15).contains(digits.count), let number = Int(String(digits) ?? "") else { return nil }
        return (number, String(text.dropFirst(digits.count)))
    }
}
