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
}

/// What a person is to the platform.
package enum Role: String, Sendable, Codable {
    case customer, `operator`
}
