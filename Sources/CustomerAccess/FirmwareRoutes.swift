package import Bus
import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import NIOCore
import ServerKit

/// Firmware as the API sees it; a node without the role has none.
package struct FirmwareAccess: Sendable {
    let images: any FirmwarePoint
    let rollOuts: any RollOutPoint

    package init(images: any FirmwarePoint, rollOuts: any RollOutPoint) {
        self.images = images
        self.rollOuts = rollOuts
    }
}

extension CustomerAPI {
    func addFirmwareRoutes(to api: RouterGroup<PlatformContext>, _ firmware: FirmwareAccess) {
        let admin = api.group("admin")
        addImageRoutes(to: admin, firmware.images)
        addRollOutRoutes(to: admin, firmware.rollOuts)
        addUpgradeRoutes(to: api, firmware)
    }

    // MARK: Images

    private func addImageRoutes(to admin: RouterGroup<PlatformContext>, _ firmwares: any FirmwarePoint) {
        admin.post("firmware") { request, context in
            try Self.requireOperator(context)
            return try await answering {
                let firmware = try await firmwares.addFirmware(
                    try Self.newFirmware(request),
                    body: request.body.map { Array($0.readableBytesView) }
                )
                return try JSONBody.answer(FirmwareBody(firmware), .created)
            }
        }
        admin.get("firmware") { request, context in
            try Self.requireOperator(context)
            let model = request.uri.queryParameters["hardware_model"].map(String.init)
            return try await answering { try await images(firmwares, request, for: model) }
        }
        admin.get("firmware/:id") { _, context in
            try Self.requireOperator(context)
            return try await answering {
                try JSONBody.answer(FirmwareBody(try await firmwares.firmware(try Self.firmwareID(context))))
            }
        }
        admin.delete("firmware/:id") { _, context in
            try Self.requireOperator(context)
            return try await answering {
                try await firmwares.removeFirmware(try Self.firmwareID(context))
                return Response(status: .noContent)
            }
        }
    }

    private func images(
        _ firmwares: any FirmwarePoint,
        _ request: Request,
        for hardwareModel: String?
    ) async throws -> Response {
        try await page(
            request,
            name: { $0.id.rawValue },
            body: { FirmwareBody($0) },
            read: { after, limit in
                try await firmwares.firmwares(
                    after: after.flatMap { FirmwareID(rawValue: $0) },
                    limit: limit,
                    hardwareModel: hardwareModel
                )
            }
        )
    }

    /// The body is the image itself; what it is stands in the query.
    private static func newFirmware(_ request: Request) throws -> NewFirmware {
        func value(_ name: String) throws(ManagementError) -> String {
            guard let value = request.uri.queryParameters[Substring(name)], !value.isEmpty else {
                throw .invalid(field: name, "expected in the query")
            }
            return String(value)
        }
        return NewFirmware(
            hardwareModel: try value("hardware_model"),
            version: try value("version"),
            sha256: request.uri.queryParameters["sha256"].map(String.init),
            size: request.headers[.contentLength].flatMap { Int64($0) }
        )
    }

    private static func firmwareID(_ context: PlatformContext) throws -> FirmwareID {
        try firmwareID(try context.parameters.require("id"))
    }

    private static func firmwareID(_ text: String) throws(ManagementError) -> FirmwareID {
        guard let id = FirmwareID(rawValue: text) else { throw .notFound("this firmware") }
        return id
    }

    // MARK: Roll-outs

