import Bus
import HSSModel
import HTTPTypes
import Hummingbird
import ServerKit

extension CustomerAPI {
    func addDeviceRoutes(to api: RouterGroup<PlatformContext>) {
        api.get("devices") { request, context in
            let caller = try context.caller()
            return try await answering {
                try await page(
                    request,
                    name: { $0.device.device.unit.rawValue },
                    body: { await body($0.device, $0.battery) },
                    read: { after, limit in
                        let page = try await devices.devices(
                            after: after.flatMap { UnitID(rawValue: $0) },
                            limit: limit,
                            visibleTo: caller
                        )
                        return try await withBatteries(page, \.device.unit)
                    }
                )
            }
        }
        api.get("devices/:id") { _, context in
            try await answering {
                let device = try await visible(context)
                let battery = try await withBatteries([device], \.device.unit).first?.battery
                return try JSONBody.answer(await body(device, battery))
            }
        }
        api.post("bindings") { _, context in
            let caller = try context.caller()
            return try await answering {
                let code = try await devices.issueBindCode(for: caller)
                let body = BindCodeBody(bindId: code.code.reveal(), expiresAt: code.expiresAt.rfc3339)
                return try JSONBody.answer(body, .created)
            }
        }
        api.delete("devices/:id/binding") { _, context in
            let caller = try context.caller()
            let id = try context.parameters.require("id")
            return try await answering {
                try await devices.unbind(id, by: caller)
                return Response(status: .noContent)
            }
        }
        api.post("devices/:id/channels/:n/live") { request, context in
            let caller = try context.caller()
            return try await answering {
                let rendition = try await rendition(request)
                return try await startLive(try await channel(context, needing: .live), rendition, caller)
            }
        }
        api.delete("devices/:id/channels/:n/live") { request, context in
            let caller = try context.caller()
            return try await answering {
                let lease = request.uri.queryParameters["lease"].map(String.init)
                guard lease == nil || LeaseID(rawValue: lease ?? "") != nil else {
                    throw ManagementError.invalid(field: "lease", "expected the lease of a live answer")
                }
                await control.stopLive(
                    try await channel(context, needing: .live),
                    lease: lease.flatMap { LeaseID(rawValue: $0) },
                    for: caller.user
                )
                return Response(status: .noContent)
            }
        }
    }

    /// The body may be left out, and so may what is in it.
    private func rendition(_ request: Request) async throws -> Rendition {
        guard let name = try await decodeOptional(LiveRequestBody.self, from: request)?.rendition else {
            return .original
        }
        guard let rendition = Rendition(rawValue: name) else {
            let names = Rendition.allCases.map(\.rawValue).joined(separator: ", ")
            throw ManagementError.invalid(field: "rendition", "expected one of \(names)")
        }
        return rendition
    }

    private func startLive(
        _ channel: ChannelAddress,
        _ rendition: Rendition,
        _ caller: Principal
    ) async throws -> Response {
        // A camera is not woken for what cannot be had.
        try await media.checkOffer(of: rendition)
        let lease = try await control.startLive(channel, for: caller.user)
        await access?.note(lease.lease, on: channel, of: caller)
        let play: PlayAddresses
        do throws(MediaError) {
            play = try await media.play(
                lease.stream,
                lease: lease.lease,
                rendition: rendition,
                validFor: Self.ticketTime
            )
        } catch {
            // Nothing can be opened with it.
            await control.stopLive(channel, lease: lease.lease, for: caller.user)
            throw error
        }
        return try JSONBody.answer(
            LiveBody(
                streamId: lease.stream.rawValue,
                lease: lease.lease.rawValue,
                rendition: rendition.rawValue,
                play: .init(
                    srt: play.srt.reveal(),
                    ts: play.ts.reveal(),
                    hls: play.hls.reveal(),
                    ws: play.ws.reveal(),
                    jpeg: play.jpeg.reveal()
                ),
                expiresAt: play.expiresAt.rfc3339
            )
        )
    }

    private func body(_ device: VisibleDevice, _ battery: BatteryReport?) async -> DeviceBody {
        let unit = device.device.unit
        return DeviceBody(device, await control.presence(of: [unit])[unit], battery)
    }
}
