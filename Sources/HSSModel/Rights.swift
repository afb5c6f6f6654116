/// What somebody may do with a device (CONTRACT: shares).
package struct Rights: OptionSet, Hashable, Sendable, Codable {
    package let rawValue: Int

    package init(rawValue: Int) {
        self.rawValue = rawValue
    }

    package static let live = Rights(rawValue: 1)
    package static let playback = Rights(rawValue: 2)
    package static let control = Rights(rawValue: 4)
    package static let talk = Rights(rawValue: 8)
    /// The person to whom the device is bound.
    package static let owner: Rights = [.live, .playback, .control, .talk]

    private static let named: [(Rights, String)] = [
        (.live, "live"), (.playback, "playback"), (.control, "control"), (.talk, "talk"),
    ]

    /// The names of all rights, in their order.
    package static let words = named.map(\.1)

    /// Nil: there is no such right.
    package init?(word: some StringProtocol) {
        guard let found = Self.named.first(where: { $0.1 == word }) else { return nil }
        self = found.0
    }

    package var words: [String] { Self.named.filter { contains($0.0) }.map(\.1) }
}

/// What a person is to the platform.
package enum Role: String, Sendable, Codable {
    case customer, `operator`
}

/// What a person is to a device.
package enum DeviceRole: String, Sendable, Codable {
    /// It is bound to the person.
    case owner
    /// It was shared, by the owner or through a household.
    case guest
    case `operator`
}
