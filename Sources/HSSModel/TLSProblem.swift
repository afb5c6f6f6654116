/// What errors of TLS mean for whoever has to do something about them. BoringSSL speaks to programmers.
package enum TLSProblem {
    /// `error` is the text of an error of NIOSSL or BoringSSL; nil for one that has no words here.
    package static func words(for error: String) -> String? {
        let known = [
            (
                "CERTIFICATE_VERIFY_FAILED",
                "its certificate is not trusted; give the platform's ca.pem with --ca"
            ),
            ("HostnameMismatch", "its certificate is for another name; use the one of node.domain"),
            ("failedToValidateHostname", "its certificate is for another name; use the one of node.domain"),
            ("WRONG_VERSION_NUMBER", "no TLS is spoken there; is it a port without TLS?"),
            ("HTTP_REQUEST", "no TLS is spoken there; is it a port without TLS?"),
            ("TLSV1_ALERT_UNKNOWN_CA", "it does not trust the certificate that was shown"),
            ("SSLV3_ALERT_BAD_CERTIFICATE", "it refuses the certificate that was shown"),
            ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "the certificate that was shown has expired"),
            ("TLSV1_ALERT_CERTIFICATE_REQUIRED", "it asks for a certificate: --certificate and --key"),
        ]
        return known.first { error.contains($0.0) }?.1
    }
}
