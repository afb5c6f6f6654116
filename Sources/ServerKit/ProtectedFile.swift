import Foundation
import Glibc

/// Small files that must be whole after a crash and readable by their owner only.
package enum ProtectedFile {
    /// Larger ones are refused: keys and certificates are a few KiB.
    package static let largest = 1 << 20

    /// Makes `folder` and its parents; the last one gets mode 0700, also where it existed.
    package static func makeFolder(_ folder: String) throws(ServerError) {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw .unwritable(path: folder, reason: lastError("not a folder"))
        }
        guard chmod(folder, 0o700) == 0 else { throw .unwritable(path: folder, reason: lastError()) }
    }

    /// Writes all of `text` or leaves the old file: a temporary file, fsync, rename, fsync of the folder.
    package static func write(_ text: String, to path: String, mode: UInt32) throws(ServerError) {
        let temporary = "\(path).\(getpid()).tmp"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard file >= 0 else { throw .unwritable(path: temporary, reason: lastError()) }
        // The umask may have taken bits of `mode` away, and a certificate is to be read by others.
        guard fchmod(file, mode) == 0, writeAll(Array(text.utf8), to: file), fsync(file) == 0 else {
            let reason = lastError()
            close(file)
            unlink(temporary)
            throw .unwritable(path: path, reason: reason)
        }
        close(file)
        guard rename(temporary, path) == 0 else {
            let reason = lastError()
            unlink(temporary)
            throw .unwritable(path: path, reason: reason)
        }
        let folder = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    /// The whole file, up to ``largest`` bytes. `what` names it in the error: "tls.key".
    package static func read(_ path: String, what: String) throws(ServerError) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .unreadable(what: what, path: path, reason: lastError()) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(what: what, path: path, reason: lastError()) }
            guard count > 0 else { break }
            bytes += chunk[..<count]
            guard bytes.count <= largest else {
                throw .unusable(what: what, path: path, reason: "it is larger than \(largest) bytes")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .unusable(what: what, path: path, reason: "it is not text in UTF-8")
        }
        return text
    }

    /// The permission bits, nil where there is no file.
    package static func mode(of path: String) -> UInt32? {
        // Not by `struct stat`: which module it belongs to depends on what the compiler happened to load first.
        let file = URL(filePath: path).resolvingSymlinksInPath().path(percentEncoded: false)
        let attributes = try? FileManager.default.attributesOfItem(atPath: file)
        return (attributes?[.posixPermissions] as? NSNumber).map { $0.uint32Value & 0o777 }
    }

    private static func writeAll(_ bytes: [UInt8], to file: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func lastError(_ otherwise: String = "unknown reason") -> String {
        errno == 0 ? otherwise : String(cString: strerror(errno))
    }
}
