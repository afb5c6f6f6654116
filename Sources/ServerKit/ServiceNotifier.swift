import Glibc

/// Tells a service manager how this process is (sd_notify(3)): a datagram of lines `NAME=value` to the socket that
/// `NOTIFY_SOCKET` names. Nothing waits for it: where nobody reads, a message is lost.
package struct ServiceNotifier: Sendable {
    /// Of `sun_path`.
    private static let longestPath = 108

    private let address: [UInt8]

    /// A path, or `@` and a name of Linux' abstract sockets. Nil for anything else, and where no manager asks.
    package init?(environment: [String: String]) {
        guard let name = environment["NOTIFY_SOCKET"], name.utf8.count > 1,
            name.utf8.count < Self.longestPath,
            name.hasPrefix("/") || name.hasPrefix("@")
        else { return nil }
        var path = Array(name.utf8)
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }
        // A path ends with a zero; an abstract name ends where the address does.
        if path[0] != 0 { path.append(0) }
        address = withUnsafeBytes(of: sa_family_t(AF_UNIX)) { Array($0) } + path
    }

    /// False: the message was not taken.
    @discardableResult package func send(_ lines: [String]) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let text = Array(lines.joined(separator: "\n").utf8)
        let sent = address.withUnsafeBytes { address in
            guard let start = address.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return -1 }
            return sendto(
                descriptor,
                text,
                text.count,
                Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL),
                start,
                socklen_t(address.count)
            )
        }
        return sent == text.count
    }

    /// How often a manager wants to hear of us: half of `WATCHDOG_USEC`, where it means this process. Nil: never.
    package static func watchdogInterval(environment: [String: String], process: Int32) -> Duration? {
        guard let text = environment["WATCHDOG_USEC"], let microseconds = Int64(text), microseconds > 0 else {
            return nil
        }
        if let named = environment["WATCHDOG_PID"], named != String(process) { return nil }
        return .microseconds(microseconds / 2)
    }
}
