import AsyncHTTPClient
import FoundationEssentials
import HSSModel
package import Logging
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

    /// What an owner hears of a name that leads nowhere, or into a private network: which names there are inside is
    /// nobody's business. The log tells them apart.
    private static let noAddress = "the host's name has no address that may be used"

    private let settings: WebhookSettings
    private let logger: Logger?
    private let resolve: @Sendable (String, Int) throws -> String?
    private let lookups = Lookups()

    /// `resolve` gives the numeric address of a host; nil: it has none.
    package init(
        settings: WebhookSettings,
        logger: Logger? = nil,
        resolve: @escaping @Sendable (String, Int) throws -> String? = {
            try SocketAddress.makeAddressResolvingHost($0, port: $1).ipAddress
        }
    ) {
        self.settings = settings
        self.logger = logger
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
        let found = try? await lookups.threads.runIfActive { try resolve(bare, port) }
        guard let address = found ?? nil else {
            logger?.info("a webhook's host has no address", metadata: ["host": "\(bare)"])
            return WebhookReply(.failed(Self.noAddress))
        }
        guard settings.allowsPrivate || PublicAddress.isPublic(address) else {
            logger?.info(
                "a webhook's host is in a private network",
                metadata: ["host": "\(bare)", "address": "\(address)"]
            )
            return WebhookReply(.refused(Self.noAddress))
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

/// Threads on which names are looked up, which may take as long as a name server likes: nothing else waits for them.
private final class Lookups: Sendable {
    let threads = NIOThreadPool(numberOfThreads: 2)

    init() { threads.start() }

    deinit { threads.shutdownGracefully { _ in } }
}
