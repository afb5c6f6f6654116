import Glibc
package import NIOCore

/// A file on its way to the platform, read while it is sent: an image may be larger than the memory.
package struct FileUpload: AsyncSequence, Sendable {
    private static let chunk = 256 << 10

    package let path: String
    /// In bytes.
    package let size: Int64
    private let sent: @Sendable (Int64) -> Void

    /// `sent` hears now and then how many bytes have been read for sending.
    package init(
        path: String,
        sent: @escaping @Sendable (Int64) -> Void = { _ in }
    ) throws(CustomerError) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw .input(path: path, String(cString: strerror(errno))) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .input(path: path, "it is not a file") }
        self.path = path
        size = Int64(status.st_size)
        self.sent = sent
    }

    package final class Iterator: AsyncIteratorProtocol {
        private let file: Int32
        private let path: String
        private let sent: @Sendable (Int64) -> Void
        private var place: Int64 = 0

        fileprivate init(_ upload: FileUpload) {
            path = upload.path
            sent = upload.sent
            file = open(upload.path, O_RDONLY | O_CLOEXEC)
        }

        deinit {
            if file >= 0 { close(file) }
        }

        package func next() async throws -> ByteBuffer? {
            var buffer = ByteBufferAllocator().buffer(capacity: FileUpload.chunk)
            var failure: Int32 = 0
            let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: FileUpload.chunk) { bytes in
                let count = read(file, bytes.baseAddress, FileUpload.chunk)
                failure = count < 0 ? errno : 0
                return Swift.max(0, count)
            }
            guard failure == 0 else {
                throw CustomerError.input(path: path, String(cString: strerror(failure)))
            }
            guard count > 0 else { return nil }
            place += Int64(count)
            sent(place)
            return buffer
        }
    }

    package func makeAsyncIterator() -> Iterator { Iterator(self) }
}
