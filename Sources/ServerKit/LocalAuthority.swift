import Crypto
import Foundation
import Glibc
import SwiftASN1
import X509

/// The certificates that a platform without an operator's own ones makes for itself, under `<data>/tls`:
/// an authority (`ca.pem`, what clients trust) and a server certificate that it signs.
///
/// Everything is ECDSA P-256: a full handshake costs a third of RSA-2048. The extensions are those that
/// OpenSSL asks for with `-x509_strict` (RFC 5280 §4.2).
struct LocalAuthority {
    /// A certificate and its key, both in PEM.
    struct Pair {
        var certificate: String
        var key: String
        var expires: Date
    }

    static let day = 86_400.0
    static let authorityLifetime = 3650 * day
    /// The longest that browsers accept.
    static let serverLifetime = 397 * day
    /// The server certificate is renewed when less is left.
    static let renewBefore = 30 * day
    /// A peer's clock may be behind ours.
    static let backdated = 3600.0

    let folder: String
    /// DNS names and addresses, without repetitions.
    let names: [String]

    var authorityPath: String { folder + "/ca.pem" }
    var authorityKeyPath: String { folder + "/ca.key" }
    var serverPath: String { folder + "/server.pem" }
    var serverKeyPath: String { folder + "/server.key" }

    /// - Parameters:
    ///   - folder: where the files are; made with mode 0700.
    ///   - domain: `node.domain`, a DNS name or an address.
    init(folder: String, domain: String) {
        self.folder = folder
        var names: [String] = []
        let host = ProcessInfo.processInfo.hostName
        for name in [domain, "localhost", host, "127.0.0.1", "::1"] where Self.isName(name) {
            let plain = name.lowercased()
            if !names.contains(plain) { names.append(plain) }
        }
        self.names = names
    }

    /// The server's pair, made or renewed where necessary, and what was made, for the log.
    func server(at now: Date) throws(ServerError) -> (pair: Pair, made: [String]) {
        try ProtectedFile.makeFolder(folder)
        var made: [String] = []
        let authority: (certificate: Certificate, key: P256.Signing.PrivateKey)
        if let present = try presentAuthority(at: now) {
            authority = present
        } else {
            authority = try makeAuthority(at: now)
            made.append(authorityPath)
        }
        if let pair = presentServer(signedBy: authority.certificate, at: now) { return (pair, made) }
        made.append(serverPath)
        return (try makeServer(signedBy: authority, at: now), made)
    }

    // MARK: Authority

