import Bus
import HSSModel
import HTTPTypes
import Hummingbird
import ServerKit

/// Lets a request through whose `Authorization: Bearer …` is a valid access token.
struct SessionMiddleware: RouterMiddleware {
    let accounts: any AccountPoint

    func handle(
        _ request: Request,
        context: PlatformContext,
        next: @concurrent (Request, PlatformContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        do {
            context.principal = try await principal(of: request)
        } catch {
            throw error.problem
        }
        return try await next(request, context)
    }

    private func principal(of request: Request) async throws(ManagementError) -> Principal {
        try await accounts.principal(access: try Self.token(request))
    }

    static func token(_ request: Request) throws(ManagementError) -> Secret {
        let parts = (request.headers[.authorization] ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw .unauthenticated }
        return Secret(String(parts[1]))
    }
}
