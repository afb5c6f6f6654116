import Glibc
import HSSModel
import NIOCore

/// The system calls of ``FileBlobs``, with their errors in the platform's words. Each may wait for the disk.
enum FileSystem {
    struct Status {
        var size: Int64
        var writtenAt: WallTime
    }

    /// What `errno` says.
    static func error() -> BlobError {
        switch errno {
        // EFBIG: larger than the file system can hold at all.
        case ENOSPC, EDQUOT, EFBIG: .noSpace
        default: .failed(String(cString: strerror(errno)))
        }
    }

    /// Makes a folder of mode 0700 with its parents; leaves one that is there as it is.
    static func makeFolders(_ path: String) throws(BlobError) {
        guard !path.isEmpty else { throw .failed("no folder is named") }
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            let parent = made.isEmpty ? "." : made
            made += (made.isEmpty || made.hasSuffix("/") ? "" : "/") + part
            try makeFolder(made, in: parent)
        }
    }

    /// Durable when it returns: a blob in a folder that is gone after a power cut would be gone too.
    static func makeFolder(_ path: String, in parent: String) throws(BlobError) {
        if mkdir(path, 0o700) == 0 { return try sync(parent) }
        guard errno == EEXIST else { throw error() }
    }

    static func create(_ path: String) throws(BlobError) -> Int32 {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw error() }
        return file
    }

    /// Reserves the space; where the file system cannot, writing will tell.
    static func allocate(_ file: Int32, _ size: Int64) throws(BlobError) {
        guard size > 0 else { return }
        let failure = posix_fallocate(file, 0, off_t(size))
        guard failure != 0, failure != EOPNOTSUPP, failure != EINVAL else { return }
        errno = failure
        throw error()
    }

    static func write(_ bytes: ByteBuffer, to file: Int32) throws(BlobError) {
        var rest = bytes
        while rest.readableBytes > 0 {
            let count = rest.readWithUnsafeReadableBytes {
                max(0, Glibc.write(file, $0.baseAddress, $0.count))
            }
            guard count > 0 || errno == EINTR else { throw error() }
        }
    }

    static func sync(_ folder: String) throws(BlobError) {
        let file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw error() }
        defer { close(file) }
        guard fsync(file) == 0 else { throw error() }
    }

    /// What others than root may still write, in bytes.
    static func freeSpace(_ folder: String) throws(BlobError) -> Int64 {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { throw error() }
        return Int64(clamping: UInt64(status.f_bavail)) * Int64(clamping: UInt64(status.f_frsize))
    }

    static func status(_ file: Int32) throws(BlobError) -> Status {
        var status = stat()
        guard fstat(file, &status) == 0 else { throw error() }
        return Status(status)
    }

    /// Nil: there is no such file.
    static func status(_ path: String) throws(BlobError) -> Status? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw error()
        }
        return Status(status)
    }

    /// Names in a folder, none where it is not there.
    static func names(in folder: String) throws(BlobError) -> [String] {
        guard let listing = opendir(folder) else {
            if errno == ENOENT { return [] }
            throw error()
        }
        defer { closedir(listing) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(listing) {
            let name = Self.name(of: entry)
            if !["", ".", ".."].contains(name) { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw error() }
        return names
    }

    /// An entry is only as long as its name: to copy `d_name` whole would read 256 bytes, beyond the listing's memory for
    /// its last entries.
    static func name(of entry: UnsafePointer<dirent>) -> String {
        guard let name = entry.pointer(to: \.d_name) else { return "" }
        return String(cString: UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self))
    }
}

extension FileSystem.Status {
    fileprivate init(_ status: stat) {
        size = Int64(status.st_size)
        let seconds = Int64(status.st_mtim.tv_sec)
        writtenAt = WallTime(milliseconds: seconds * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000)
    }
}
