internal import CLibSRT
internal import Glibc

/// A bound UDP socket, ready to become an SRT listener, with a filter against the costliest handshakes.
package struct UDPPort: ~Copyable {
    private let descriptor: Int32
    package let address: NetworkAddress

    /// `host` is a numeric address; `::` serves IPv4 too. Port 0 takes a free one.
    ///
    /// `shared`: several listeners share the port and the kernel spreads peers over them (SO_REUSEPORT). Call
    /// ``checkFree(host:port:)`` before the first of them: the kernel lets another process of the same user join.
    package init(
        host: String,
        port: Int,
        shared: Bool = false,
        receiveBufferInBytes: Int = 16 << 20
    ) throws(SRTError) {
        let wanted = try NetworkAddress.resolve(host: host, port: port)[0]
        let opened = socket(wanted.family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard opened >= 0 else { throw SRTError(system: errno, operation: "open a UDP socket") }
        do throws(SRTError) {
            if wanted.family == AF_INET6 { try Self.set(opened, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
            if shared { try Self.set(opened, SOL_SOCKET, SO_REUSEPORT, 1) }
            guard wanted.withSockaddr({ bind(opened, $0, socklen_t($1)) }) == 0 else {
                throw SRTError(system: errno, operation: "bind UDP \(wanted)")
            }
            Self.enlargeReceiveBuffer(of: opened, to: receiveBufferInBytes)
            try HandshakeFilter.attach(to: opened)
            address = try Self.localAddress(of: opened)
        } catch {
            Glibc.close(opened)
            throw error
        }
        descriptor = opened
    }

    deinit { Glibc.close(descriptor) }

    /// Throws where anybody, sharing or not, holds the port.
    package static func checkFree(host: String, port: Int) throws(SRTError) {
        guard port != 0 else { return }
        _ = try UDPPort(host: host, port: port, receiveBufferInBytes: 0)
    }

    /// From here on libsrt owns the descriptor.
    consuming func give(to listener: SRTSocket) throws(SRTError) {
        let descriptor = descriptor
        let family = address.family
        discard self
        do throws(SRTError) {
            if family == AF_INET6 { try listener.set(SRTO_IPV6ONLY, Int32(0)) }
            guard srt_bind_acquire(listener.id, descriptor) == 0 else {
                throw SRTError(operation: "take over the UDP socket")
            }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    /// Stock Debian allows 208 KB, which drops packets from 150 streams on (FACTS). A privileged process gets all of
    /// it, any other what `net.core.rmem_max` allows; the drops are counted in /proc/net/udp.
    private static func enlargeReceiveBuffer(of descriptor: Int32, to bytes: Int) {
        guard bytes > 0 else { return }
        var size = Int32(clamping: bytes)
        guard setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, 4) != 0 else { return }
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
    }

    private static func set(
        _ descriptor: Int32,
        _ level: Int32,
        _ option: Int32,
        _ value: Int32
    ) throws(SRTError) {
        var value = value
        guard setsockopt(descriptor, level, option, &value, 4) == 0 else {
            throw SRTError(system: errno, operation: "set UDP option \(option)")
        }
    }

    private static func localAddress(of descriptor: Int32) throws(SRTError) -> NetworkAddress {
        var storage = sockaddr_storage()
        let address: NetworkAddress? = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
                guard getsockname(descriptor, $0, &length) == 0 else { return nil }
                return NetworkAddress(copying: $0)
            }
        }
        guard let address else { throw SRTError(system: errno, operation: "read the UDP address") }
        return address
    }
}
