package import HSSModel

/// A right that somebody was given or lost, for the event log.
package struct ShareNews: Sendable, Equatable {
    package enum Change: String, Sendable {
        case shared, changed
        /// Taken back, run out, or gone with its device's owner.
        case ended
        /// The guest gave it back.
        case left
    }

    package var unit: UnitID
    package var user: UserName
    package var change: Change
    /// Those that it is about: now, or at the end.
    package var rights: Rights

    package init(unit: UnitID, user: UserName, change: Change, rights: Rights) {
        self.unit = unit
        self.user = user
        self.change = change
        self.rights = rights
    }

    /// What the event tells: one JSON object. All of it are words that JSON need not escape.
    package var detail: String {
        let words = rights.words.map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"user":"\#(user)","change":"\#(change.rawValue)","rights":[\#(words)]}"#
    }
}

/// What people may do with these devices may be something else now.
package struct AccessChange: Sendable, Equatable {
    package var units: Set<UnitID>
    package var news: [ShareNews]

    package init(units: Set<UnitID>, news: [ShareNews] = []) {
        self.units = units
        self.news = news
    }

    init(_ news: [ShareNews]) {
        self.init(units: Set(news.map(\.unit)), news: news)
    }
}
