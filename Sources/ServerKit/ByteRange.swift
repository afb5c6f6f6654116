/// The part of a content that a request asks for (RFC 9110, 14).
package enum ByteRange: Equatable {
    /// The whole: no range was asked for, or one that may be ignored.
    case whole
    /// Not empty, within the content.
    case part(Range<Int64>)
    /// 416: nothing of the content is in the range.
    case unsatisfiable

    /// `header` is `Range`, `condition` is `If-Range`, `tag` the entity tag with its quotes, `size` in bytes.
    ///
    /// Another unit than bytes, several ranges and what is no range are ignored, which 14.2 allows: the peer gets the
    /// whole. A condition is met by the strong entity tag only (13.1.5); a date never is.
    package init(header: String?, condition: String?, tag: String, size: Int64) {
        guard let header, condition == nil || condition == tag, header.utf8.count <= 64,
            header.lowercased().hasPrefix("bytes=")
        else {
            self = .whole
            return
        }
        let ends = header.dropFirst("bytes=".count).filter { $0 != " " && $0 != "\t" }
            .split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, ends.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) else {
            self = .whole
            return
        }
        // Digits only; what does not fit into 64 bits lies beyond every content.
        let first = ends[0].isEmpty ? nil : Int64(ends[0]) ?? .max
        let last = ends[1].isEmpty ? nil : Int64(ends[1]) ?? .max
        switch (first, last) {
        case (nil, nil): self = .whole
        case (nil, let count?):
            self = count > 0 && size > 0 ? .part(max(0, size - count)..<size) : .unsatisfiable
        case (let first?, nil): self = first < size ? .part(first..<size) : .unsatisfiable
        case (let first?, let last?) where last < first: self = .whole
        case (let first?, let last?):
            self = first < size ? .part(first..<(last < size ? last + 1 : size)) : .unsatisfiable
        }
    }
}
