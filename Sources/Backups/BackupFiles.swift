import Crypto
import Glibc

/// The system calls of backups. What has been written is durable when a call returns.
enum BackupFiles {
    private static let chunk = 1 << 20
    static let sizeOfHash = 64

    struct Copied: Equatable {
        var size: Int64
        /// Lower-case hexadecimal.
        var sha256: String
    }

    static func error(_ path: String) -> BackupError { .file(path, String(cString: strerror(errno))) }

    /// Nil: there is no such file, or it is something else.
    static func size(of path: String) -> Int64? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(status.st_size)
    }

    static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Mode 0700, with its parents.
    static func makeFolders(_ path: String) throws(BackupError) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            guard mkdir(made, 0o700) == 0 || errno == EEXIST else { throw error(made) }
        }
    }

    /// Copies a file, mode 0600. Nil: it is not there.
    static func copy(_ source: String, to target: String) throws(BackupError) -> Copied? {
        let input = open(source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard input >= 0 else {
            if errno == ENOENT { return nil }
            throw error(source)
        }
        defer { close(input) }
        let output = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw error(target) }
        defer { close(output) }
        let copied = try read(input, source) { (bytes) throws(BackupError) in
            try write(bytes, to: output, target)
        }
        guard fdatasync(output) == 0 else { throw error(target) }
        return copied
    }

    /// Reads all of a file. Nil: it is not there.
    static func hash(_ path: String) throws(BackupError) -> Copied? {
        let file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw error(path)
        }
        defer { close(file) }
        return try read(file, path) { _ in }
    }

    private static func read(
        _ file: Int32,
        _ path: String,
        _ body: (UnsafeRawBufferPointer) throws(BackupError) -> Void
    ) throws(BackupError) -> Copied {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 16)
        defer { buffer.deallocate() }
        var hash = SHA256()
        var size: Int64 = 0
        while true {
            let count = Glibc.read(file, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw error(path) }
            guard count > 0 else { break }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            hash.update(bufferPointer: bytes)
            try body(bytes)
            size += Int64(count)
        }
        return Copied(size: size, sha256: hexadecimal(hash.finalize()))
    }

    private static func write(
        _ bytes: UnsafeRawBufferPointer,
        to file: Int32,
        _ path: String
    ) throws(BackupError) {
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(file, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            guard count >= 0 || errno == EINTR else { throw error(path) }
            done += max(0, count)
        }
    }

    /// A new file of mode 0600.
    static func write(_ text: String, to path: String) throws(BackupError) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw error(path) }
        defer { close(file) }
        var text = text
        let failure = text.withUTF8 { octets -> BackupError? in
            do throws(BackupError) { try write(UnsafeRawBufferPointer(octets), to: file, path) } catch {
                return error
            }
            return nil
        }
        if let failure { throw failure }
        guard fsync(file) == 0 else { throw error(path) }
    }

    enum Link { case linked, otherDisk, missing }

    /// The same file under another name.
    static func link(_ source: String, to target: String) throws(BackupError) -> Link {
        if Glibc.link(source, target) == 0 || errno == EEXIST { return .linked }
        switch errno {
        case ENOENT:
            let reason = error(target)
            guard !isThere(source) else { throw reason }
            return .missing
        // Another disk, a file system without links, or one with as many as it may have.
        case EXDEV, EPERM, EMLINK, EOPNOTSUPP, EACCES: return .otherDisk
        default: throw error(target)
        }
    }

    static func rename(_ path: String, to other: String) throws(BackupError) {
        guard Glibc.rename(path, other) == 0 else { throw error(other) }
    }

    static func syncFolder(_ path: String) throws(BackupError) {
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw error(path) }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw error(path) }
    }

    /// Names in a folder, sorted; none where it is not there.
    static func names(in folder: String) throws(BackupError) -> [String] {
        guard let listing = opendir(folder) else {
            if errno == ENOENT || errno == ENOTDIR { return [] }
            throw error(folder)
        }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            // An entry is only as long as its name: it is never copied whole.
            guard let name = UnsafePointer(entry).pointer(to: \.d_name) else { continue }
            names.append(String(cString: UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self)))
        }
        return names.filter { $0 != "." && $0 != ".." }.sorted()
    }

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Every file below a folder, with the folder's path before it, in order; no link is followed.
    static func files(below folder: String) throws(BackupError) -> [String] {
        var files: [String] = []
        for name in try names(in: folder) {
            let path = "\(folder)/\(name)"
            if isFolder(path) { files += try self.files(below: path) } else { files.append(path) }
        }
        return files
    }

    /// Every folder below this one, and itself last.
    static func folders(below folder: String) throws(BackupError) -> [String] {
        var folders: [String] = []
        for name in try names(in: folder) where isFolder("\(folder)/\(name)") {
            folders += try self.folders(below: "\(folder)/\(name)")
        }
        return folders + [folder]
    }

    static func remove(_ path: String) throws(BackupError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw error(path) }
    }

    /// A folder with all that is in it.
    static func removeFolder(_ folder: String) throws(BackupError) {
        for path in try files(below: folder) { try remove(path) }
        for path in try folders(below: folder) {
            guard rmdir(path) == 0 || errno == ENOENT else { throw error(path) }
        }
    }

    static func hexadecimal(_ octets: some Sequence<UInt8>) -> String {
        octets.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
