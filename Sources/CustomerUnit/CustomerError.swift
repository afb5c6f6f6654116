/// What went wrong for a customer, and what to do about it.
package enum CustomerError: Error, Equatable, CustomStringConvertible {
    case notLoggedIn
    case sessionFile(path: String, String)
    case address(String)
    case authority(String)
    /// The platform answered with a problem (RFC 9457).
    case refused(status: Int, String)
    case unreachable(url: String, String)
    /// Something answers there, and it is not the customer API.
    case stranger(url: String)
    /// The answer is not what the API promises.
    case unexpected(String)
    case stream(String)
    case output(String)
    /// A file of the user cannot be read.
    case input(path: String, String)

    package var description: String {
        switch self {
        case .notLoggedIn: "not logged in: run 'vedette cu login https://HOST:PORT --user NAME' first"
        case .sessionFile(let path, let problem): "session file \(path) \(problem)"
        case .address(let text): "'\(text)' is no address of a platform: expected https://HOST:PORT"
        case .authority(let problem): "the authority to trust cannot be used: \(problem)"
        case .refused(401, _): "the login is no longer valid: run 'vedette cu login' again"
        case .refused(_, let detail): detail
        case .unreachable(let url, let problem): "\(url) cannot be reached: \(problem)"
        case .stranger(let url):
            "\(url) answers, but not as a platform to its customers: give its https port (8443 unless it was changed)"
        case .unexpected(let what): "unexpected answer of the platform: \(what)"
        case .stream(let problem): "the stream broke: \(problem)"
        case .input(let path, let problem): "\(path) cannot be read: \(problem)"
        case .output(let problem): "the picture cannot be written: \(problem)"
        }
    }
}
