package import Bus
import HSSModel
package import Store

/// Settings of single channels, for operators.
package struct ChannelDesk: ChannelSettingPoint {
    private static let latencies = Duration.milliseconds(20)...Duration.seconds(8)

    private let devices: any DevicePoint
    private let store: any ChannelSettingStore

    package init(devices: any DevicePoint, store: any ChannelSettingStore) {
        self.devices = devices
        self.store = store
    }

    package func srtLatencies(
        of id: String,
        by caller: Principal
    ) async throws(ManagementError) -> [Int: Duration] {
        try await latencies(of: try await device(id, caller).unit)
    }

    package func setSRTLatency(
        _ latency: Duration?,
        of id: String,
        channel: Int?,
        by caller: Principal
    ) async throws(ManagementError) -> [Int: Duration] {
        if let latency, !Self.latencies.contains(latency) {
            throw .invalid(
                field: "srt_latency_ms",
                "expected 20 to 8000, found \(latency.wholeMilliseconds)"
            )
        }
        let device = try await device(id, caller)
        if let channel, device.channels[channel] == nil {
            throw .notFound("channel \(channel) of device \(device.unit)")
        }
        do throws(StoreError) {
            let channels = channel.map { [$0] } ?? device.channels.keys.sorted()
            try await store.setSRTLatency(latency, of: device.unit, channels: channels)
        } catch {
            throw ManagementError(error)
        }
        return try await latencies(of: device.unit)
    }

    private func device(_ id: String, _ caller: Principal) async throws(ManagementError) -> DeviceRecord {
        guard caller.role == .operator else { throw .forbidden }
        return try await devices.device(id, visibleTo: caller).device
    }

    private func latencies(of unit: UnitID) async throws(ManagementError) -> [Int: Duration] {
        do throws(StoreError) {
            return try await store.srtLatencies(of: unit)
        } catch {
            throw ManagementError(error)
        }
    }
}
