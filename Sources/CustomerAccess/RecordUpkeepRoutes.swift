import Bus
import HSSModel
import Hummingbird
import ServerKit

/// What recordings take up, how long they stay, and clips that are kept.
extension CustomerAPI {
    func addRecordUpkeepRoutes(to api: RouterGroup<PlatformContext>, _ upkeep: any RecordUpkeepPoint) {
        api.get("usage/recordings") { request, context in
            let caller = try context.caller()
            return try await answering { try await use(of: caller.user, request, caller, upkeep) }
        }
        api.get("admin/usage/recordings") { request, context in
            try Self.requireOperator(context)
            let caller = try context.caller()
            return try await answering { try await use(of: try Self.user(request), request, caller, upkeep) }
        }
        addKeptClipRoutes(to: api, upkeep)
        addLimitRoutes(to: api, upkeep)
    }

    private func addKeptClipRoutes(
        to api: RouterGroup<PlatformContext>,
        _ upkeep: any RecordUpkeepPoint
    ) {
        api.post("devices/:id/channels/:n/kept-clips") { request, context in
            let caller = try context.caller()
            let id = try context.parameters.require("id")
            let text = try context.parameters.require("n")
            let body = try await decode(NewClipBody.self, from: request)
            return try await answering {
                guard let channel = Int(text) else { throw Self.noChannel }
                let clip = try await upkeep.keep(
                    try body.range,
                    of: id,
                    channel: channel,
                    note: body.note ?? "",
                    by: caller
                )
                return try JSONBody.answer(KeptClipBody(clip), .created)
            }
        }
        api.get("kept-clips") { request, context in
            let caller = try context.caller()
            return try await answering {
                let owner = try Self.user(request)
                return try await page(
                    request,
                    name: { $0.id.rawValue },
                    body: { KeptClipBody($0) },
                    read: { after, limit in
                        try await upkeep.keptClips(
                            of: owner,
                            after: after.flatMap { ClipID(rawValue: $0) },
                            limit: limit,
                            by: caller
                        )
                    }
                )
            }
        }
        api.delete("kept-clips/:clip") { _, context in
            let caller = try context.caller()
            let clip = try context.parameters.require("clip")
            return try await answering {
                try await upkeep.release(clip, by: caller)
                return Response(status: .noContent)
            }
        }
    }

    private func addLimitRoutes(to api: RouterGroup<PlatformContext>, _ upkeep: any RecordUpkeepPoint) {
        func add(
            _ path: RouterPath,
            _ scope: @escaping @Sendable (PlatformContext) throws -> RecordingLimitScope
        ) {
            api.get(path) { _, context in
                try Self.requireOperator(context)
                let caller = try context.caller()
                return try await answering {
                    let limits = try await upkeep.recordingLimits(of: try scope(context), by: caller)
                    return try JSONBody.answer(RecordingLimitsBody(limits))
                }
            }
            api.put(path) { request, context in
                try Self.requireOperator(context)
                let caller = try context.caller()
                let body = try await decode(NewLimitsBody.self, from: request)
                return try await answering {
                    let limits = try await upkeep.setRecordingLimits(
                        try body.limits,
                        of: try scope(context),
                        by: caller
                    )
                    return try JSONBody.answer(RecordingLimitsBody(limits))
                }
            }
        }
        add("admin/devices/:id/channels/:n/recording-limits") { context in
            let (id, text) = (try context.parameters.require("id"), try context.parameters.require("n"))
            guard let unit = UnitID(rawValue: id) else {
                throw ManagementError.notFound("device \(id.prefix(64))")
            }
            guard let number = Int(text) else { throw Self.noChannel }
            return .channel(ChannelAddress(unit: unit, number: number))
        }
        add("admin/users/:user/recording-limits") { context in
            let text = try context.parameters.require("user")
            guard let owner = UserName(rawValue: text) else {
                throw ManagementError.notFound("user \(text.prefix(64))")
            }
            return .owner(owner)
        }
    }

    private func use(
        of owner: UserName?,
        _ request: Request,
        _ caller: Principal,
        _ upkeep: any RecordUpkeepPoint
    ) async throws -> Response {
        let limit = try limitOf(request)
        let after = try request.uri.queryParameters["cursor"].map { text in
            guard let place = RecordedChannel(cursor: String(text)) else { throw Self.wrongCursor }
            return place
        }
        let found = try await upkeep.recordedUse(of: owner, after: after, limit: limit + 1, by: caller)
        let total = try await upkeep.recordedTotal(of: owner, by: caller)
        return try JSONBody.answer(
            RecordedUsePageBody(
                items: found.prefix(limit).map { RecordedUseBody($0) },
                nextCursor: found.count > limit ? found[limit - 1].recorded.cursor : nil,
                total: RecordedAmountsBody(total)
            )
        )
    }

    private static func user(_ request: Request) throws -> UserName? {
        try request.uri.queryParameters["user"].map { text in
            guard let user = UserName(rawValue: String(text)) else {
                throw ManagementError.notFound("user \(text.prefix(64))")
            }
            return user
        }
    }

    private static let noChannel = ManagementError.invalid(
        field: "channel",
        "expected a number from 0 to \(ChannelAddress.highestNumber)"
    )
}
