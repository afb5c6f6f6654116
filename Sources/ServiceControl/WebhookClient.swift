import AsyncHTTPClient
import FoundationEssentials
import HSSModel
import NIOCore
import NIOHTTP1
import NIOPosix
package import NIOSSL
package import ServerKit

/// What came of one delivery.
package enum WebhookOutcome: Sendable, Equatable {
    case delivered
    /// Try again later; why, for the owner.
    case failed(String)
    /// The receiver wants no more (410), or the address is not allowed.
    case refused(String)
}

/// What came of one delivery, and the status of the receiver where it answered.
package struct WebhookReply: Sendable, Equatable {
    package var outcome: WebhookOutcome
    package var status: Int?

    package init(_ outcome: WebhookOutcome, status: Int? = nil) {
        self.outcome = outcome
        self.status = status
    }
}

/// Carries one event to a webhook.
package protocol WebhookCarrier: Sendable {
    func deliver(_ body: [UInt8], to url: String, headers: [(String, String)]) async -> WebhookReply
}

/// Deliveries by HTTP. The address that a host's name stands for is looked up and checked here and then used, so
/// that a name cannot lead elsewhere between check and use (DNS rebinding). Redirections are not followed.
package struct WebhookClient: WebhookCarrier {
    private static let longestURL = 2048

    private let settings: WebhookSettings
    private let resolve: @Sendable (String, Int) throws -> String?

    /// `resolve` gives the numeric address of a host; nil: it has none.
    package init(
        settings: WebhookSettings,
        resolve: @escaping @Sendable (String, Int) throws -> String? = {
            try SocketAddress.makeAddressResolvingHost($0, port: $1).ipAddress
        }
    ) {
        self.settings = settings
        self.resolve = resolve
    }

    /// The certificates of a PEM file, for ``WebhookSettings/authorities``.
    package static func authorities(file: String) throws(ServerError) -> [NIOSSLCertificate] {
        do {
            return try NIOSSLCertificate.fromPEMFile(file)
        } catch {
            throw .unusable(what: "webhooks.ca", path: file, reason: "it holds no PEM certificates")
        }
    }

    /// Why `text` cannot be a webhook; nil: it can. Names are looked up at each delivery only.
    package static func objection(to text: String, _ settings: WebhookSettings) -> String? {
        guard text.utf8.count <= longestURL, let url = URL(string: text),
            let scheme = url.scheme?.lowercased(),
            let host = url.host(), !host.isEmpty
        else { return "expected an absolute URL of at most \(longestURL) bytes" }
        guard scheme == "https" || scheme == "http" && settings.allowsHTTP else {
            return settings.allowsHTTP ? "expected https or http" : "expected https"
        }
        guard url.user() == nil, url.password() == nil, url.fragment() == nil else {
            return "expected no user, password or fragment"
        }
        let number = host.trimmingPrefix("[").replacing("]", with: "")
        if !settings.allowsPrivate {
            if PublicAddress.bytes(String(number)) != nil, !PublicAddress.isPublic(String(number)) {
                return "expected a host that is not in a private network"
            }
            if host.lowercased() == "localhost" || host.lowercased().hasSuffix(".localhost") {
                return "expected a host that is not in a private network"
            }
        }
        return nil
    }

    package func deliver(
        _ body: [UInt8],
        to url: String,
        headers: [(String, String)]
    ) async -> WebhookReply {
        if let objection = Self.objection(to: url, settings) {
            return WebhookReply(.refused("url: \(objection)"))
        }
        guard let parsed = URL(string: url), let host = parsed.host() else {
            return WebhookReply(.refused("url: not a URL"))
        }
        let bare = host.replacing("[", with: "").replacing("]", with: "")
        let port = parsed.port ?? (parsed.scheme?.lowercased() == "http" ? 80 : 443)
        let resolve = resolve
        let found = try? await NIOThreadPool.singleton.runIfActive { try resolve(bare, port) }
        guard let address = found ?? nil else {
            return WebhookReply(.failed("the host's name has no address"))
        }
        guard settings.allowsPrivate || PublicAddress.isPublic(address) else {
            return WebhookReply(.refused("the host is in a private network"))
        }
        return await send(body, to: url, headers: headers, host: bare, address: address)
    }

    private func send(
        _ body: [UInt8],
        to url: String,
        headers: [(String, String)],
        host: String,
        address: String
    ) async -> WebhookReply {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        let timeout = TimeAmount.nanoseconds(settings.timeout.wholeNanoseconds)
        configuration.timeout = .init(connect: timeout, read: timeout)
        if address != host { configuration.dnsOverride = [host: address] }
        if !settings.authorities.isEmpty {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.additionalTrustRoots = [.certificates(settings.authorities)]
            configuration.tlsConfiguration = tls
        }
        // A client of its own: the address is good for this delivery only.
        let client = HTTPClient(
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            configuration: configuration
        )
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = .bytes(ByteBuffer(bytes: body))
        let reply: WebhookReply
        do {
            // What it says beyond its status is not read.
            let response = try await client.execute(request, timeout: timeout)
            let outcome: WebhookOutcome =
                switch response.status.code {
                case 200..<300: .delivered
                case 410: .refused("the receiver answered 410: it wants no more")
                default: .failed("the receiver answered \(response.status.code)")
                }
            reply = WebhookReply(outcome, status: Int(response.status.code))
        } catch {
            let isDistrust = "\(error)".contains("CERTIFICATE_VERIFY_FAILED") || error is NIOSSLExtraError
            reply = WebhookReply(
                .failed(
                    isDistrust
                        ? "the receiver's certificate is not trusted" : "the receiver cannot be reached"
                )
            )
        }
        try? await client.shutdown()
        return reply
    }
}
