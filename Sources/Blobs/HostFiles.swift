import Glibc
package import NIOCore

/// The files of the host.
package struct HostFiles: FileCalls {
    package init() {}

    package func makeFolder(_ path: String, in parent: String) throws(BlobError) {
        try FileSystem.makeFolder(path, in: parent)
    }

    package func create(_ path: String) throws(BlobError) -> Int32 { try FileSystem.create(path) }

    package func open(_ path: String, toWrite: Bool) throws(BlobError) -> Int32? {
        let mode = toWrite ? O_WRONLY : O_RDONLY
        let file = Glibc.open(path, mode | O_NOFOLLOW | O_CLOEXEC)
        if file < 0 {
            if errno == ENOENT { return nil }
            throw FileSystem.error()
        }
        return file
    }

    package func close(_ file: Int32) { _ = Glibc.close(file) }

    package func allocate(_ file: Int32, _ size: Int64) throws(BlobError) {
        try FileSystem.allocate(file, size)
    }

    package func write(_ bytes: ByteBuffer, to file: Int32, at offset: Int64) throws(BlobError) {
        var rest = bytes
        var place = offset
        while rest.readableBytes > 0 {
            let count = rest.readWithUnsafeReadableBytes {
                max(0, pwrite(file, $0.baseAddress, $0.count, off_t(place)))
            }
            place += Int64(count)
            guard count > 0 || errno == EINTR else { throw FileSystem.error() }
        }
    }

    package func read(_ file: Int32, at offset: Int64, count: Int) throws(BlobError) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        while buffer.readableBytes < count {
            let rest = count - buffer.readableBytes
            let place = offset + Int64(buffer.readableBytes)
            var failed = false
            let got = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: rest) {
                let got = pread(file, $0.baseAddress, rest, off_t(place))
                failed = got < 0 && errno != EINTR
                return max(0, got)
            }
            if failed { throw FileSystem.error() }
            if got == 0 { break }
        }
        return buffer
    }

    package func sync(_ file: Int32) throws(BlobError) {
        guard fdatasync(file) == 0 else { throw FileSystem.error() }
    }

    package func rename(_ path: String, to other: String) throws(BlobError) {
        guard Glibc.rename(path, other) == 0 else { throw FileSystem.error() }
    }

    package func remove(_ path: String) throws(BlobError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw FileSystem.error() }
    }

    package func syncFolder(_ path: String) throws(BlobError) {
        guard access(path, F_OK) == 0 || errno != ENOENT else { return }
        try FileSystem.sync(path)
    }

    package func size(of path: String) throws(BlobError) -> Int64? { try FileSystem.status(path)?.size }

    package func names(in folder: String) throws(BlobError) -> [String] { try FileSystem.names(in: folder) }

    package func freeSpace(_ folder: String) throws(BlobError) -> Int64 { try FileSystem.freeSpace(folder) }
}
