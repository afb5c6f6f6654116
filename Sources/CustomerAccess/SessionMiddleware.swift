import Bus
import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import ServerKit

/// Lets a request through whose `Authorization: Bearer …` is a valid access token; for the event stream also one with a
/// ticket.
struct SessionMiddleware: RouterMiddleware {
    let accounts: any AccountPoint
    let tickets: EventTickets

    func handle(
        _ request: Request,
        context: PlatformContext,
        next: @concurrent (Request, PlatformContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        do {
            let access = try token(of: request)
            context.principal = try await accounts.principal(access: access)
            context.access = access
        } catch {
            throw error.problem
        }
        let scopes = try context.caller().scopes
        let needed = ScopeRule.needed(for: request.method, request.uri.path)
        guard scopes.isSuperset(of: needed) else { throw ScopeRule.refusal(needed) }
        return try await next(request, context)
    }

    private func token(of request: Request) throws(ManagementError) -> Secret {
        guard request.headers[.authorization] == nil, request.method == .get,
            request.uri.path.hasSuffix("/api/v1/events"), let ticket = request.uri.queryParameters["ticket"]
        else { return try Self.token(request) }
        guard let access = tickets.redeem(Secret(String(ticket)), at: .now) else { throw .unauthenticated }
        return access
    }

    static func token(_ request: Request) throws(ManagementError) -> Secret {
        let parts = (request.headers[.authorization] ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw .unauthenticated }
        return Secret(String(parts[1]))
    }
}
