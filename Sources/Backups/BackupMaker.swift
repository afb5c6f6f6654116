import Glibc
package import HSSModel
import Store

/// What belongs to a platform.
package struct BackupSource: Sendable {
    package var dataFolder: String
    package var database: String
    package var blobs: String
    /// Nil: there is none.
    package var configuration: String?

    package init(dataFolder: String, database: String, blobs: String, configuration: String?) {
        self.dataFolder = dataFolder
        self.database = database
        self.blobs = blobs
        self.configuration = configuration
    }
}

/// Makes one backup of a platform that may be running, as a folder of its own below a folder of backups.
///
/// Blobs are linked first, then one consistent view of the database is taken, then the blobs that this view names and
/// that came in between. What a view names and is not there any more went with its row meanwhile: another view is taken.
/// Each blob is linked to that of the backup before, or to the platform's on the same disk, and copied otherwise: blobs
/// are never written again. The folder has a name beginning with a dot until its manifest, which comes last, is durable.
package final class BackupMaker {
    package struct Outcome: Sendable, Equatable {
        /// Of the backup.
        package var folder: String
        package var files: Int
        package var bytes: Int64
        /// What was written for it; the rest is linked.
        package var bytesWritten: Int64
        /// Blobs that the database names and that are not there, or are not as it says: `admin fsck` tells which.
        package var damaged: Int
        /// Older backups that were removed.
        package var removed: Int
    }

    private static let mostViews = 6

    private let source: BackupSource
    private let target: String
    private let version: String
    private let recordings: Bool
    private let links: Bool
    private let report: (String) -> Void

    private var files: [String: BackupManifest.File] = [:]
    private var bytesWritten: Int64 = 0
    private var lost: Set<String> = []
    private var damaged: Set<String> = []
    private var folders: Set<String> = []

    /// - Parameters:
    ///   - source: what is to be kept.
    ///   - target: the folder of backups; made where it is not there.
    ///   - version: of the platform, for the manifest.
    ///   - recordings: false: without segments, and without what the database says of them.
    ///   - links: false: everything is copied, for a target that must not share files with the platform.
    ///   - report: hears how far it has come.
    package init(
        _ source: BackupSource,
        to target: String,
        version: String,
        recordings: Bool = true,
        links: Bool = true,
        report: @escaping (String) -> Void = { _ in }
    ) {
        self.source = source
        self.target = target
        self.version = version
        self.recordings = recordings
        self.links = links
        self.report = report
    }

    /// Keeps the newest `keeping` backups of the folder; nil: all. They stay too where something is missing in this one.
    package func run(at now: WallTime, keeping most: Int?) throws(BackupError) -> Outcome {
        try BackupFiles.makeFolders(target)
        let lock = try BackupLock(target)
        defer { lock.release() }
        for name in try BackupFiles.names(in: target) where name.hasPrefix(".") && name.hasSuffix(".part") {
            try BackupFiles.removeFolder("\(target)/\(name)")
        }
        let name = BackupFolder.name(at: now)
        let (part, folder) = ("\(target)/.\(name).part", "\(target)/\(name)")
        guard !BackupFiles.isThere(folder) else { throw .notEmpty(folder) }
        var previous: PreviousBackup?
        if let newest = try BackupFolder.newest(in: target) { previous = try PreviousBackup(newest) }
        try BackupFiles.makeFolders(part)
        do throws(BackupError) {
            report("blobs")
            let schema = try copyDatabaseAndBlobs(to: part, previous)
            try copyKeys(to: part)
            let kept = files.values.sorted { $0.path < $1.path }
            let head = BackupManifest.Head(
                madeAt: BackupFolder.time(now),
                version: version,
                schema: schema,
                recordings: recordings
            )
            let manifest = BackupManifest(head: head, files: kept)
            for folder in try BackupFiles.folders(below: part) { try BackupFiles.syncFolder(folder) }
            try BackupFiles.write(try manifest.text, to: "\(part)/\(BackupManifest.name)")
            try BackupFiles.syncFolder(part)
            try BackupFiles.rename(part, to: folder)
            try BackupFiles.syncFolder(target)
            let isWhole = lost.isEmpty && damaged.isEmpty
            let removed = isWhole ? try BackupFolder.prune(target, keeping: most, with: folder) : 0
            return Outcome(
                folder: folder,
                files: kept.count,
                bytes: manifest.bytes,
                bytesWritten: bytesWritten,
                damaged: lost.count + damaged.count,
                removed: removed
            )
        } catch {
            try? BackupFiles.removeFolder(part)
            throw error
        }
    }

    // MARK: Database and blobs

    /// Returns the number of the schema.
    private func copyDatabaseAndBlobs(
        to part: String,
        _ previous: PreviousBackup?
    ) throws(BackupError) -> Int {
        try copyBlobs(of: source.database, to: part, previous)
        let database = "\(part)/vedette.sqlite"
        var view = 0
        var missing = Set<String>()
        repeat {
            view += 1
            (missing, lost) = (lost, [])
            report("database")
            try BackupFiles.remove(database)
            try storing { () throws(StoreError) in try DatabaseCopy(path: source.database).write(to: database)
            }
            if !recordings {
                try storing { () throws(StoreError) in try DatabaseCopy(path: database).dropRecordings() }
            }
            try copyBlobs(of: database, to: part, previous)
            // The same are missing in two views that follow each other: they are not there at all.
        } while !lost.isEmpty && lost != missing && view < Self.mostViews
        try dropOthers(than: database, in: part)
        let schema = try storing { () throws(StoreError) in try DatabaseCopy(path: database).schema() }
        // Opening it may have left a journal, which is part of nothing.
        for suffix in ["-wal", "-shm"] { try BackupFiles.remove(database + suffix) }
        guard chmod(database, 0o600) == 0, let copied = try BackupFiles.hash(database) else {
            throw BackupFiles.error(database)
        }
        let file = open(database, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw BackupFiles.error(database) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw BackupFiles.error(database) }
        bytesWritten += copied.size
        add("vedette.sqlite", copied)
        return schema
    }

    private func copyBlobs(
        of database: String,
        to part: String,
        _ previous: PreviousBackup?
    ) throws(BackupError) {
        var seen = 0
        try each(of: database) { (path, reference) throws(BackupError) in
            seen += 1
            if seen % 1000 == 0 { report("\(seen) blobs") }
            guard files[path] == nil else { return }
            try makeFolder(of: path, in: part)
            if let known = previous?.files[path], links,
                try BackupFiles.link("\(previous?.folder ?? "")/\(path)", to: "\(part)/\(path)") == .linked
            {
                files[path] = known
                return
            }
            try takeBlob(reference, path, to: "\(part)/\(path)")
        }
    }

    private func takeBlob(
        _ reference: DatabaseCopy.Reference,
        _ path: String,
        to target: String
    ) throws(BackupError) {
        let place = "\(source.blobs)/\(path.dropFirst("blobs/".count))"
        switch links ? try BackupFiles.link(place, to: target) : .otherDisk {
        case .missing: lost.insert(path)
        case .linked:
            guard let size = BackupFiles.size(of: target), size == reference.size else {
                damaged.insert(path)
                return try BackupFiles.remove(target)
            }
            if let sha256 = reference.sha256 {
                add(path, .init(size: size, sha256: sha256))
            } else if let copied = try BackupFiles.hash(target) {
                add(path, copied)
            }
        case .otherDisk:
            guard let copied = try BackupFiles.copy(place, to: target) else {
                lost.insert(path)
                return
            }
            guard copied.size == reference.size, reference.sha256 ?? copied.sha256 == copied.sha256 else {
                damaged.insert(path)
                return try BackupFiles.remove(target)
            }
            bytesWritten += copied.size
            add(path, copied)
        }
    }

    /// Blobs that came and went before the view.
    private func dropOthers(than database: String, in part: String) throws(BackupError) {
        var named = Set<String>()
        try each(of: database) { (path, _) throws(BackupError) in named.insert(path) }
        for path in files.keys where !named.contains(path) {
            try BackupFiles.remove("\(part)/\(path)")
            files[path] = nil
        }
        lost.formIntersection(named)
        damaged.formIntersection(named)
    }

    private func each(
        of database: String,
        _ body: (String, DatabaseCopy.Reference) throws(BackupError) -> Void
    ) throws(BackupError) {
        do {
            try DatabaseCopy(path: database).references { reference in
                guard recordings || reference.area != "segments" else { return }
                try body("blobs/\(reference.area)/\(reference.key.prefix(2))/\(reference.key)", reference)
            }
        } catch let error as BackupError {
            throw error
        } catch { throw .store("the database cannot be read: \(error)") }
    }

    private func makeFolder(of path: String, in part: String) throws(BackupError) {
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        guard folders.insert(folder).inserted else { return }
        try BackupFiles.makeFolders("\(part)/\(folder)")
    }

    // MARK: The rest

    private func copyKeys(to part: String) throws(BackupError) {
        for folder in ["keys", "tls"] {
            for name in try BackupFiles.names(in: "\(source.dataFolder)/\(folder)") {
                let path = "\(folder)/\(name)"
                guard BackupFiles.size(of: "\(source.dataFolder)/\(path)") != nil else { continue }
                try makeFolder(of: path, in: part)
                try take("\(source.dataFolder)/\(path)", as: path, in: part)
            }
        }
        if let configuration = source.configuration { try take(configuration, as: "vedette.yaml", in: part) }
    }

    private func take(_ source: String, as path: String, in part: String) throws(BackupError) {
        guard let copied = try BackupFiles.copy(source, to: "\(part)/\(path)") else {
            throw .file(source, "it is not there")
        }
        bytesWritten += copied.size
        add(path, copied)
    }

    private func add(_ path: String, _ copied: BackupFiles.Copied) {
        files[path] = BackupManifest.File(path: path, size: copied.size, sha256: copied.sha256)
    }

    private func storing<Value>(_ body: () throws(StoreError) -> Value) throws(BackupError) -> Value {
        do { return try body() } catch { throw .store(error.description) }
    }
}

/// The backup before, from which blobs are linked.
private struct PreviousBackup {
    let folder: String
    let files: [String: BackupManifest.File]

    init(_ folder: String) throws(BackupError) {
        self.folder = folder
        let manifest = try BackupManifest(of: folder)
        files = Dictionary(manifest.files.map { ($0.path, $0) }) { first, _ in first }
    }
}
