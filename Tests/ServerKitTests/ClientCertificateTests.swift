import Foundation
import HSSModel
import Logging
import Testing

@testable import ServerKit

@Suite("Certificates that units show") struct ClientCertificateTests {
    private let folder: TemporaryFolder
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() throws { folder = try TemporaryFolder() }

    private static let now = WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))

    /// DER, by openssl; valid for two days from now.
    private func certificate(_ subject: String, _ alternative: String? = nil) async throws -> [UInt8] {
        let file = folder.path + "/c.der"
        let extra = alternative.map { "subjectAltName=\($0)" } ?? "nsComment=none"
        let made = try await run(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            folder.path + "/c.key",
            "-out",
            file,
            "-outform",
            "DER",
            "-days",
            "2",
            "-subj",
            subject,
            "-addext",
            extra
        )
        #expect(made.status == 0, "\(made.errors)")
        return Array(try Data(contentsOf: URL(filePath: file)))
    }

    @Test(
        arguments: [
            ("/CN=cam-1", nil, "cam-1"),
            ("/O=Maker/CN=00:11:22:33:44:55", nil, "00:11:22:33:44:55"),
            ("/CN=cam-1", "DNS:cam-1.example.org", "cam-1"),
            ("/CN=other", "URI:urn:vedette:unit:cam-1", "cam-1"),
            ("/O=Maker", "DNS:x,URI:https://x,URI:urn:vedette:unit:cam-1", "cam-1"),
            ("/CN=cam-1", "URI:urn:vedette:unit:cam-1,URI:urn:vedette:unit:cam-2", nil),
            ("/CN=cam-1", "URI:urn:vedette:unit:", nil), ("/CN=cam-1", "URI:urn:vedette:unit:a b", nil),
            ("/O=Maker", nil, nil), ("/CN=a/CN=b", nil, nil), ("/CN=a b", nil, nil), ("/CN=ü", nil, nil),
        ] as [(String, String?, String?)]
    ) func nameOneDeviceOrNone(
        subject: String,
        alternative: String?,
        device: String?
    ) async throws {
        let der = try await certificate(subject, alternative)
        #expect(ClientCertificate(der: der, at: Self.now + .seconds(60)).unit?.rawValue == device)
    }

    /// Of a resumed session only the time can have changed since TLS verified its certificate.
    @Test func countWithinTheirTimeOnly() async throws {
        let der = try await certificate("/CN=cam-1")
        let day = Duration.seconds(86_400)
        for (offset, counts) in [
            (.zero - day, false), (.seconds(60), true), (day * 2 + .seconds(60), false), (day * 400, false),
        ] {
            let unit = ClientCertificate(der: der, at: Self.now + offset).unit
            #expect((unit != nil) == counts, "\(offset)")
        }
    }

    @Test func damagedOnesNameNobody() async throws {
        let der = try await certificate("/CN=cam-1", "URI:urn:vedette:unit:cam-1")
        for length in 0..<der.count {
            #expect(ClientCertificate(der: Array(der[..<length]), at: Self.now).unit == nil)
        }
    }

    @Test func theFileOfAuthoritiesIsCheckedInWords() throws {
        let source = ServerIdentity.Source.local(dataFolder: folder.path, domain: "localhost")
        for (name, reason) in [
            ("absent.pem", "cannot read vd.client_ca"), ("empty.pem", "holds no certificate"),
        ] {
            if name == "empty.pem" { _ = try folder.write("nothing", as: name) }
            let error = #expect(throws: ServerError.self) {
                try ServerIdentity(source, clientAuthority: folder.path + "/" + name, logger: logger)
            }
            #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
        }
        // A reload with a file that is broken keeps what is in use.
        _ = try ServerIdentity(source, logger: logger)
        let file = folder.path + "/units.pem"
        try FileManager.default.copyItem(atPath: folder.path + "/tls/ca.pem", toPath: file)
        let identity = try ServerIdentity(source, clientAuthority: file, logger: logger)
        let context = ObjectIdentifier(identity.currentContext)
        try "nothing".write(toFile: file, atomically: true, encoding: .utf8)
        #expect(throws: ServerError.self) { try identity.reload() }
        #expect(ObjectIdentifier(identity.currentContext) == context)
    }
}
