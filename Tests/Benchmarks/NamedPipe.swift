import Foundation
import Glibc

/// A pipe with a name, between this process and one that takes a file; gone with this object.
final class NamedPipe: Sendable {
    let path: String

    init(in folder: String) throws {
        path = "\(folder)/\(UUID().uuidString).pipe"
        // Who reads may end first.
        signal(SIGPIPE, SIG_IGN)
        guard mkfifo(path, 0o600) == 0 else {
            throw BenchmarkError.tool("mkfifo", String(cString: strerror(errno)))
        }
    }

    deinit { unlink(path) }

    /// Waits for the reader, 10 s at most.
    func openForWriting() -> Int32? {
        for _ in 0..<1000 {
            let descriptor = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            if descriptor >= 0 {
                _ = fcntl(descriptor, F_SETFL, 0)
                return descriptor
            }
            usleep(10_000)
        }
        return nil
    }

    /// False: the reader has gone.
    func write(_ octets: some Collection<UInt8>, to descriptor: Int32) -> Bool {
        let sent = octets.withContiguousStorageIfAvailable { octets in
            var rest = UnsafeRawBufferPointer(octets)[...]
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest)
                let count = Glibc.write(descriptor, part.baseAddress, part.count)
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
        return sent ?? write(Array(octets), to: descriptor)
    }
}
