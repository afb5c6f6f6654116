/// What keeps a server from starting, or from taking new material at a reload. Written for the operator.
package enum ServerError: Error, Equatable, CustomStringConvertible {
    /// A file that the configuration names.
    case unreadable(what: String, path: String, reason: String)
    /// A file was read and is not what it should be.
    case unusable(what: String, path: String, reason: String)
    case keyDoesNotMatch(key: String, certificate: String)
    /// One of `tls.certificate` and `tls.key` is set, the other is not.
    case incomplete(set: String, missing: String)
    case unwritable(path: String, reason: String)
    case addressInUse(listener: String, host: String, port: Int)
    case cannotListen(listener: String, host: String, port: Int, reason: String)

    package var description: String {
        switch self {
        case .unreadable(let what, let path, let reason):
            "cannot read \(what) \(path): \(reason)"
        case .unusable(let what, let path, let reason):
            "\(what) \(path) cannot be used: \(reason)"
        case .keyDoesNotMatch(let key, let certificate):
            "the key in \(key) does not belong to the first certificate in \(certificate)"
        case .incomplete(let set, let missing):
            "\(set) is set and \(missing) is not: give both files, or neither for a certificate of our own"
        case .unwritable(let path, let reason):
            "cannot write \(path): \(reason)"
        case .addressInUse(let listener, let host, let port):
            "\(listener).port \(port) on \(host) is already in use: stop the other program"
                + " ('ss -ltnp sport = :\(port)' shows it) or set another \(listener).port"
        case .cannotListen(let listener, let host, let port, let reason):
            "cannot open \(listener).port \(port) on \(host): \(reason)"
        }
    }
}
