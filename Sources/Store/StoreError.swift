/// What a store could not do. Errors of SQLite stop here; none of these carries a stored secret.
package enum StoreError: Error, Equatable, CustomStringConvertible {
    /// There is no such row.
    case notFound(String)
    /// It would break a rule of the data: a name taken, a reference to something gone.
    case conflict(String)
    /// Try again later: busy, disk full, closed, cancelled.
    case unavailable(String)
    /// What is stored cannot be read; an operator has to restore a backup.
    case corrupt(String)
    /// The folder or file cannot be used as it is.
    case unusablePath(String, String)
    /// Written by a newer version of the platform: going on could damage it.
    case newerSchema(found: Int, known: Int)
    /// A migration that has run does not read as it did then.
    case changedMigration(String)

    package var description: String {
        switch self {
        case .notFound(let what): "\(what) does not exist"
        case .conflict(let what): what
        case .unavailable(let reason): "the store is not available: \(reason)"
        case .corrupt(let what): "the store is damaged (\(what)); restore a backup"
        case .unusablePath(let path, let reason): "store.url: \(path): \(reason)"
        case .newerSchema(let found, let known):
            "the store has schema \(found), this version knows up to \(known); run a newer version or restore a backup"
        case .changedMigration(let name):
            "migration \(name) has run on this store with another text; run the version that created it"
        }
    }
}
