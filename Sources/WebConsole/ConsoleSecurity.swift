import HTTPTypes

/// What a browser may do with the console, whatever got into its page (CSP Level 3, Permissions Policy).
enum ConsoleSecurity {
    /// Scripts and styles are files of this origin and nothing else: none in the page, none from strings. Pictures are
    /// fetched with a token and shown as blobs; a live picture is a blob of Media Source Extensions.
    static func policy(media: [String]) -> String {
        let sockets = media.map { $0.replacing("https://", with: "wss://") }
        let directives: [(String, [String])] = [
            ("default-src", ["'none'"]), ("script-src", ["'self'"]), ("style-src", ["'self'"]),
            ("img-src", ["'self'", "blob:", "data:"]), ("media-src", ["'self'", "blob:"] + media),
            ("connect-src", ["'self'"] + media + sockets), ("manifest-src", ["'self'"]),
            ("frame-ancestors", ["'none'"]), ("base-uri", ["'none'"]), ("form-action", ["'self'"]),
        ]
        return directives.map { ([$0] + $1).joined(separator: " ") }.joined(separator: "; ")
    }

    private static let rest: [(String, String)] = [
        ("Cross-Origin-Opener-Policy", "same-origin"), ("Cross-Origin-Resource-Policy", "same-origin"),
        (
            "Permissions-Policy",
            "camera=(), microphone=(), geolocation=(), payment=(), usb=(), display-capture=(), fullscreen=(self)"
        ),
        // Addresses of the console name cameras, which concern nobody else.
        ("Referrer-Policy", "no-referrer"), ("X-Content-Type-Options", "nosniff"),
    ]

    static func headers(media: [String]) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in rest + [("Content-Security-Policy", policy(media: media))] {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        return fields
    }
}
