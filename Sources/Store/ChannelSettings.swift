package import HSSModel

/// What an operator set for single channels, where it differs from the configuration.
package protocol ChannelSettingStore: Sendable {
    /// Nil: as the configuration says.
    func srtLatency(of channel: ChannelAddress) async throws(StoreError) -> Duration?

    /// Of every channel of a device for which one is set.
    func srtLatencies(of unit: UnitID) async throws(StoreError) -> [Int: Duration]

    /// Of these channels; nil takes the setting back. `notFound` where one of them is not enrolled, and then nothing
    /// changes.
    func setSRTLatency(
        _ latency: Duration?,
        of unit: UnitID,
        channels: [Int]
    ) async throws(StoreError)
}
