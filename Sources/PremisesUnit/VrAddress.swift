package import HSSModel

/// What a unit looks at in an address of the storage before it goes there.
package struct VrAddress: Equatable, Sendable {
    package var isSecure: Bool
    /// Host and port, in lower case, without a port that goes without saying.
    package var authority: String

    /// Nil: it is none of http or https, or somebody's name and password are in it.
    package init?(_ url: Secret) {
        let text = url.reveal()
        let scheme = text.prefix { $0 != ":" }.lowercased()
        guard ["http", "https"].contains(scheme), text.dropFirst(scheme.count).hasPrefix("://"),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { return nil }
        isSecure = scheme == "https"
        let rest = text.dropFirst(scheme.count + 3)
        let host = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }.lowercased()
        let usualPort = isSecure ? ":443" : ":80"
        authority = host.hasSuffix(usualPort) ? String(host.dropLast(usualPort.count)) : host
        guard !authority.isEmpty, !authority.hasPrefix(":"), !authority.contains("@") else { return nil }
    }

    /// Whether an upload may go to `other` when the channel's address is this one: any host, since a platform may keep
    /// its storage elsewhere, but never without TLS where the platform was spoken to with it.
    package func leads(to other: VrAddress) -> Bool { other.isSecure || !isSecure }
}
