/// Why a backup was not made or not put back.
package enum BackupError: Error, Equatable, CustomStringConvertible {
    /// A path, and what is wrong with it.
    case file(String, String)
    /// Another process makes a backup there.
    case inUse(String)
    /// It is no backup, or not a whole one.
    case unusable(String, String)
    /// There is something where it would be put back.
    case notEmpty(String)
    case store(String)

    package var description: String {
        switch self {
        case .file(let path, let reason): "\(path): \(reason)"
        case .inUse(let folder): "another backup is being made in \(folder)"
        case .unusable(let path, let reason): "\(path) is not a whole backup: \(reason)"
        case .notEmpty(let path): "\(path) is there already: a backup is put back into an empty place only"
        case .store(let reason): reason
        }
    }
}
