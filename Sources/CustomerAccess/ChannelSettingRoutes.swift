import Bus
import HSSModel
import Hummingbird
import ServerKit

/// `PATCH /admin/devices/{id}/channels` and `…/channels/{n}`: what an operator sets for one channel, or for all.
extension CustomerAPI {
    func addChannelSettingRoutes(
        to api: RouterGroup<PlatformContext>,
        _ channels: any ChannelSettingPoint
    ) {
        let device = api.group("admin/devices/:id/channels")
        device.patch { request, context in
            try await answering { try await setChannel(nil, request, context, channels) }
        }
        device.patch(":n") { request, context in
            let text = try context.parameters.require("n")
            return try await answering {
                guard let number = Int(text) else {
                    throw ManagementError.invalid(
                        field: "channel",
                        "expected a number from 0 to \(ChannelAddress.highestNumber)"
                    )
                }
                return try await setChannel(number, request, context, channels)
            }
        }
    }

    private func setChannel(
        _ channel: Int?,
        _ request: Request,
        _ context: PlatformContext,
        _ channels: any ChannelSettingPoint
    ) async throws -> Response {
        try Self.requireOperator(context)
        let caller = try context.caller()
        let id = try context.parameters.require("id")
        let body = try await decode(ChannelSettingBody.self, from: request)
        let latencies = try await channels.setSRTLatency(
            body.srtLatencyMs.map { .milliseconds($0) },
            of: id,
            channel: channel,
            by: caller
        )
        let device = try await devices.device(id, visibleTo: caller).device
        return try JSONBody.answer(try await self.body(device, latencies))
    }
}

/// `null` takes the setting back; left out it is a mistake.
private struct ChannelSettingBody: Decodable {
    var srtLatencyMs: Int64?

    private enum CodingKeys: CodingKey { case srtLatencyMs }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let isNull = try container.decodeNil(forKey: .srtLatencyMs)
        srtLatencyMs = isNull ? nil : try container.decode(Int64.self, forKey: .srtLatencyMs)
    }
}
