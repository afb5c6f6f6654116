import ArgumentParser
import Backups
import FoundationEssentials
import Glibc
import HSSModel
import HostClock
import ServerKit
import Store

extension AdminCommand {
    struct Backup: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a backup while the platform runs.",
            discussion: """
                Runs on the platform's machine as the user who owns its data. FOLDER gets a folder for each backup, named \
                after its time: the database, every blob that it names, keys, certificates and the configuration. Blobs \
                that are in the backup before, or on the same disk, are linked and take no room. What is broken off \
                leaves nothing that passes for a backup. The folder holds keys: keep it as safe as the data itself.
                """
        )

        @Argument(help: "Folder of backups.") var folder: String
        @Flag(name: .long, help: "Leave out recordings.") var withoutRecordings = false
        @Flag(name: .long, help: "Copy every blob, link none.") var copy = false
        @Option(name: .long, help: "How many backups to keep there; without it all.") var keep: Int?
        @OptionGroup var options: ConfigurationOptions
        @Flag(name: .long, help: "Print JSON instead of text.") var json = false

        func validate() throws {
            guard keep.map({ $0 > 0 }) ?? true else { throw ValidationError("--keep: expected 1 or more") }
        }

        func run() throws {
            let source = BackupSource(try options.checked(), file: options.config)
            try Self.demandOwner(of: source.database)
            let line = ProgressLine(isQuiet: json)
            defer { line.end() }
            let maker = BackupMaker(
                source,
                to: folder,
                version: Build.version,
                recordings: !withoutRecordings,
                links: !copy,
                report: { line.show($0) }
            )
            let outcome = try backing { () throws(BackupError) in try maker.run(at: .now, keeping: keep) }
            line.end()
            try tell(outcome, of: source)
            if json {
                try Terminal.printJSON(OutcomeText(outcome))
            } else {
                print(
                    "\(outcome.folder): \(outcome.files) files, \(UsageText.bytes(outcome.bytes)), "
                        + "\(UsageText.bytes(outcome.bytesWritten)) of them written"
                )
            }
            guard outcome.damaged == 0 else {
                throw Failure(
                    "\(outcome.damaged) blobs are lost or damaged and not in the backup; 'vedette admin fsck' tells which"
                )
            }
        }

        private func tell(_ outcome: BackupMaker.Outcome, of source: BackupSource) throws {
            let note = AuditNote(
                at: .now,
                user: nil,
                address: "local",
                action: "backup.made",
                object: outcome.folder,
                result: .done,
                detail:
                    "files=\(outcome.files) bytes=\(outcome.bytes) damaged=\(outcome.damaged) uid=\(geteuid())"
            )
            do { try DatabaseCopy(path: source.database).append(note) } catch {
                throw Failure("the backup is made, but the audit trail cannot be written: \(error)")
            }
        }

        /// SQLite makes files beside the database, and the platform could not read those of another user.
        static func demandOwner(of database: String) throws {
            var status = stat()
            guard stat(database, &status) == 0 else {
                throw Failure("there is no database \(database); --data or --config name the platform's")
            }
            guard status.st_uid == geteuid() else {
                throw Failure("\(database) belongs to user \(status.st_uid): run this as that user")
            }
        }
    }

    struct Restore: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a backup back into an empty data folder.",
            discussion: """
                Runs as the user who will own the data, while no platform runs on it. FOLDER is a backup or a folder of \
                backups, of which the newest is taken. Every file is compared with the backup's manifest; a restore that \
                was broken off goes on with the same command, and the platform does not start before it is whole.
                """
        )

        @Argument(help: "A backup, or a folder of backups.") var folder: String
        @Flag(name: .long, help: "Only read and compare every file of the backup.") var check = false
        @OptionGroup var options: ConfigurationOptions
        @Flag(name: .long, help: "Print JSON instead of text.") var json = false

        func run() throws {
            let line = ProgressLine(isQuiet: json)
            defer { line.end() }
            let restorer = try backing { () throws(BackupError) in
                try BackupRestorer(folder, report: { line.show($0) })
            }
            if check {
                try backing { () throws(BackupError) in try restorer.verify() }
            } else {
                try restore(restorer)
            }
            line.end()
            let manifest = restorer.manifest
            if json {
                try Terminal.printJSON(
                    [
                        "backup": restorer.path, "made_at": manifest.head.madeAt,
                        "files": String(manifest.files.count), "bytes": String(manifest.bytes),
                    ]
                )
            } else {
                let deed = check ? "is whole" : "is put back"
                print(
                    "\(restorer.path) \(deed): \(manifest.files.count) files, \(UsageText.bytes(manifest.bytes))"
                )
            }
        }

        private func restore(_ restorer: BackupRestorer) throws {
            let target = BackupSource(try options.checked(), file: nil)
            try ProtectedFile.makeFolder(target.dataFolder)
            let lock = try DataFolderLock(target.dataFolder)
            try backing { () throws(BackupError) in
                try restorer.restore(into: target, knownSchema: Migration.sqlite.count)
            }
            let note = AuditNote(
                at: .now,
                user: nil,
                address: "local",
                action: "backup.restored",
                object: restorer.path,
                result: .done,
                detail: "made at \(restorer.manifest.head.madeAt) uid=\(geteuid())"
            )
            try DatabaseCopy(path: target.database).append(note)
            withExtendedLifetime(lock) {}
        }
    }
}

/// Keeps a platform off a folder into which a backup was put back only in part.
enum RestoreMarker {
    static func refuse(_ folder: String) throws(Failure) {
        let path = "\(folder)/\(BackupRestorer.marker)"
        guard access(path, F_OK) != 0 else {
            throw Failure(
                "data folder \(folder) has a restore that was broken off (\(path)): run 'vedette admin restore' again"
            )
        }
    }
}

extension BackupSource {
    fileprivate init(_ configuration: Configuration, file: String?) {
        self.init(
            dataFolder: configuration.node.data,
            database: configuration.databasePath,
            blobs: configuration.blobs.folder,
            configuration: file
        )
    }
}

private struct OutcomeText: Encodable {
    var folder: String
    var files: Int
    var bytes: Int64
    var bytesWritten: Int64
    var damaged: Int
    var removed: Int

    init(_ outcome: BackupMaker.Outcome) {
        folder = outcome.folder
        files = outcome.files
        bytes = outcome.bytes
        bytesWritten = outcome.bytesWritten
        damaged = outcome.damaged
        removed = outcome.removed
    }
}

private func backing<Value>(_ body: () throws(BackupError) -> Value) throws -> Value {
    do { return try body() } catch { throw Failure(error.description) }
}
