import Bus
import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import ServerKit

/// Starting and stopping of recording (Tables I.2-14, I.2-15): by command, by plan, by alarms. Every address is there
/// twice, as those of ``addChannelRoutes(to:)``. Reading needs any right on the device, changing it `control`.
extension CustomerAPI {
    func addRecordRoutes(to api: RouterGroup<PlatformContext>, _ control: any RecordControlPoint) {
        for path in ["devices/:id/record", "devices/:id/channels/:n/record"] {
            let record = api.group(RouterPath(path))
            addCommandRoutes(to: record, control)
            addPlanRoutes(to: record.group("plan"), control)
            addRuleRoutes(to: record.group("rule"), control)
        }
    }

    /// 200: it is as it is wanted. 202: it is wanted, and the unit has not done it yet; the status says why.
    private func addCommandRoutes(
        to record: RouterGroup<PlatformContext>,
        _ control: any RecordControlPoint
    ) {
        record.get { _, context in
            try await answering {
                let status = try await control.recordingStatus(of: try await channel(context))
                return try JSONBody.answer(RecordingBody(status))
            }
        }
        record.post { request, context in
            let caller = try context.caller()
            let body = try await decodeOptional(RecordingOrderBody.self, from: request)
            return try await answering {
                let status = try await control.startRecording(
                    try await channel(context, needing: .control),
                    try (body ?? RecordingOrderBody()).order(at: .now),
                    by: caller.user
                )
                return try JSONBody.answer(
                    RecordingBody(status),
                    status.state == .recording ? .ok : .accepted
                )
            }
        }
        record.delete { _, context in
            try await answering {
                let channel = try await channel(context, needing: .control)
                let status = try await control.stopRecording(channel)
                return try JSONBody.answer(RecordingBody(status), status.state == .stopping ? .accepted : .ok)
            }
        }
    }

    private func addPlanRoutes(to plan: RouterGroup<PlatformContext>, _ control: any RecordControlPoint) {
        plan.get { _, context in
            try await answering {
                let wishes = try await control.recordingWishes(of: try await channel(context))
                return try Self.plan(of: wishes)
            }
        }
        plan.put { request, context in
            let body = try await decode(RecordingPlanBody.self, from: request)
            return try await answering {
                let wishes = try await control.setPlan(
                    try body.plan,
                    segment: body.segDuration.map { .seconds($0) },
                    of: try await channel(context, needing: .control)
                )
                return try Self.plan(of: wishes)
            }
        }
        plan.delete { _, context in
            try await answering {
                let channel = try await channel(context, needing: .control)
                _ = try await control.setPlan(nil, segment: nil, of: channel)
                return Response(status: .noContent)
            }
        }
    }

    private func addRuleRoutes(to rule: RouterGroup<PlatformContext>, _ control: any RecordControlPoint) {
        rule.get { _, context in
            try await answering {
                let wishes = try await control.recordingWishes(of: try await channel(context))
                return try Self.rule(of: wishes)
            }
        }
        rule.put { request, context in
            let body = try await decode(RecordingRuleBody.self, from: request)
            return try await answering {
                let wishes = try await control.setRule(
                    try body.rule,
                    segment: body.segDuration.map { .seconds($0) },
                    of: try await channel(context, needing: .control)
                )
                return try Self.rule(of: wishes)
            }
        }
        rule.delete { _, context in
            try await answering {
                let channel = try await channel(context, needing: .control)
                _ = try await control.setRule(nil, segment: nil, of: channel)
                return Response(status: .noContent)
            }
        }
    }

    private static func plan(of wishes: RecordingWishes) throws -> Response {
        guard let plan = wishes.plan else { throw ManagementError.notFound("a plan of this channel") }
        return try JSONBody.answer(RecordingPlanBody(plan, segment: wishes.segment))
    }

    private static func rule(of wishes: RecordingWishes) throws -> Response {
        guard let rule = wishes.rule else { throw ManagementError.notFound("a rule of this channel") }
        return try JSONBody.answer(RecordingRuleBody(rule, segment: wishes.segment))
    }
}

extension RecordControlError {
    var problem: Problem {
        switch self {
        case .noSuchChannel: Problem(.notFound, detail: description)
        case .invalid(let field, let rule): ManagementError.invalid(field: field, rule).problem
        case .unit(let error): error.problem
        case .busy:
            Problem(.serviceUnavailable, type: "busy", detail: description, headers: .retryAfter(.seconds(5)))
        case .unavailable:
            Problem(
                .serviceUnavailable,
                type: "recording",
                detail: "Recordings cannot be ordered now; try again.",
                headers: .retryAfter(.seconds(5))
            )
        }
    }
}
