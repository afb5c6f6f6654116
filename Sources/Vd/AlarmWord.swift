extension AlarmType {
    /// Its name in the customer API and in events.
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

    /// From a word or the number of Table I.2-16.
    package init?(word: String) {
        let found = Self.allCases.first { $0.word == word || String($0.rawValue) == word }
        guard let found else { return nil }
        self = found
    }
}
