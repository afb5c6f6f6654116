extension AlarmType {
    /// How people write it: in the customer API, in events, on the command line.
    package var word: String {
        switch self {
        case .external: "external"
        case .motion: "motion"
        case .intrusion: "intrusion"
        case .cry: "cry"
        case .face: "face"
        case .sound: "sound"
        case .lowPower: "low_power"
        case .lockPicking: "lock_picking"
        case .bellRing: "bell_ring"
        case .human: "human"
        case .infraredMotion: "infrared_motion"
        }
    }

    package init?(word: String) {
        guard let type = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = type
    }

    package static var words: String { allCases.map(\.word).joined(separator: ", ") }
}
