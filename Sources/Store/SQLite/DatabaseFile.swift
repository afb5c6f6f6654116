import Foundation
import GRDB

/// The file before SQLite sees it: who may read it, and a clear word where it cannot be used.
enum DatabaseFile {
    static func prepare(_ path: String) throws(StoreError) {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        do {
            try FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw .unusablePath(folder, "cannot make the folder: \(reason(error))")
        }
        guard access(folder, R_OK | W_OK | X_OK) == 0 else {
            throw .unusablePath(folder, "cannot write in the folder: \(String(cString: strerror(errno)))")
        }
        // Only a new file is opened here: closing a descriptor of a database that this process already has
        // open would drop its POSIX locks. The -wal and -shm files get the mode of the file itself.
        let descriptor = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        var status = stat()
        if descriptor >= 0 {
            close(descriptor)
        } else if errno != EEXIST {
            throw .unusablePath(path, "cannot make the file: \(String(cString: strerror(errno)))")
        } else if stat(path, &status) != 0 || status.st_mode & S_IFMT != S_IFREG {
            throw .unusablePath(path, "is not a file")
        } else if access(path, R_OK | W_OK) != 0 {
            throw .unusablePath(path, "cannot write the file: \(String(cString: strerror(errno)))")
        } else if chmod(path, 0o600) != 0 {
            throw .unusablePath(
                path,
                "cannot keep others from reading it: \(String(cString: strerror(errno)))"
            )
        }
    }

    /// What went wrong while opening, with the path that the operator has to look at.
    static func openingError(_ error: any Error, _ path: String) -> StoreError {
        switch error {
        case let error as StoreError: error
        case let error as DatabaseError where error.resultCode == .SQLITE_NOTADB:
            .unusablePath(path, "is not an SQLite database")
        case let error as DatabaseError where error.resultCode == .SQLITE_CANTOPEN:
            .unusablePath(path, "cannot be opened")
        default: StoreError(error)
        }
    }

    private static func reason(_ error: any Error) -> String {
        // What Foundation prints of an NSError is unreadable; the system's own word is underneath.
        let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        let code = (underlying?.domain == NSPOSIXErrorDomain ? underlying?.code : nil) ?? Int(errno)
        return String(cString: strerror(Int32(code)))
    }
}

extension StoreError {
    /// What SQLite and GRDB report, in our words. Their messages name tables and columns, never values.
    init(_ error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case is CancellationError: self = .unavailable("the call was cancelled")
        case let error as DatabaseError:
            let message = error.message ?? error.resultCode.description
            switch error.resultCode {
            case .SQLITE_CONSTRAINT: self = .conflict(message)
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .corrupt(message)
            default: self = .unavailable(message)
            }
        default: self = .unavailable(String(describing: type(of: error)))
        }
    }
}