    /// Nil: there is none, or it has expired. An authority that is there and cannot be read is an error, for
    /// clients trust it: it must not be replaced silently.
    private func presentAuthority(
        at now: Date
    ) throws(ServerError) -> (certificate: Certificate, key: P256.Signing.PrivateKey)? {
        guard ProtectedFile.mode(of: authorityPath) != nil, ProtectedFile.mode(of: authorityKeyPath) != nil
        else { return nil }
        let certificateText = try ProtectedFile.read(authorityPath, what: "authority certificate")
        let keyText = try ProtectedFile.read(authorityKeyPath, what: "authority key")
        guard let certificate = try? Certificate(pemEncoded: certificateText) else {
            throw .unusable(
                what: "authority certificate",
                path: authorityPath,
                reason: "it is not a certificate in PEM; remove it to have a new authority made"
            )
        }
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: keyText) else {
            throw .unusable(
                what: "authority key",
                path: authorityKeyPath,
                reason: "it is not a P-256 key in PEM; remove it to have a new authority made"
            )
        }
        guard certificate.publicKey == Certificate.PublicKey(key.publicKey) else {
            throw .keyDoesNotMatch(key: authorityKeyPath, certificate: authorityPath)
        }
        return certificate.notValidAfter > now + Self.renewBefore ? (certificate, key) : nil
    }

    private func makeAuthority(
        at now: Date
    ) throws(ServerError) -> (certificate: Certificate, key: P256.Signing.PrivateKey) {
        let key = P256.Signing.PrivateKey()
        let publicKey = Certificate.PublicKey(key.publicKey)
        do {
            let serial = Certificate.SerialNumber()
            // A name of its own for each authority: a client that trusts two must not confuse them.
            let mark = serial.bytes.prefix(4).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
            let name = try DistinguishedName {
                OrganizationName("Vedette")
                CommonName("Vedette local authority \(mark.joined())")
            }
            let certificate = try Certificate(
                version: .v3,
                serialNumber: serial,
                publicKey: publicKey,
                notValidBefore: now - Self.backdated,
                notValidAfter: now + Self.authorityLifetime,
                issuer: name,
                subject: name,
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectKeyIdentifier(hash: publicKey)
                },
                issuerPrivateKey: Certificate.PrivateKey(key)
            )
            try ProtectedFile.write(key.pemRepresentation + "\n", to: authorityKeyPath, mode: 0o600)
            try ProtectedFile.write(try pem(certificate), to: authorityPath, mode: 0o644)
            return (certificate, key)
        } catch let error as ServerError {
            throw error
        } catch {
            throw .unusable(what: "authority certificate", path: authorityPath, reason: "\(error)")
        }
    }

    // MARK: Server certificate

    /// Nil: it is missing, damaged, about to expire, of another authority or has other names. All of these
    /// are put right by a new one.
    private func presentServer(signedBy authority: Certificate, at now: Date) -> Pair? {
        guard
            let certificateText = try? ProtectedFile.read(serverPath, what: "server certificate"),
            let keyText = try? ProtectedFile.read(serverKeyPath, what: "server key"),
            let certificate = try? Certificate(pemEncoded: certificateText),
            let key = try? P256.Signing.PrivateKey(pemRepresentation: keyText),
            certificate.publicKey == Certificate.PublicKey(key.publicKey),
            certificate.issuer == authority.subject,
            authority.publicKey.isValidSignature(certificate.signature, for: certificate),
            certificate.notValidAfter > now + Self.renewBefore,
            certificate.notValidBefore <= now,
            let present = try? certificate.extensions.subjectAlternativeNames,
            Set(present) == Set(alternativeNames)
        else { return nil }
        return Pair(certificate: certificateText, key: keyText, expires: certificate.notValidAfter)
    }

    private func makeServer(
        signedBy authority: (certificate: Certificate, key: P256.Signing.PrivateKey),
        at now: Date
    ) throws(ServerError) -> Pair {
        let key = P256.Signing.PrivateKey()
        let publicKey = Certificate.PublicKey(key.publicKey)
        let expires = min(now + Self.serverLifetime, authority.certificate.notValidAfter)
        do {
            let identifier = try authority.certificate.extensions.subjectKeyIdentifier?.keyIdentifier
            let certificate = try Certificate(
                version: .v3,
                serialNumber: Certificate.SerialNumber(),
                publicKey: publicKey,
                notValidBefore: now - Self.backdated,
                notValidAfter: expires,
                issuer: authority.certificate.subject,
                subject: try DistinguishedName {
                    OrganizationName("Vedette")
                    CommonName(String((names.first ?? "localhost").prefix(64)))
                },
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.serverAuth])
                    SubjectKeyIdentifier(hash: publicKey)
                    AuthorityKeyIdentifier(keyIdentifier: identifier)
                    SubjectAlternativeNames(alternativeNames)
                },
                issuerPrivateKey: Certificate.PrivateKey(authority.key)
            )
            let pair = Pair(
                certificate: try pem(certificate),
                key: key.pemRepresentation + "\n",
                expires: expires
            )
            // A crash between the two leaves a key that does not match: found and renewed at the next start.
            try ProtectedFile.write(pair.key, to: serverKeyPath, mode: 0o600)
            try ProtectedFile.write(pair.certificate, to: serverPath, mode: 0o644)
            return pair
        } catch let error as ServerError {
            throw error
        } catch {
            throw .unusable(what: "server certificate", path: serverPath, reason: "\(error)")
        }
    }

    private var alternativeNames: [GeneralName] {
        names.map { name in
            if let address = Self.address(name) {
                .ipAddress(ASN1OctetString(contentBytes: address[...]))
            } else {
                .dnsName(name)
            }
        }
    }

    private func pem(_ certificate: Certificate) throws -> String {
        try certificate.serializeAsPEM().pemString + "\n"
    }

    /// 4 or 16 bytes, nil for a DNS name.
    private static func address(_ name: String) -> [UInt8]? {
        var ipv4 = in_addr()
        if inet_pton(AF_INET, name, &ipv4) == 1 { return withUnsafeBytes(of: &ipv4) { Array($0) } }
        var ipv6 = in6_addr()
        if inet_pton(AF_INET6, name, &ipv6) == 1 { return withUnsafeBytes(of: &ipv6) { Array($0) } }
        return nil
    }

    /// What may stand in a certificate: an address, or 1 to 253 bytes of letters, digits, hyphens and dots.
    private static func isName(_ name: String) -> Bool {
        if address(name) != nil { return true }
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e: true
            default: false
            }
        }
        return allowed && (1...253).contains(name.utf8.count)
    }
}
