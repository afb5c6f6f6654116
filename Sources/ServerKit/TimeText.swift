import Foundation
package import HSSModel

extension WallTime {
    /// Nil: `text` is no time of RFC 3339.
    package init?(rfc3339 text: String) {
        guard text.utf8.count <= 40,
            let date = (try? Date(text, strategy: .iso8601))
                ?? (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
        else { return nil }
        let milliseconds = (date.timeIntervalSince1970 * 1000).rounded()
        guard abs(milliseconds) < 1e15 else { return nil }
        self.init(milliseconds: Int64(milliseconds))
    }

    /// `2026-11-21T08:00:00.250Z`: with milliseconds, which times of recordings have.
    package var rfc3339Exact: String {
        let rest = milliseconds - Int64(CalendarDay(of: self).number) * 86_400_000
        let clock = [rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60].map {
            ($0 < 10 ? "0" : "") + "\($0)"
        }
        let fraction = String(String(1000 + rest % 1000).dropFirst())
        return "\(CalendarDay(of: self))T\(clock.joined(separator: ":")).\(fraction)Z"
    }
}
