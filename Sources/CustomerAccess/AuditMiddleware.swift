import Bus
import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import Logging
import ServerKit

/// Tells the audit trail of each call that may change something, before it is answered.
///
/// What an operator asks for is written down before it is done: where that cannot be, the call is refused with 503 and
/// nothing happens. What customers do is written when it is done; where that cannot be, they get their answer, and the
/// trail says later how many entries it lacks. What is refused to them is counted together.
struct AuditMiddleware: RouterMiddleware {
    private let audit: any AuditPoint
    private let logger: Logger

    init(_ audit: any AuditPoint, logger: Logger) {
        self.audit = audit
        self.logger = logger
    }

    func handle(
        _ request: Request,
        context: PlatformContext,
        next: @concurrent (Request, PlatformContext) async throws -> Response
    ) async throws -> Response {
        guard request.method != .get, request.method != .head else { return try await next(request, context) }
        let draft = AuditDraft()
        var context = context
        context.audit = draft
        var note = AuditNote(
            at: .now,
            user: context.principal?.user,
            address: context.remoteAddress,
            action: AuditWords.action(request, context),
            object: AuditWords.object(context),
            result: .asked
        )
        let isOperator = context.principal?.role == .operator
        if isOperator {
            do throws(AuditError) { try await audit.record(note) } catch { throw error.problem }
        }
        let result: Result<Response, any Error>
        do { result = .success(try await next(request, context)) } catch { result = .failure(error) }
        AuditWords.finish(&note, result, draft)
        guard isOperator || note.result != .refused else {
            audit.tally(note)
            return try result.get()
        }
        do throws(AuditError) { try await audit.record(note) } catch {
            logger.error("a call is missing in the audit trail", metadata: ["reason": "\(error)"])
        }
        return try result.get()
    }
}

/// The same of logins and of their ends, where no token says who asks. Refusals are counted together, by address:
/// strangers cause them, and choose the names.
struct SessionAudit: RouterMiddleware {
    private static let path = "/api/v1/session"

    private let audit: any AuditPoint
    private let accounts: any AccountPoint
    private let logger: Logger

    init(_ audit: any AuditPoint, accounts: any AccountPoint, logger: Logger) {
        self.audit = audit
        self.accounts = accounts
        self.logger = logger
    }

    func handle(
        _ request: Request,
        context: PlatformContext,
        next: @concurrent (Request, PlatformContext) async throws -> Response
    ) async throws -> Response {
        let path = context.endpointPath ?? ""
        guard path == Self.path || path == Self.path + "/refresh", request.method != .get else {
            return try await next(request, context)
        }
        let draft = AuditDraft()
        if request.method == .delete, let token = try? SessionMiddleware.token(request) {
            draft.user = try? await accounts.principal(access: token).user
        }
        var context = context
        context.audit = draft
        let result: Result<Response, any Error>
        do { result = .success(try await next(request, context)) } catch { result = .failure(error) }
        var note = AuditNote(
            at: .now,
            user: draft.user,
            address: context.remoteAddress,
            action: request.method == .delete ? "session.closed" : "session.opened",
            result: .asked
        )
        AuditWords.finish(&note, result, draft)
        if note.result == .done {
            // A token that was renewed opens nothing that was not open.
            if path == Self.path { await record(note) }
        } else {
            if request.method != .delete {
                note.user = nil
                let isLocked = AuditWords.status(of: result).code == 429
                note.action = isLocked ? "session.locked-out" : "session.refused"
            }
            if path != Self.path { note.detail += note.detail.isEmpty ? "refresh" : " refresh" }
            audit.tally(note)
        }
        return try result.get()
    }

    private func record(_ note: AuditNote) async {
        do throws(AuditError) { try await audit.record(note) } catch {
            logger.error("a login is missing in the audit trail", metadata: ["reason": "\(error)"])
        }
    }
}

/// What a request is called in the trail.
private enum AuditWords {
    /// `PATCH /admin/users/{user}`: as the description of the API writes it.
    static func action(_ request: Request, _ context: PlatformContext) -> String {
        let path = context.endpointPath ?? request.uri.path
        let prefix = "/api/v1"
        return
            "\(request.method.rawValue) \(path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path)"
    }

    /// What the path names, in its order: `cam-1/0`.
    static func object(_ context: PlatformContext) -> String {
        let names = (context.endpointPath ?? "").split(separator: "/").compactMap { part -> String? in
            guard part.hasPrefix("{"), part.hasSuffix("}") else { return nil }
            return context.parameters.get(String(part.dropFirst().dropLast()))
        }
        return names.joined(separator: "/")
    }

    static func finish(_ note: inout AuditNote, _ result: Result<Response, any Error>, _ draft: AuditDraft) {
        let status = status(of: result)
        note = AuditNote(
            at: .now,
            user: note.user ?? draft.user,
            address: note.address,
            action: note.action,
            object: draft.object ?? note.object,
            result: status.code < 400 ? .done : status.code < 500 ? .refused : .failed,
            detail: [draft.detail, reason(result)].compactMap { $0 }.joined(separator: " ")
        )
    }

    static func status(of result: Result<Response, any Error>) -> HTTPResponse.Status {
        switch result {
        case .success(let response): response.status
        case .failure(let error): (error as? any HTTPResponseError)?.status ?? .internalServerError
        }
    }

    /// Status and type of a refusal; its text may hold what a peer said.
    private static func reason(_ result: Result<Response, any Error>) -> String? {
        let status = status(of: result)
        guard status.code >= 400 else { return nil }
        guard case .failure(let error as Problem) = result, error.type != "about:blank" else {
            return String(status.code)
        }
        return "\(status.code) \(error.type.replacing("urn:vedette:", with: ""))"
    }
}

extension AuditError {
    var problem: Problem {
        switch self {
        case .unavailable:
            Problem(
                .serviceUnavailable,
                type: "no-audit",
                detail: "The audit trail is not available; nothing was done.",
                headers: .retryAfter(.seconds(5))
            )
        case .busy:
            Problem(.serviceUnavailable, type: "busy", detail: description, headers: .retryAfter(.seconds(5)))
        }
    }
}
