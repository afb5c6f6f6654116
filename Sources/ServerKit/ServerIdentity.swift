import Foundation
package import Logging
package import NIOSSL
import ServiceLifecycle
import SwiftASN1
import Synchronization
import X509

/// The certificate with which this node proves who it is, on every TLS listener.
///
/// A listener asks for a context at each new connection, so that ``reload()`` (and the renewal that
/// ``run()`` looks for twice a day) takes effect at the next handshake and disturbs no open connection.
package final class ServerIdentity: Service {
    package enum Source: Sendable {
        /// A local authority and a server certificate under `<dataFolder>/tls`, made where missing.
        case local(dataFolder: String, domain: String)
        /// `tls.certificate` (the server's certificate first, then its chain) and `tls.key`, both PEM.
        case files(certificate: String, key: String)

        /// As the configuration has it: both paths empty mean the local authority.
        package init(
            certificate: String,
            key: String,
            dataFolder: String,
            domain: String
        ) throws(ServerError) {
            switch (certificate.isEmpty, key.isEmpty) {
            case (true, true): self = .local(dataFolder: dataFolder, domain: domain)
            case (false, false): self = .files(certificate: certificate, key: key)
            case (false, true): throw .incomplete(set: "tls.certificate", missing: "tls.key")
            case (true, false): throw .incomplete(set: "tls.key", missing: "tls.certificate")
            }
        }
    }

    private struct Contexts {
        var http: NIOSSLContext
        var vd: NIOSSLContext
        var expires: Date
    }

    private static let checkInterval = Duration.seconds(12 * 3600)

    private let source: Source
    private let clientAuthority: String?
    private let logger: Logger
    private let contexts: Mutex<Contexts>

    /// `clientAuthority`: PEM file with the authorities whose certificates units may show on Vd (`vd.client_ca`); nil:
    /// none is asked for.
    package init(_ source: Source, clientAuthority: String? = nil, logger: Logger) throws(ServerError) {
        self.source = source
        self.clientAuthority = clientAuthority
        self.logger = logger
        contexts = Mutex(try Self.load(source, clientAuthority, logger, at: Date()))
    }

    var asksForCertificates: Bool { clientAuthority != nil }

    /// For Hummingbird's listeners: offers HTTP/2 and HTTP/1.1 (ALPN `h2`, `http/1.1`).
    package var httpContext: NIOSSLContext { contexts.withLock { $0.http } }

    /// For Vd: HTTP/1.1 only. Asks for a client's certificate where there is an authority for it; one that it has
    /// not signed, or not for this time, ends the handshake, and none is fine.
    package var currentContext: NIOSSLContext { contexts.withLock { $0.vd } }

    /// The end of the certificate's life, in seconds since 1970.
    package var expires: Double { contexts.withLock { $0.expires }.timeIntervalSince1970 }

    /// What a client has to trust: the path of `ca.pem`, nil where the operator brought a certificate.
    package var authorityPath: String? {
        switch source {
        case .local(let dataFolder, let domain): Self.authority(dataFolder, domain).authorityPath
        case .files: nil
        }
    }

    /// Reads the files again, renewing the local certificate where it is time. When that fails the old one
    /// stays in use and the error says why.
    package func reload() throws(ServerError) {
        let new = try Self.load(source, clientAuthority, logger, at: Date())
        contexts.withLock { $0 = new }
        logger.notice("TLS certificate in use", metadata: ["expires": "\(new.expires.formatted(.iso8601))"])
    }

    /// Renews the local certificate in a process that runs for months.
    package func run() async throws {
        let interval = Self.checkInterval
        while (try? await cancelWhenGracefulShutdown({ try await Task.sleep(for: interval) })) != nil {
            guard contexts.withLock({ $0.expires }) < Date() + LocalAuthority.renewBefore else { continue }
            do {
                try reload()
            } catch {
                logger.error("TLS certificate not renewed", metadata: ["reason": "\(error)"])
            }
        }
    }

    // MARK: Loading

    private static func authority(_ dataFolder: String, _ domain: String) -> LocalAuthority {
        LocalAuthority(folder: dataFolder + "/tls", domain: domain)
    }

    private static func load(
        _ source: Source,
        _ clientAuthority: String?,
        _ logger: Logger,
        at now: Date
    ) throws(ServerError) -> Contexts {
        let chain: String
        let key: String
        let path: String
        switch source {
        case .local(let dataFolder, let domain):
            let authority = authority(dataFolder, domain)
            let (pair, made) = try authority.server(at: now)
            for file in made {
                logger.notice("TLS certificate made", metadata: ["file": "\(file)"])
            }
            (chain, key, path) = (pair.certificate, pair.key, authority.serverPath)
        case .files(let certificatePath, let keyPath):
            chain = try ProtectedFile.read(certificatePath, what: "tls.certificate")
            key = try ProtectedFile.read(keyPath, what: "tls.key")
            path = certificatePath
            try check(chain, certificatePath, key, keyPath, logger, at: now)
        }
        let authorities = try clientAuthority.map { (path) throws(ServerError) in
            try Self.clientAuthorities(path, logger, at: now)
        }
        return try contexts(chain: chain, key: key, path: path, clientAuthorities: authorities)
    }

    private static func clientAuthorities(
        _ path: String,
        _ logger: Logger,
        at now: Date
    ) throws(ServerError) -> [NIOSSLCertificate] {
        let what = "vd.client_ca"
        let text = try ProtectedFile.read(path, what: what)
        guard let authorities = try? NIOSSLCertificate.fromPEMBytes(Array(text.utf8)), !authorities.isEmpty
        else {
            let reason = "it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"
            throw .unusable(what: what, path: path, reason: reason)
        }
        for authority in authorities {
            let end = Date(timeIntervalSince1970: Double(authority.notValidAfter))
            guard end < now else { continue }
            logger.warning(
                "an authority of unit certificates has expired: units of it are refused",
                metadata: ["file": "\(path)", "expired": "\(end.formatted(.iso8601))"]
            )
        }
        return authorities
    }

    /// Speaks about what OpenSSL would only refuse with a number.
    private static func check(
        _ chain: String,
        _ certificatePath: String,
        _ key: String,
        _ keyPath: String,
        _ logger: Logger,
        at now: Date
    ) throws(ServerError) {
        guard let leaf = try? Certificate(pemEncoded: chain) else {
            let reason = "it does not begin with a certificate in PEM (-----BEGIN CERTIFICATE-----)"
            throw .unusable(what: "tls.certificate", path: certificatePath, reason: reason)
        }
        guard !key.contains("ENCRYPTED") else {
            let reason = "it is protected by a passphrase; store it without one, mode 0600"
            throw .unusable(what: "tls.key", path: keyPath, reason: reason)
        }
        guard let privateKey = try? Certificate.PrivateKey(pemEncoded: key) else {
            let reason = "it does not begin with a private key in PEM (-----BEGIN PRIVATE KEY-----)"
            throw .unusable(what: "tls.key", path: keyPath, reason: reason)
        }
        guard privateKey.publicKey == leaf.publicKey else {
            throw .keyDoesNotMatch(key: keyPath, certificate: certificatePath)
        }
        if leaf.notValidAfter < now {
            logger.warning(
                "TLS certificate has expired: clients will refuse it",
                metadata: [
                    "file": "\(certificatePath)", "expired": "\(leaf.notValidAfter.formatted(.iso8601))",
                ]
            )
        } else if leaf.notValidBefore > now {
            logger.warning(
                "TLS certificate is not valid yet: clients will refuse it",
                metadata: [
                    "file": "\(certificatePath)", "from": "\(leaf.notValidBefore.formatted(.iso8601))",
                ]
            )
        }
        if let mode = ProtectedFile.mode(of: keyPath), mode & 0o077 != 0 {
            logger.warning(
                "TLS key can be read by others: chmod 600 it",
                metadata: ["file": "\(keyPath)", "mode": "\(String(mode, radix: 8))"]
            )
        }
    }

    private static func contexts(
        chain: String,
        key: String,
        path: String,
        clientAuthorities: [NIOSSLCertificate]?
    ) throws(ServerError) -> Contexts {
        do {
            let certificates = try NIOSSLCertificate.fromPEMBytes(Array(chain.utf8))
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: certificates.map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))
            )
            configuration.minimumTLSVersion = .tlsv12
            // X25519 first: a third cheaper than P-256, and every peer has one of the two.
            configuration.curves = [.x25519, .secp256r1]
            configuration.applicationProtocols = ["h2", "http/1.1"]
            let http = try NIOSSLContext(configuration: configuration)
            configuration.applicationProtocols = ["http/1.1"]
            if let clientAuthorities {
                configuration.certificateVerification = .optionalVerification
                configuration.trustRoots = .certificates(clientAuthorities)
                // So that a unit with several certificates knows which one is wanted.
                configuration.sendCANameList = true
            }
            let vd = try NIOSSLContext(configuration: configuration)
            let leaf = try Certificate(pemEncoded: chain)
            return Contexts(http: http, vd: vd, expires: leaf.notValidAfter)
        } catch {
            throw .unusable(what: "tls.certificate", path: path, reason: "\(error)")
        }
    }
}
