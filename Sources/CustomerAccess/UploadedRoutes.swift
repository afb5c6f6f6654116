import Bus
import HSSModel
import HTTPTypes
import Hummingbird
import NIOCore
import ServerKit
import Vd

/// What a unit is asked to send: pictures and logs.
extension CustomerAPI {
    func addUploadedRoutes(to api: RouterGroup<PlatformContext>) {
        for path in ["devices/:id/snapshot", "devices/:id/channels/:n/snapshot"] {
            api.post(RouterPath(path)) { _, context in
                try await answering {
                    let channel = try await channel(context, needing: .live)
                    return Self.answer(try await units.snapshot(of: channel))
                }
            }
        }
        api.post("devices/:id/logs") { request, context in
            let body = try await decodeOptional(LogBody.self, from: request) ?? LogBody()
            return try await answering {
                let unit = try await unit(context, needing: .control)
                let task = try await units.askForLog(
                    of: unit,
                    from: try LogBody.time("start", body.start),
                    to: try LogBody.time("end", body.end)
                )
                return try JSONBody.answer(LogTaskBody(task), .accepted)
            }
        }
        api.get("devices/:id/logs") { _, context in
            try await answering {
                let tasks = try await units.logTasks(of: try await unit(context, needing: .control))
                return try JSONBody.answer(PageBody(items: tasks.map { LogTaskBody($0) }, nextCursor: nil))
            }
        }
        api.get("devices/:id/logs/:task") { _, context in
            try await answering {
                let unit = try await unit(context, needing: .control)
                return try JSONBody.answer(
                    LogTaskBody(try await units.logTask(try Self.task(context), of: unit))
                )
            }
        }
        api.get("devices/:id/logs/:task/file") { _, context in
            try await answering {
                let unit = try await unit(context, needing: .control)
                return Self.answer(try await units.log(try Self.task(context), of: unit))
            }
        }
    }

    private static func task(_ context: PlatformContext) throws -> LogTaskID {
        let text = try context.parameters.require("task")
        guard let id = LogTaskID(rawValue: text) else { throw ManagementError.notFound("this log") }
        return id
    }

    /// The content in pieces, as fast as the caller reads. It is a stranger's: nothing may run it.
    private static func answer(_ content: StoredContent) -> Response {
        let piece = 256 << 10
        return Response(
            status: .ok,
            headers: [
                .contentType: content.type, .contentLength: "\(content.size)", .cacheControl: "no-store",
                .xContentTypeOptions: "nosniff", .eTag: "\"\(content.sha256)\"",
            ],
            body: ResponseBody(contentLength: Int(content.size)) { writer in
                var offset: Int64 = 0
                while offset < content.size {
                    let bytes = try await content.read(offset, piece)
                    guard !bytes.isEmpty else { throw ActivityError.unavailable("a file ends too early") }
                    offset += Int64(bytes.count)
                    try await writer.write(ByteBuffer(bytes: bytes))
                }
                try await writer.finish(nil)
            }
        )
    }
}

/// Table I.2-29, by the unit's clock.
struct LogBody: Decodable {
    var start: String?
    var end: String?

    static func time(_ name: String, _ text: String?) throws(FieldError) -> UnitDateTime? {
        guard let text else { return nil }
        guard let time = UnitDateTime(text) else { throw FieldError(name, "expected YYYY-MM-DDThh:mm:ss") }
        return time
    }
}

struct LogTaskBody: Encodable {
    var task: String
    var state: String
    /// By the unit's clock.
    var start: String
    var end: String
    /// What the log really covers.
    var coversStart: String?
    var coversEnd: String?
    var createdAt: String
    var endedAt: String?

    init(_ task: LogTask) {
        self.task = task.id.rawValue
        state = task.state.rawValue
        start = task.start
        end = task.end
        coversStart = task.coversStart
        coversEnd = task.coversEnd
        createdAt = task.createdAt.rfc3339
        endedAt = task.endedAt?.rfc3339
    }
}
