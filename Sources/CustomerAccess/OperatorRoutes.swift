import Bus
import HSSModel
import HTTPTypes
import Hummingbird
import ServerKit

extension CustomerAPI {
    func addOperatorRoutes(to api: RouterGroup<PlatformContext>) {
        let admin = api.group("admin")
        addUserRoutes(to: admin)
        addEnrolmentRoutes(to: admin)
        admin.get("sessions") { request, context in
            try Self.requireOperator(context)
            return try await answering {
                try await page(
                    request,
                    name: { $0.unit.rawValue },
                    body: { UnitSessionBody($0) },
                    read: { after, limit in
                        await control.sessions(after: after.flatMap { UnitID(rawValue: $0) }, limit: limit)
                    }
                )
            }
        }
    }

    private func addUserRoutes(to admin: RouterGroup<PlatformContext>) {
        admin.post("users") { request, context in
            let caller = try context.caller()
            let body = try await decode(NewUserBody.self, from: request)
            context.audit?.object = body.user
            context.audit?.detail = "role=\((body.role ?? .customer).rawValue)"
            return try await answering {
                let user = try await accounts.addUser(
                    body.user,
                    password: Secret(body.password),
                    role: body.role ?? .customer,
                    by: caller
                )
                return try JSONBody.answer(UserBody(user), .created)
            }
        }
        admin.get("users") { request, context in
            let caller = try context.caller()
            return try await answering {
                try await page(
                    request,
                    name: { $0.name.rawValue },
                    body: { UserBody($0) },
                    read: { after, limit in
                        try await accounts.users(
                            after: after.flatMap { UserName(rawValue: $0) },
                            limit: limit,
                            by: caller
                        )
                    }
                )
            }
        }
        admin.patch("users/:user") { request, context in
            let caller = try context.caller()
            let body = try await decode(SwitchBody.self, from: request)
            context.audit?.detail = "disabled=\(body.disabled)"
            let name = try context.parameters.require("user")
            return try await answering {
                try JSONBody.answer(
                    UserBody(try await accounts.setUser(name, disabled: body.disabled, by: caller))
                )
            }
        }
    }

    private func addEnrolmentRoutes(to admin: RouterGroup<PlatformContext>) {
        admin.post("devices") { request, context in
            let caller = try context.caller()
            let body = try await decode(NewDeviceBody.self, from: request)
            context.audit?.object = body.deviceId
            return try await answering {
                var new = NewDevice(
                    deviceID: body.deviceId,
                    macID: body.macId,
                    loginPassword: body.loginPassword.map { Secret($0) },
                    channels: body.channels ?? 1,
                    name: body.name
                )
                new.signedOnly = body.signedOnly ?? false
                let enrolled = try await devices.addDevice(new, by: caller)
                let answer = AdminDeviceBody(enrolled.device, nil, nil, loginPassword: enrolled.loginPassword)
                return try JSONBody.answer(answer, .created)
            }
        }
        admin.get("devices") { request, context in
            let caller = try context.caller()
            return try await answering {
                try await page(
                    request,
                    name: { $0.device.unit.rawValue },
                    body: { await body($0.device, $0.battery) },
                    read: { after, limit in
                        let page = try await devices.allDevices(
                            after: after.flatMap { UnitID(rawValue: $0) },
                            limit: limit,
                            by: caller
                        )
                        return try await withBatteries(page, \.unit)
                    }
                )
            }
        }
        admin.get("devices/:id") { _, context in
            try Self.requireOperator(context)
            let caller = try context.caller()
            let id = try context.parameters.require("id")
            return try await answering {
                let device = try await devices.device(id, visibleTo: caller).device
                let latencies = try await channels?.srtLatencies(of: id, by: caller) ?? [:]
                return try JSONBody.answer(try await body(device, latencies))
            }
        }
        admin.patch("devices/:id") { request, context in
            let caller = try context.caller()
            let body = try await decode(SwitchBody.self, from: request)
            context.audit?.detail = "disabled=\(body.disabled)"
            let id = try context.parameters.require("id")
            return try await answering {
                let device = try await devices.setDevice(id, disabled: body.disabled, by: caller)
                return try JSONBody.answer(try await self.body(device))
            }
        }
        admin.delete("devices/:id") { _, context in
            let caller = try context.caller()
            let id = try context.parameters.require("id")
            return try await answering {
                try await devices.removeDevice(id, by: caller)
                return Response(status: .noContent)
            }
        }
    }

    static func requireOperator(_ context: PlatformContext) throws {
        guard try context.caller().role == .operator else { throw ManagementError.forbidden.problem }
    }

    func body(
        _ device: DeviceRecord,
        _ latencies: [Int: Duration] = [:]
    ) async throws -> AdminDeviceBody {
        await body(device, try await withBatteries([device], \.unit).first?.battery, latencies)
    }

    private func body(
        _ device: DeviceRecord,
        _ battery: BatteryReport?,
        _ latencies: [Int: Duration] = [:]
    ) async -> AdminDeviceBody {
        let presence = await control.presence(of: [device.unit])[device.unit]
        return AdminDeviceBody(device, presence, battery, latencies: latencies)
    }
}
