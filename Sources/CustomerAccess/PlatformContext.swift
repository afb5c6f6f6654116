import Bus
import HSSModel
import HTTPTypes
package import Hummingbird
import NIOCore

/// What travels with one request: who asks, and from where.
package struct PlatformContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Network address of the client without its port.
    package let remoteAddress: String
    /// The port that the client came to; on which depends whether TLS protects it.
    package let localPort: Int?
    /// Whether the client is still connected.
    package let isThere: @Sendable () -> Bool
    /// Set behind ``SessionMiddleware``.
    var principal: Principal?
    /// What the audit trail will say of this request; nil: nothing.
    var audit: AuditDraft?
    /// The token by which the caller is known, for what goes on after the answer has begun.
    var access: Secret?

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress?.ipAddress ?? "local"
        let channel = source.channel
        localPort = channel.localAddress?.port
        isThere = { channel.isActive }
    }

    /// Who asks. A route that calls it stands behind ``SessionMiddleware``.
    func caller() throws -> Principal {
        guard let principal else { throw HTTPError(.unauthorized) }
        return principal
    }
}
