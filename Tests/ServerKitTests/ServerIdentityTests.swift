import Foundation
import Logging
import Testing

@testable import ServerKit

@Suite("TLS identity") struct ServerIdentityTests {
    private let folder: TemporaryFolder
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() throws {
        folder = try TemporaryFolder()
    }

    private var tls: String { folder.path + "/tls" }

    private func local(_ domain: String = "cam.example.org") throws -> ServerIdentity {
        try ServerIdentity(.local(dataFolder: folder.path, domain: domain), logger: logger)
    }

    @Test func theLocalCertificateStandsStrictVerification() async throws {
        _ = try local()
        for name in ["cam.example.org", "localhost"] {
            let verify = try await run(
                "openssl",
                "verify",
                "-x509_strict",
                "-purpose",
                "sslserver",
                "-verify_hostname",
                name,
                "-CAfile",
                "\(tls)/ca.pem",
                "\(tls)/server.pem"
            )
            #expect(verify.status == 0, "\(verify.output)\(verify.errors)")
        }
        let text = try await run("openssl", "x509", "-in", "\(tls)/server.pem", "-noout", "-text").output
        #expect(text.contains("IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1"))
        #expect(text.contains("ASN1 OID: prime256v1"))
    }

    @Test func anAddressAsDomainBecomesAnAddressInTheCertificate() async throws {
        _ = try local("192.0.2.7")
        let verify = try await run(
            "openssl",
            "verify",
            "-x509_strict",
            "-verify_ip",
            "192.0.2.7",
            "-CAfile",
            "\(tls)/ca.pem",
            "\(tls)/server.pem"
        )
        #expect(verify.status == 0, "\(verify.output)\(verify.errors)")
    }

    @Test func keysAreForTheirOwnerOnly() throws {
        _ = try local()
        #expect(ProtectedFile.mode(of: tls) == 0o700)
        #expect(ProtectedFile.mode(of: "\(tls)/ca.key") == 0o600)
        #expect(ProtectedFile.mode(of: "\(tls)/server.key") == 0o600)
        #expect(ProtectedFile.mode(of: "\(tls)/ca.pem") == 0o644)
        let files = try FileManager.default.contentsOfDirectory(atPath: tls).sorted()
        #expect(files == ["ca.key", "ca.pem", "server.key", "server.pem"])
    }

    @Test func aSecondStartKeepsBothCertificates() throws {
        _ = try local()
        let before = try read("ca.pem") + read("server.pem")
        _ = try local()
        #expect(try read("ca.pem") + read("server.pem") == before)
    }

    @Test func aNewDomainRenewsTheServerCertificateAndKeepsTheAuthority() throws {
        _ = try local()
        let (authority, server) = (try read("ca.pem"), try read("server.pem"))
        _ = try local("other.example.org")
        #expect(try read("ca.pem") == authority)
        #expect(try read("server.pem") != server)
    }

    @Test(arguments: [(daysLeft: 31.0, renewed: false), (daysLeft: 29.0, renewed: true)])
    func renewalComesThirtyDaysBeforeTheEnd(daysLeft: Double, renewed: Bool) throws {
        let authority = LocalAuthority(folder: tls, domain: "cam.example.org")
        let now = Date()
        let made = try authority.server(at: now)
        #expect(made.made.count == 2)
        let later = now + LocalAuthority.serverLifetime - daysLeft * LocalAuthority.day
        let again = try authority.server(at: later)
        #expect(again.made == (renewed ? ["\(tls)/server.pem"] : []))
    }

    @Test func aKeyThatWasNotWrittenInTimeIsPutRight() throws {
        _ = try local()
        let other = try TemporaryFolder()
        _ = try ServerIdentity(.local(dataFolder: other.path, domain: "x.example.org"), logger: logger)
        let foreign = try ProtectedFile.read("\(other.path)/tls/server.key", what: "key")
        try ProtectedFile.write(foreign, to: "\(tls)/server.key", mode: 0o600)
        _ = try local()
        #expect(try read("server.key") != foreign)
    }

    @Test func operatorFilesAreCheckedInWords() throws {
        _ = try local()
        let other = try TemporaryFolder()
        _ = try ServerIdentity(.local(dataFolder: other.path, domain: "x.example.org"), logger: logger)
        let certificate = "\(tls)/server.pem"
        let garbage = try folder.write("no pem", as: "garbage")
        func failure(_ certificate: String, _ key: String) -> ServerError? {
            do {
                _ = try ServerIdentity(.files(certificate: certificate, key: key), logger: logger)
                return nil
            } catch {
                return error
            }
        }
        #expect(failure(certificate, "\(tls)/server.key") == nil)
        #expect(
            failure(certificate, "\(other.path)/tls/server.key")
                == .keyDoesNotMatch(key: "\(other.path)/tls/server.key", certificate: certificate)
        )
        #expect(
            failure("/nowhere.pem", garbage)
                == .unreadable(
                    what: "tls.certificate",
                    path: "/nowhere.pem",
                    reason: "No such file or directory"
                )
        )
        #expect("\(failure(garbage, garbage) as Any)".contains("does not begin with a certificate"))
        #expect("\(failure(certificate, garbage) as Any)".contains("does not begin with a private key"))
    }

    @Test func aFailedReloadKeepsTheOldOne() throws {
        _ = try local()
        let certificate = try folder.write(try read("server.pem"), as: "mine.pem")
        let key = try folder.write(try read("server.key"), as: "mine.key")
        let identity = try ServerIdentity(.files(certificate: certificate, key: key), logger: logger)
        let before = identity.currentContext
        try ProtectedFile.write("broken", to: certificate, mode: 0o600)
        #expect(throws: ServerError.self) { try identity.reload() }
        #expect(identity.currentContext === before)
        try ProtectedFile.write(try read("server.pem"), to: certificate, mode: 0o600)
        try identity.reload()
        #expect(identity.currentContext !== before)
    }

    private func read(_ name: String) throws -> String {
        try ProtectedFile.read("\(tls)/\(name)", what: name)
    }
}
