package import HSSModel

/// All limits that were set.
package struct StoredRecordingLimits: Sendable, Equatable {
    package var channels: [ChannelAddress: RecordingLimits]
    package var owners: [UserName: RecordingLimits]

    package init(
        channels: [ChannelAddress: RecordingLimits] = [:],
        owners: [UserName: RecordingLimits] = [:]
    ) {
        self.channels = channels
        self.owners = owners
    }
}

/// What is recorded of one channel for an owner, as retention looks at it.
package struct RetainedChannel: Sendable, Equatable {
    package var recorded: RecordedChannel
    package var amounts: RecordedAmounts
    /// The device was removed, or is not this owner's any more.
    package var isFormer: Bool
}

/// How long recordings stay, and how they go. Every call is one transaction; what it returned from is durable.
package protocol RetentionStore: Sendable {
    // MARK: Limits

    func recordingLimits() async throws(StoreError) -> StoredRecordingLimits

    /// `notFound` for a channel that is not enrolled. They go with the device.
    func setRecordingLimits(_ limits: RecordingLimits, of channel: ChannelAddress) async throws(StoreError)

    /// `notFound` for a user who is not there.
    func setRecordingLimits(_ limits: RecordingLimits, of owner: UserName) async throws(StoreError)

    // MARK: Kept clips

    /// False where its owner has `limit` of them, or would have kept more than `time` in all; nil: however long. Whether
    /// others kept something of the same owner does not count.
    func keep(_ clip: KeptClip, limit: Int, time: Duration?) async throws(StoreError) -> Bool

    func keptClip(_ id: ClipID) async throws(StoreError) -> KeptClip?

    /// By ID, those after `after`; at most ``pageLimit``. With `owner`, those of this user's recordings.
    func keptClips(owner: UserName?, after: ClipID?, limit: Int) async throws(StoreError) -> [KeptClip]

    /// Ranges that are kept of one channel for an owner and end after `time`, by their start, at most `limit`.
    func keptRanges(
        of recorded: RecordedChannel,
        endingAfter time: WallTime,
        limit: Int
    ) async throws(StoreError) -> [Range<WallTime>]

    /// Nothing happens where there is no such clip.
    func releaseClip(_ id: ClipID) async throws(StoreError)

    // MARK: Sums

    /// Of every channel, by device, channel and owner, those after `after`; at most ``pageLimit``.
    func retainedChannels(after: RecordedChannel?, limit: Int) async throws(StoreError) -> [RetainedChannel]

    /// Bytes of segments that were announced and are not saved yet, of each channel that has any.
    func announcedBytes() async throws(StoreError) -> [RecordedChannel: Int64]
}

extension RetentionStore {
    package func keep(_ clip: KeptClip, limit: Int) async throws(StoreError) -> Bool {
        try await keep(clip, limit: limit, time: nil)
    }
}
