package import HSSModel

/// Permission to play a range of one channel's recordings, signed by the storage and carried in addresses: bound to a user,
/// a channel, its owner and a range. Whether the user still may is asked beside it, all the time.
package struct PlaybackTicket: Sendable, Hashable {
    package enum Purpose: String, Sendable, CaseIterable {
        /// Opens playlists and exports.
        case open
        /// Stands in the addresses of one playback. It opens nothing new, and lasts longer than a player plays.
        case view
    }

    private static let label = "playback"
    /// Four names of 64 characters, four numbers and a tag, with what is between them.
    private static let longest = 512
    /// No character of an identifier.
    private static let separator: Character = "~"

    package let purpose: Purpose
    package let user: UserName
    package let recorded: RecordedChannel
    package let range: Range<WallTime>
    package let expiresAt: WallTime

    package init(
        purpose: Purpose,
        user: UserName,
        recorded: RecordedChannel,
        range: Range<WallTime>,
        expiresAt: WallTime
    ) {
        self.purpose = purpose
        self.user = user
        self.recorded = recorded
        self.range = range
        self.expiresAt = expiresAt
    }

    /// Safe in paths and queries.
    package func text(key: RecordKey) -> Secret {
        Secret((fields + [key.tag(Self.label, fields)]).joined(separator: String(Self.separator)))
    }

    /// Forged and expired are refused alike.
    package init(parsing text: String, key: RecordKey, at now: WallTime) throws(RecordFailure) {
        guard text.utf8.count <= Self.longest else { throw .wrongKey }
        let parts = text.split(separator: Self.separator, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 9, key.isTag(parts[8], Self.label, Array(parts.dropLast())),
            let purpose = Purpose(rawValue: parts[0]), let user = UserName(rawValue: parts[1]),
            let unit = UnitID(rawValue: parts[2]), let channel = Int(parts[3]),
            (0...ChannelAddress.highestNumber).contains(channel), let from = Int64(parts[5]),
            let to = Int64(parts[6]), from < to, let expiry = Int64(parts[7])
        else { throw .wrongKey }
        let owner = UserName(rawValue: parts[4])
        guard owner != nil || parts[4].isEmpty else { throw .wrongKey }
        self.init(
            purpose: purpose,
            user: user,
            recorded: RecordedChannel(ChannelAddress(unit: unit, number: channel), owner: owner),
            range: WallTime(milliseconds: from)..<WallTime(milliseconds: to),
            expiresAt: WallTime(milliseconds: expiry)
        )
        guard now < expiresAt else { throw .wrongKey }
    }

    private var fields: [String] {
        [
            purpose.rawValue, user.rawValue, recorded.channel.unit.rawValue, "\(recorded.channel.number)",
            recorded.owner?.rawValue ?? "", "\(range.lowerBound.milliseconds)",
            "\(range.upperBound.milliseconds)", "\(expiresAt.milliseconds)",
        ]
    }
}
