import Glibc

/// A file or standard output that takes a picture, whole messages at a time.
package struct PictureFile: Sendable {
    private let descriptor: Int32
    private let closes: Bool

    /// `-` is standard output.
    package init(path: String) throws(CustomerError) {
        if path == "-" {
            descriptor = STDOUT_FILENO
            closes = false
            // A player that was closed is the end of watching, not of this process.
            signal(SIGPIPE, SIG_IGN)
        } else {
            descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            closes = true
            guard descriptor >= 0 else { throw .output("\(path): \(String(cString: strerror(errno)))") }
        }
    }

    /// A pipe that somebody else opened, and closes.
    package init(pipe descriptor: Int32) {
        self.descriptor = descriptor
        closes = false
        signal(SIGPIPE, SIG_IGN)
    }

    /// Returns false when the reader has gone.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(CustomerError) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EPIPE { return false }
                throw .output(String(cString: strerror(errno)))
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        return true
    }

    package func close() {
        if closes { Glibc.close(descriptor) }
    }
}
