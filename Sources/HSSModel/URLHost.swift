/// A host as it stands in an address.
package enum URLHost {
    /// An IPv6 address in brackets (RFC 3986, 3.2.2); a name or an IPv4 address as it is.
    package static func text(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }
}
