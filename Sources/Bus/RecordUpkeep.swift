package import HSSModel

/// What is recorded of one channel for one owner.
package struct RecordedUse: Sendable, Equatable {
    package var recorded: RecordedChannel
    package var amounts: RecordedAmounts

    package init(recorded: RecordedChannel, amounts: RecordedAmounts) {
        self.recorded = recorded
        self.amounts = amounts
    }
}

/// Of which limits are spoken.
package enum RecordingLimitScope: Sendable, Hashable {
    case channel(ChannelAddress)
    /// All channels of one owner together.
    case owner(UserName)
}

/// What was set, and what holds because of it.
package struct RecordingLimitsInForce: Sendable, Equatable {
    package var set: RecordingLimits
    /// Nil: no limit.
    package var retention: Duration?
    package var bytes: Int64?

    package init(set: RecordingLimits, retention: Duration?, bytes: Int64?) {
        self.set = set
        self.retention = retention
        self.bytes = bytes
    }
}

/// How long recordings stay and what they take up, for customers and operators (Cs).
package protocol RecordUpkeepPoint: Sendable {
    /// Channels of which something is recorded for the caller, by device and channel, those after `after`; an operator
    /// names somebody else, or nobody and gets those of all.
    func recordedUse(
        of owner: UserName?,
        after: RecordedChannel?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [RecordedUse]

    /// The sum of these.
    func recordedTotal(
        of owner: UserName?,
        by caller: Principal
    ) async throws(ManagementError) -> RecordedAmounts

    /// For operators, as what follows.
    func recordingLimits(
        of scope: RecordingLimitScope,
        by caller: Principal
    ) async throws(ManagementError) -> RecordingLimitsInForce

    /// They hold from the next walk on, a minute at most.
    func setRecordingLimits(
        _ limits: RecordingLimits,
        of scope: RecordingLimitScope,
        by caller: Principal
    ) async throws(ManagementError) -> RecordingLimitsInForce

    /// Keeps a part of what is recorded of a channel for its owner: by the owner, or by an operator.
    func keep(
        _ range: Range<WallTime>,
        of device: String,
        channel: Int,
        note: String,
        by caller: Principal
    ) async throws(ManagementError) -> KeptClip

    /// The caller's, by ID, those after `after`; an operator names somebody else, or nobody and gets those of all.
    func keptClips(
        of owner: UserName?,
        after: ClipID?,
        limit: Int,
        by caller: Principal
    ) async throws(ManagementError) -> [KeptClip]

    /// It is kept no longer: the rules decide. An owner releases what the owner kept, an operator any.
    func release(_ clip: String, by caller: Principal) async throws(ManagementError)
}
