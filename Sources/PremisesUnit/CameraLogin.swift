/// How a camera shows who it is when it logs in.
public enum CameraLogin: Sendable {
    /// By its password, on every platform of H.627.2 (Table 9-3).
    case password
    /// By its password until a platform takes signatures, and by signatures as long as the camera runs then: the
    /// password is not sent again. ``CameraDelegate/signsLogins()`` tells that a later start should be ``signed``.
    case signedWhenOffered
    /// By signatures only. On a platform that takes none it is refused: go back to ``signedWhenOffered`` when the camera's
    /// owner moves it to another platform, never by itself.
    case signed
    /// By a certificate on its TLS connection: PEM files with the camera's certificate (then those between it and the
    /// authority), and with its key. Where the platform was told of the authority (`vd.client_ca`).
    case certificate(chainFile: String, keyFile: String)

    var form: UnitLoginForm {
        switch self {
        case .password: .password
        case .signedWhenOffered: .offered
        case .signed: .signed
        case .certificate: .certificate
        }
    }

    var files: UnitCertificateFiles? {
        guard case .certificate(let chain, let key) = self else { return nil }
        return UnitCertificateFiles(chain: chain, key: key)
    }
}
