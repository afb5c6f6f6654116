import Glibc

/// Keeps a second platform off a data folder: two would hand out the same tickets and know nothing of each
/// other's units. The file names the process that holds it; the kernel lets go of the lock when that ends.
final class DataFolderLock: Sendable {
    private let descriptor: Int32

    init(_ folder: String) throws(Failure) {
        let path = Self.path(folder)
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Failure("cannot write \(path): \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let holder = Self.holder(descriptor).map { " (process \($0))" } ?? ""
            close(descriptor)
            throw Failure(
                "data folder \(folder) is in use by another platform\(holder): give this one its own --data"
            )
        }
        let text = "\(getpid())\n"
        ftruncate(descriptor, 0)
        _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
    }

    deinit {
        close(descriptor)
    }

    /// The process that runs on `folder`.
    static func runningProcess(_ folder: String) throws(Failure) -> pid_t {
        let nobody = Failure("no platform runs on data folder \(folder)")
        let descriptor = open(path(folder), O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw nobody }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) != 0, let holder = holder(descriptor) else { throw nobody }
        return holder
    }

    private static func path(_ folder: String) -> String { folder + "/vedette.lock" }

    private static func holder(_ descriptor: Int32) -> pid_t? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 1 else { return nil }
        return pid_t(String(decoding: bytes[..<(count - 1)], as: UTF8.self))
    }
}
