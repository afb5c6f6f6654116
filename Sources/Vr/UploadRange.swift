/// Which bytes of a segment a `PUT` brings: all, or the rest after a broken upload (`Content-Range`, RFC 9110 §14.4
/// and §14.5).
package struct UploadRange: Sendable, Hashable {
    /// Where it begins; 0 for a whole segment.
    package var offset: Int64
    /// Of the whole segment, in bytes.
    package var size: Int64

    /// What is to come.
    package var count: Int64 { size - offset }

    package init(offset: Int64 = 0, size: Int64) {
        self.offset = offset
        self.size = size
    }

    /// Judges the header fields of a `PUT` before its body: `header` is `Content-Range` (nil: there is none), `length`
    /// `Content-Length` (nil: the body is chunked, and counted as it comes), `announced` the size of ``UploadAddress``.
    package init(header: String?, length: Int64?, announced: Int64) throws(RecordFailure) {
        self.init(size: announced)
        if let header {
            guard let range = Self.parse(header), range.size == announced, range.last == announced - 1,
                range.first <= range.last
            else { throw .malformedRange }
            offset = range.first
        }
        guard let length, length != count else { return }
        guard length <= count else { throw .segmentTooLarge(limit: announced) }
        // Nothing of it was read.
        throw .incomplete(received: offset, size: announced)
    }

    /// As a unit writes it.
    package var header: String { "bytes \(offset)-\(size - 1)/\(size)" }

    private static func parse(_ text: String) -> (first: Int64, last: Int64, size: Int64)? {
        let prefix = "bytes "
        guard text.utf8.count <= 80, text.lowercased().hasPrefix(prefix) else { return nil }
        let sides = text.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
        guard sides.count == 2 else { return nil }
        let numbers = sides[0].split(separator: "-", omittingEmptySubsequences: false) + [sides[1]]
        let values = numbers.compactMap { DecimalSeconds.integer(parsing: String($0)) }
        guard numbers.count == 3, values.count == 3 else { return nil }
        return (values[0], values[1], values[2])
    }
}
