package import HSSModel

/// What is wanted of one channel, and whether it may be asked of its unit.
package struct StoredRecordingWishes: Sendable, Hashable {
    package var channel: ChannelAddress
    package var wishes: RecordingWishes
    /// Of the device: it does not log in, so nothing of it is to be recorded.
    package var isDisabled: Bool

    package init(channel: ChannelAddress, wishes: RecordingWishes, isDisabled: Bool = false) {
        self.channel = channel
        self.wishes = wishes
        self.isDisabled = isDisabled
    }
}

/// What people want recorded. Every call is one transaction; what it returned from is durable. What is wanted of a device
/// goes with its owner (``BindingStore/unbind(_:owner:)``) and with the device.
package protocol RecordingSettingsStore: Sendable {
    /// Of every channel of which something is wanted, by device and channel, those after `after`; at most ``pageLimit``.
    func recordingWishes(
        after: ChannelAddress?,
        limit: Int
    ) async throws(StoreError) -> [StoredRecordingWishes]

    /// Empty where nothing is wanted.
    func recordingWishes(of channel: ChannelAddress) async throws(StoreError) -> RecordingWishes

    /// Replaces what was wanted of the channel; what is empty is not kept. `notFound` for a channel that is not
    /// enrolled.
    func keep(_ wishes: RecordingWishes, of channel: ChannelAddress) async throws(StoreError)

    /// Nothing is wanted of this device any more.
    func dropRecordingWishes(of unit: UnitID) async throws(StoreError)
}
