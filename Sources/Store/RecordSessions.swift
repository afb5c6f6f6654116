package import HSSModel

/// A record session as the platform ordered it.
package struct StoredRecordSession: Sendable, Equatable {
    package var id: RecordSessionID
    package var recorded: RecordedChannel
    /// What its Vr address names.
    package var channelID: ChannelID
    package var begunAt: WallTime
    /// From when on nothing is wanted of it; nil: it runs.
    package var endedAt: WallTime?
    /// Segments and time that its unit could not upload (`stat`, Table I.3-5).
    package var droppedCount: Int
    package var droppedTime: Duration

    package init(
        id: RecordSessionID,
        recorded: RecordedChannel,
        channelID: ChannelID,
        begunAt: WallTime,
        endedAt: WallTime? = nil,
        droppedCount: Int = 0,
        droppedTime: Duration = .zero
    ) {
        self.id = id
        self.recorded = recorded
        self.channelID = channelID
        self.begunAt = begunAt
        self.endedAt = endedAt
        self.droppedCount = droppedCount
        self.droppedTime = droppedTime
    }
}

/// Record sessions. Every call is one transaction; what it returned from is durable.
package protocol RecordSessionStore: Sendable {
    /// Idempotent. Sets the channel's ID and its owner of now, and ends a session of this channel that still runs.
    /// `notFound` for a channel that is not enrolled, `conflict` where the name is taken by another channel.
    func beginRecordSession(
        _ id: RecordSessionID,
        of channel: ChannelAddress,
        at now: WallTime
    ) async throws(StoreError) -> StoredRecordSession

    /// Idempotent: the first end counts. Nothing happens where there is no such session.
    func endRecordSession(_ id: RecordSessionID, at time: WallTime) async throws(StoreError)

    /// Ends those that run and are not of the owner that their device has now: an order that outlived its owner, as after a
    /// kill between the two. Returns how many.
    func endForeignRecordSessions(at time: WallTime) async throws(StoreError) -> Int

    func recordSession(_ id: RecordSessionID) async throws(StoreError) -> StoredRecordSession?

    /// Those that run, by name, those after `after`; at most ``pageLimit``.
    func runningRecordSessions(
        after: RecordSessionID?,
        limit: Int
    ) async throws(StoreError) -> [StoredRecordSession]

    /// Sessions of which something falls into the range, by begin, at most `limit`: for what was dropped.
    func recordSessions(
        of recorded: RecordedChannel,
        in range: Range<WallTime>,
        limit: Int
    ) async throws(StoreError) -> [StoredRecordSession]

    /// Its statistics grow by this. Nothing happens where there is no such session.
    func addDropped(
        _ count: Int,
        _ time: Duration,
        to session: RecordSessionID
    ) async throws(StoreError)

    /// Deletes sessions that ended before `time` and have no segment, at most `limit`; returns how many.
    func dropRecordSessions(endedBefore time: WallTime, limit: Int) async throws(StoreError) -> Int
}
