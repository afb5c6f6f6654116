package import Hummingbird

/// Stands for the very octets of an answer (RFC 9110, 8.8.3).
package struct EntityTag: Sendable {
    /// With its quotes.
    private let text: String

    package init(_ text: String) { self.text = text }

    /// Whether the caller says that it has these octets. Weak tags compare as strong ones (RFC 9110, 13.1.2).
    package func isKnown(to request: Request) -> Bool {
        guard let known = request.headers[.ifNoneMatch] else { return false }
        return known == "*"
            || known.split(separator: ",").contains { part in
                let trimmed = part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
                let name = String(trimmed)
                return name == text || name == "W/" + text
            }
    }
}
