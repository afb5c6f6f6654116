import Bus
import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import ServerKit
import Vd

/// Messages of §9.3.2 to one unit. What is read needs any right on the device, what changes it the right `control`.
///
/// 200 and 204: the unit answered. 202: the message is on its way, and no unit confirms it.
extension CustomerAPI {
    func addUnitRoutes(to api: RouterGroup<PlatformContext>) {
        addUnitQueries(to: api)
        addUnitCommands(to: api)
    }

    private func addUnitQueries(to api: RouterGroup<PlatformContext>) {
        api.get("devices/:id/status") { _, context in
            try await answering {
                let unit = try await unit(context)
                return try JSONBody.answer(StatusBody(try await units.ask(DevStatus(), of: unit)))
            }
        }
        api.get("devices/:id/capabilities") { _, context in
            try await answering {
                JSONBody.answer(try await units.capabilities(of: try await unit(context)).object)
            }
        }
        api.get("devices/:id/disk") { _, context in
            try await answering {
                try JSONBody.answer(DiskBody(try await units.ask(GetDiskInfo(), of: try await unit(context))))
            }
        }
        api.get("devices/:id/time") { _, context in
            try await answering {
                let answer = try await units.ask(QueryTime(), of: try await unit(context))
                return try JSONBody.answer(UnitTimeBody(answer, at: .now))
            }
        }
        api.get("devices/:id/upgrade") { _, context in
            try await answering {
                let answer = try await units.ask(QueryUpgrade(), of: try await unit(context))
                return try JSONBody.answer(UpgradeBody(answer))
            }
        }
    }

    private func addUnitCommands(to api: RouterGroup<PlatformContext>) {
        api.post("devices/:id/time") { request, context in
            let body = try await decodeOptional(SetTimeBody.self, from: request) ?? SetTimeBody()
            return try await answering {
                try await setTime(body, of: try await unit(context, needing: .control))
                return Response(status: .noContent)
            }
        }
        api.post("devices/:id/reboot") { _, context in
            try await telling(RebootDevice(), context)
        }
        api.post("devices/:id/channels/:n/reboot") { _, context in
            try await answering {
                let channel = try await channel(context, needing: .control)
                try await units.tell(RebootChannel(channel: channel.number), to: channel.unit)
                return Response(status: .accepted)
            }
        }
        api.post("devices/:id/reschedule") { _, context in
            try await telling(Reschedule(), context)
        }
        api.post("devices/:id/format-disk") { _, context in
            try await answering {
                let unit = try await ownUnit(context, to: "format its disk")
                _ = try await units.ask(FormatDisk(), of: unit)
                return Response(status: .accepted)
            }
        }
    }

    private func telling(_ event: some VdEvent, _ context: PlatformContext) async throws -> Response {
        try await answering {
            try await units.tell(event, to: try await unit(context, needing: .control))
            return Response(status: .accepted)
        }
    }

    /// Without a time it is the platform's, in the zone that is given or that the unit has.
    private func setTime(_ body: SetTimeBody, of unit: UnitID) async throws {
        let zone: Int?
        if body.datetime == nil, body.tz == nil {
            zone = try await units.ask(QueryTime(), of: unit).timeZone
        } else {
            zone = body.tz
        }
        let request = try body.request(inZone: zone, at: .now)
        _ = try await units.ask(request, of: unit)
    }

    // MARK: Who may

    /// The unit of the path, if the caller sees it and has the right. Without `right` seeing it is enough.
    func unit(_ context: PlatformContext, needing right: Rights? = nil) async throws -> UnitID {
        let device = try await visible(context)
        try demand(right, on: device)
        return device.device.unit
    }

    /// For what cannot be taken back: whoever it is shared with may not, whatever the rights.
    func ownUnit(_ context: PlatformContext, to what: String) async throws -> UnitID {
        let device = try await visible(context)
        try demand(.control, on: device)
        guard device.role != .guest else {
            throw ManagementError.noRight("Only the owner may \(what).")
        }
        return device.device.unit
    }

    /// The channel of the path, 0 where it names none: a single camera is always channel 0.
    func channel(
        _ context: PlatformContext,
        needing right: Rights? = nil
    ) async throws -> ChannelAddress {
        let device = try await visible(context)
        let text = context.parameters.get("n") ?? "0"
        guard let number = Int(text), device.device.channels[number] != nil else {
            throw ManagementError.notFound("channel \(text.prefix(8)) of device \(device.device.unit)")
        }
        try demand(right, on: device)
        return ChannelAddress(unit: device.device.unit, number: number)
    }

    func visible(_ context: PlatformContext) async throws -> VisibleDevice {
        try await devices.device(try context.parameters.require("id"), visibleTo: try context.caller())
    }

    private func demand(_ right: Rights?, on device: VisibleDevice) throws {
        guard let right, !device.rights.contains(right) else { return }
        throw Problem(
            .forbidden,
            type: "no-right",
            detail: "You may see this device but not \(right.verb)."
        )
    }
}

extension Rights {
    /// What somebody may not do.
    fileprivate var verb: String {
        switch self {
        case .live: "watch it"
        case .playback: "play its recordings"
        default: "control it"
        }
    }
}
