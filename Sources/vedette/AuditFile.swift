import FoundationEssentials
import Glibc
import HSSModel
import Store

/// An exported audit trail on this machine.
struct AuditFile: ~Copyable {
    private let path: String
    private let descriptor: Int32

    /// Made where it is not there, mode 0600.
    init(appendingTo path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Failure("cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }

    func append(_ bytes: Data) throws {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else {
                throw Failure("cannot write \(path): \(String(cString: strerror(errno)))")
            }
            rest = rest.dropFirst(max(0, count))
        }
    }

    func sync() throws {
        guard fsync(descriptor) == 0 else {
            throw Failure("cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Where it ends; nil: it is empty, or not there. A file that is not whole is not gone on with.
    static func end(of path: String) throws -> AuditHead? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let verdict = try verify(path, seen: nil)
        guard verdict.intact else { throw Failure("\(path): \(verdict.text)") }
        return verdict.entries == 0 ? nil : AuditHead(id: verdict.headId, hash: verdict.headHash)
    }

    /// Looks through a file line by line, each of at most ``AuditLine/longest``.
    static func verify(_ path: String, seen: AuditHead?) throws -> AuditVerdictAnswer {
        guard let file = fopen(path, "re") else {
            throw Failure("cannot read \(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var walk = AuditLineInspector(seen: seen)
        // With its line end and the zero behind it.
        var buffer = [CChar](repeating: 0, count: AuditLine.longest + 2)
        while fgets(&buffer, Int32(buffer.count), file) != nil {
            guard walk.look(at: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }) else { break }
        }
        guard ferror(file) == 0 else {
            throw Failure("cannot read \(path): \(String(cString: strerror(errno)))")
        }
        return AuditVerdictAnswer(walk.end(), line: walk.faultyLine)
    }
}
