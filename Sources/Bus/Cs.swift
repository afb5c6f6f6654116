package import HSSModel

/// A customer's hold on a live stream.
package struct LiveLease: Sendable, Equatable {
    package var stream: StreamID
    package var lease: LeaseID

    package init(stream: StreamID, lease: LeaseID) {
        self.stream = stream
        self.lease = lease
    }
}

/// Why there is no live picture, said so that a customer can act on it.
package enum LiveError: Error, Equatable, CustomStringConvertible {
    case unitOffline(UnitID)
    /// The unit was told to wake and did not come in time.
    case unitAsleep(UnitID)
    case noSuchChannel(ChannelAddress)
    /// The unit says that the channel is off, in error or disabled.
    case channelUnavailable(ChannelAddress, ChannelState)
    /// The unit answered `PushLive` with an error of Table I.2-12.
    case refusedByUnit(code: Int, message: String)
    /// The unit did not answer `PushLive` in time.
    case unitSilent(UnitID)
    /// The unit agreed but no stream arrived in time.
    case noPublish(UnitID, after: Duration)
    case media(String)
    /// The unit's stream was larger than `live.max_bitrate`, in bit/s (`max_bitrate`, Table I.2-12).
    case overBitrate(ChannelAddress, limit: Int)
    /// The unit's stream is none that customers could play; what the media server said of it.
    case unusable(ChannelAddress, MediaEnd)
    /// The customer watches as many pictures as one may (`limits.viewers_per_user`).
    case userLimit(Int)
    /// The device was disabled, removed or given up while somebody waited.
    case withdrawn(ChannelAddress)
    /// At a limit of waiting requests or leases.
    case busy(String)

    package var description: String {
        switch self {
        case .unitOffline(let unit): "unit \(unit) is offline"
        case .unitAsleep(let unit): "unit \(unit) is asleep and did not wake in time"
        case .noSuchChannel(let channel): "unit \(channel.unit) has no channel \(channel.number)"
        case .channelUnavailable(let channel, let state): "channel \(channel) is \(state)"
        case .refusedByUnit(let code, let message): "the unit refused with error \(code): \(message)"
        case .unitSilent(let unit): "unit \(unit) did not answer"
        case .noPublish(let unit, let delay):
            "unit \(unit) agreed but sent no stream within \(Int(delay.inSeconds.rounded())) s"
        case .media(let reason): reason
        case .overBitrate(let channel, let limit):
            "the stream of channel \(channel) is larger than \(limit) bit/s, the most that is allowed here"
        case .unusable(let channel, let reason):
            "the stream of channel \(channel) cannot be shown: \(reason.explanation)"
        case .userLimit(let limit): "one user may watch \(limit) pictures at a time; end one of them first"
        case .withdrawn(let channel): "the right to watch channel \(channel) was withdrawn"
        case .busy(let limit): "at a limit: \(limit)"
        }
    }
}

extension MediaEnd {
    /// For people, where it is the unit's fault.
    fileprivate var explanation: String {
        switch self {
        case .noProgramme: "it has no programme"
        case .noMedia: "there are neither pictures nor sound in it"
        case .unsupportedCodec: "its pictures are neither H.264 nor H.265"
        case .closedByPeer, .silent, .displaced, .closedByPlatform, .dismissed, .tooSlow, .malformed,
            .overBitrate, .closedByOperator, .publisherGone, .userLimit, .transcodingFailed, .formatChanged,
            .shuttingDown:
            rawValue
        }
    }
}

/// The live picture of one channel, for those who may see it.
package struct LiveStatus: Sendable, Equatable {
    package enum Activity: String, Sendable, Equatable {
        case idle, starting, live, interrupted, stopping
    }

    package var activity: Activity
    package var stream: StreamID?
    /// When the push began that runs now.
    package var since: WallTime?
    package var viewers: Int
    /// Viewers of each customer.
    package var audience: [UserName: Int]
    /// How the last push ended, as long as it is remembered.
    package var lastEnd: PublisherEnd?

    package init(
        activity: Activity = .idle,
        stream: StreamID? = nil,
        since: WallTime? = nil,
        viewers: Int = 0,
        audience: [UserName: Int] = [:],
        lastEnd: PublisherEnd? = nil
    ) {
        self.activity = activity
        self.stream = stream
        self.since = since
        self.viewers = viewers
        self.audience = audience
        self.lastEnd = lastEnd
    }
}

/// One unit as an operator sees it: `GET /admin/sessions`.
package struct UnitSession: Sendable, Equatable {
    package var unit: UnitID
    package var presence: UnitPresence

    package init(unit: UnitID, presence: UnitPresence) {
        self.unit = unit
        self.presence = presence
    }
}

/// Reference point Cs, what customers and operators ask of the SCU (§8.3.2 c). Whoever calls has checked the
/// right to do so.
package protocol ServiceControlPoint: Sendable {
    /// What is known of these units; one that is not in the answer is offline.
    func presence(of units: [UnitID]) async -> [UnitID: UnitPresence]

    func sessions(after: UnitID?, limit: Int) async -> [UnitSession]

    /// Returns once the unit really publishes. Cancelling the task gives the wait up.
    func startLive(_ channel: ChannelAddress, for user: UserName) async throws(LiveError) -> LiveLease

    /// Gives back one lease of the user, or all of them on this channel. Nothing happens where none is held.
    func stopLive(_ channel: ChannelAddress, lease: LeaseID?, for user: UserName) async

    func liveStatus(of channel: ChannelAddress) async -> LiveStatus

    /// Whose leases these are; those of which nothing is known are left out.
    func holders(of leases: [LeaseID], on stream: StreamID) async -> [LeaseID: UserName]

    /// Ends whatever the user watches or waits for on one channel. False where that is nothing.
    func dismiss(_ user: UserName, from channel: ChannelAddress) async -> Bool

    /// Ends whatever the user watches or waits for, and nothing of others: the user was disabled.
    func withdraw(_ user: UserName) async

    /// Ends the unit's session and its live pictures: it was disabled, removed or given up.
    func disconnect(_ unit: UnitID) async
}
