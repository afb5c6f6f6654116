/// What a session, or a token that somebody made for a program, may be used for. It narrows what its user may do and never
/// widens it.
package struct Scopes: OptionSet, Hashable, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) {
        self.rawValue = rawValue
    }

    /// Lists, states, alarms and events.
    package static let read = Scopes(rawValue: 1)
    package static let live = Scopes(rawValue: 2)
    package static let playback = Scopes(rawValue: 4)
    /// Whatever changes a device, and speaking to it.
    package static let control = Scopes(rawValue: 8)
    /// The person's own: password, sessions, shares, households, bindings, webhooks.
    package static let account = Scopes(rawValue: 16)
    /// What only operators may do.
    package static let admin = Scopes(rawValue: 32)
    package static let all: Scopes = [.read, .live, .playback, .control, .account, .admin]

    private static let named: [(Scopes, String)] = [
        (.read, "read"), (.live, "live"), (.playback, "playback"), (.control, "control"),
        (.account, "account"), (.admin, "admin"),
    ]

    package static let allWords = named.map(\.1)

    package var words: [String] { Self.named.filter { contains($0.0) }.map(\.1) }

    /// Words with spaces between them (RFC 6749, 3.3). Nil: none, or one that there is not.
    package init?(text: String) {
        var scopes: Scopes = []
        for word in text.split(separator: " ") {
            guard let found = Self.named.first(where: { $0.1 == word }) else { return nil }
            scopes.insert(found.0)
        }
        guard !scopes.isEmpty else { return nil }
        self = scopes
    }

    /// The rights on devices that may be used.
    package var rights: Rights {
        var rights: Rights = []
        if contains(.live) { rights.insert(.live) }
        if contains(.playback) { rights.insert(.playback) }
        if contains(.control) { rights.formUnion([.control, .talk]) }
        return rights
    }
}
