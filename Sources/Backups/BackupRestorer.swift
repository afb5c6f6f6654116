import Glibc
import HSSModel
import Store

/// Checks a backup and puts it back into an empty place.
///
/// A file `restore.unfinished` is in the data folder from the first octet to the last: a platform does not start on such
/// a folder, and the same command goes on.
package struct BackupRestorer {
    package static let marker = "restore.unfinished"

    package let manifest: BackupManifest
    private let folder: String
    private let report: (String) -> Void

    /// `folder` is a backup, or a folder of backups, of which the newest is taken.
    package init(_ folder: String, report: @escaping (String) -> Void = { _ in }) throws(BackupError) {
        let isBackup = BackupFiles.isThere("\(folder)/\(BackupManifest.name)")
        let chosen = isBackup ? folder : try BackupFolder.newest(in: folder)
        guard let chosen else { throw .unusable(folder, "there is no backup in it") }
        self.folder = chosen
        self.report = report
        manifest = try BackupManifest(of: chosen)
    }

    /// Of the backup.
    package var path: String { folder }

    /// Reads every file of it. Throws what is wrong with the first that is not as it was.
    package func verify() throws(BackupError) {
        var done: Int64 = 0
        for file in manifest.files {
            try check(try BackupFiles.hash("\(folder)/\(file.path)"), file)
            done += file.size
            report(percent(done))
        }
        try checkDatabase()
    }

    /// With `known` of this many migrations: a newer backup is refused.
    package func restore(into target: BackupSource, knownSchema known: Int) throws(BackupError) {
        guard manifest.head.schema <= known else {
            throw .unusable(
                folder,
                "it has schema \(manifest.head.schema), this version knows up to \(known): take a newer version"
            )
        }
        let marker = "\(target.dataFolder)/\(Self.marker)"
        try demandEmpty(target, marker)
        try BackupFiles.makeFolders(target.dataFolder)
        try BackupFiles.write("\(folder)\n", to: marker)
        try BackupFiles.syncFolder(target.dataFolder)
        var made = Set<String>()
        var done: Int64 = 0
        for file in manifest.files {
            let place = place(of: file.path, target)
            let parent = place.split(separator: "/", omittingEmptySubsequences: false).dropLast()
                .joined(separator: "/")
            if made.insert(parent).inserted { try BackupFiles.makeFolders(parent) }
            try check(try BackupFiles.copy("\(folder)/\(file.path)", to: place), file)
            // What clients trust is not secret.
            if file.path.hasPrefix("tls/"), file.path.hasSuffix(".pem") { chmod(place, 0o644) }
            done += file.size
            report(percent(done))
        }
        for folder in made { try BackupFiles.syncFolder(folder) }
        try BackupFiles.remove(marker)
        try BackupFiles.syncFolder(target.dataFolder)
    }

    private func percent(_ done: Int64) -> String {
        "\(manifest.bytes == 0 ? 100 : done * 100 / manifest.bytes) % of \(manifest.bytes / 1_000_000) MB"
    }

    private func check(_ found: BackupFiles.Copied?, _ file: BackupManifest.File) throws(BackupError) {
        guard let found else { throw .unusable(folder, "\(file.path) is missing") }
        guard found.size == file.size, found.sha256 == file.sha256 else {
            throw .unusable(folder, "\(file.path) is not as it was")
        }
    }

    private func checkDatabase() throws(BackupError) {
        // Looked at in a copy: SQLite may write beside what it opens.
        let copy = "\(folder)/.check-\(getpid()).sqlite"
        defer { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(copy + suffix) } }
        guard try BackupFiles.copy("\(folder)/vedette.sqlite", to: copy) != nil else {
            throw .unusable(folder, "vedette.sqlite is missing")
        }
        do throws(StoreError) {
            if let fault = try DatabaseCopy(path: copy).integrityFault() {
                throw StoreError.corrupt(fault)
            }
        } catch { throw .unusable(folder, "vedette.sqlite: \(error)") }
    }

    /// Where a file belongs.
    private func place(of path: String, _ target: BackupSource) -> String {
        if path == "vedette.sqlite" { return target.database }
        if path.hasPrefix("blobs/") { return "\(target.blobs)/\(path.dropFirst("blobs/".count))" }
        return "\(target.dataFolder)/\(path)"
    }

    private func demandEmpty(_ target: BackupSource, _ marker: String) throws(BackupError) {
        guard !BackupFiles.isThere(marker) else { return }
        for path in [target.database, "\(target.dataFolder)/keys", "\(target.dataFolder)/tls"]
        where BackupFiles.isThere(path) {
            throw .notEmpty(path)
        }
        guard try BackupFiles.names(in: target.blobs).isEmpty else { throw .notEmpty(target.blobs) }
    }
}