    private func addRollOutRoutes(to admin: RouterGroup<PlatformContext>, _ rollOuts: any RollOutPoint) {
        admin.post("roll-outs") { request, context in
            try Self.requireOperator(context)
            let caller = try context.caller()
            let body = try await decode(NewRollOutBody.self, from: request)
            return try await answering {
                let rollOut = try await rollOuts.startRollOut(
                    of: try Self.firmwareID(body.firmwareId),
                    try body.plan(at: .now),
                    for: try body.audience(),
                    by: caller.user
                )
                return try JSONBody.answer(RollOutBody(rollOut), .created)
            }
        }
        admin.get("roll-outs") { request, context in
            try Self.requireOperator(context)
            return try await answering {
                try await page(
                    request,
                    name: { $0.id.rawValue },
                    body: { RollOutBody($0) },
                    read: { after, limit in
                        try await rollOuts.rollOuts(
                            after: after.flatMap { RollOutID(rawValue: $0) },
                            limit: limit
                        )
                    }
                )
            }
        }
        admin.get("roll-outs/:id") { _, context in
            try Self.requireOperator(context)
            return try await answering {
                try JSONBody.answer(RollOutBody(try await rollOuts.rollOut(try Self.rollOutID(context))))
            }
        }
        admin.get("roll-outs/:id/units") { request, context in
            try Self.requireOperator(context)
            return try await answering {
                try await members(of: try Self.rollOutID(context), rollOuts, request)
            }
        }
        for order in RollOutOrder.allCases {
            admin.post("roll-outs/:id/\(order.rawValue)") { _, context in
                try Self.requireOperator(context)
                let caller = try context.caller()
                return try await answering {
                    let id = try Self.rollOutID(context)
                    let rollOut = try await rollOuts.steer(id, order, by: caller.user)
                    return try JSONBody.answer(RollOutBody(rollOut))
                }
            }
        }
    }

    private func members(
        of rollOut: RollOutID,
        _ rollOuts: any RollOutPoint,
        _ request: Request
    ) async throws -> Response {
        let word = request.uri.queryParameters["state"].map(String.init)
        let state = word.flatMap { RollOutState(rawValue: $0) }
        guard word == nil || state != nil else {
            let words = RollOutState.allCases.map(\.rawValue).joined(separator: ", ")
            throw ManagementError.invalid(field: "state", "expected \(words)")
        }
        return try await page(
            request,
            name: { $0.unit.unit.rawValue },
            body: { RollOutUnitBody($0) },
            read: { after, limit in
                try await rollOuts.units(
                    of: rollOut,
                    in: state,
                    after: after.flatMap { UnitID(rawValue: $0) },
                    limit: limit
                )
            }
        )
    }

    private static func rollOutID(_ context: PlatformContext) throws -> RollOutID {
        guard let id = RollOutID(rawValue: try context.parameters.require("id")) else {
            throw ManagementError.notFound("this roll-out")
        }
        return id
    }

    // MARK: One unit

    private func addUpgradeRoutes(to api: RouterGroup<PlatformContext>, _ firmware: FirmwareAccess) {
        api.get("devices/:id/firmware") { request, context in
            try await answering {
                let device = try await visible(context).device
                // One that has never logged in has no hardware that is known, and so no images.
                return try await images(firmware.images, request, for: device.hardwareModel ?? "")
            }
        }
        api.post("devices/:id/upgrade") { request, context in
            let caller = try context.caller()
            let body = try await decode(UpgradeOrderBody.self, from: request)
            return try await answering {
                _ = try await ownUnit(context, to: "change its firmware")
                let device = try await visible(context).device
                try await firmware.rollOuts.upgrade(
                    device,
                    to: try Self.firmwareID(body.firmwareId),
                    by: caller.user
                )
                return Response(status: .accepted)
            }
        }
    }
}

extension FirmwareError {
    var problem: Problem {
        switch self {
        case .management(let error): error.problem
        case .tooLarge: Problem(.contentTooLarge, detail: description)
        case .otherChecksum:
            Problem(
                .badRequest,
                type: "invalid",
                detail: description,
                members: ["field": .text("sha256")]
            )
        case .incomplete: Problem(.badRequest, detail: description)
        case .busy:
            Problem(
                .serviceUnavailable,
                type: "busy",
                detail: description,
                headers: .retryAfter(.seconds(30))
            )
        case .noSpace:
            Problem(HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage"), detail: description)
        }
    }
}

extension UpgradeError {
    var problem: Problem {
        switch self {
        case .management(let error): error.problem
        case .unit(let error): error.problem
        }
    }
}
