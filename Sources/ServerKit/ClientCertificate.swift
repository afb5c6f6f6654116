import Foundation
package import HSSModel
package import NIOCore
import NIOSSL
import SwiftASN1
import X509

/// The certificate that a unit has shown on its connection, where `vd.client_ca` asks for one.
///
/// TLS has verified it against that authority. A resumed session is not verified again, its certificate comes out of the
/// ticket; so each login looks at the certificate itself. Tickets are good for one context only (each has keys of its
/// own), and contexts are made anew whenever the authority is read: of what TLS has checked, only the time can have
/// changed since.
package struct ClientCertificate: Sendable, Equatable {
    /// In a URI of the certificate's subject alternative names: `urn:vedette:unit:<device ID>`. Where there is one, the
    /// common name does not count.
    package static let namePrefix = "urn:vedette:unit:"

    /// Nil: it names no device, more than one, or is not valid at this time.
    package var unit: UnitID?

    /// - Parameters:
    ///   - der: the certificate, of which TLS has checked the signatures.
    ///   - now: when it has to be valid.
    init(der: [UInt8], at now: WallTime) {
        let date = Date(timeIntervalSince1970: Double(now.milliseconds) / 1000)
        guard let certificate = try? Certificate(derEncoded: der),
            certificate.notValidBefore <= date, date <= certificate.notValidAfter
        else { return }
        unit = Self.name(of: certificate).flatMap(UnitID.init(rawValue:))
    }

    private static func name(of certificate: Certificate) -> String? {
        guard let alternatives = try? certificate.extensions.subjectAlternativeNames else {
            // None, or none that can be read; what cannot be read might have said otherwise.
            let isThere = certificate.extensions[oid: .X509ExtensionID.subjectAlternativeName] != nil
            return isThere ? nil : commonName(of: certificate)
        }
        let names = alternatives.compactMap { alternative -> String? in
            guard case .uniformResourceIdentifier(let text) = alternative, text.hasPrefix(namePrefix) else {
                return nil
            }
            return String(text.dropFirst(namePrefix.count))
        }
        return names.isEmpty ? commonName(of: certificate) : names.count == 1 ? names[0] : nil
    }

    private static func commonName(of certificate: Certificate) -> String? {
        let names = certificate.subject.flatMap { $0 }.filter { $0.type == .RDNAttributeType.commonName }
        return names.count == 1 ? String(names[0].value) : nil
    }
}

extension ServerIdentity {
    /// Nil where the client has shown none, which is how most units come. On the channel's event loop, after the
    /// handshake.
    package func certificate(shownOn channel: any Channel, at now: WallTime) -> ClientCertificate? {
        guard asksForCertificates,
            let certificate = try? channel.pipeline.syncOperations.nioSSL_peerCertificate()
        else { return nil }
        // What cannot be read is no reason to fall back to a password.
        return ClientCertificate(der: (try? certificate.toDERBytes()) ?? [], at: now)
    }
}
