import Glibc
import HSSModel

/// The folder of backups: each in a folder named after its time, `2026-11-22T02-15-00.250Z`.
package enum BackupFolder {
    static func name(at time: WallTime) -> String { self.time(time).replacing(":", with: "-") }

    static func time(_ time: WallTime) -> String {
        let rest = time.milliseconds - Int64(CalendarDay(of: time).number) * 86_400_000
        let clock = [rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60].map {
            ($0 < 10 ? "0" : "") + "\($0)"
        }
        let fraction = String(1000 + rest % 1000).dropFirst()
        return "\(CalendarDay(of: time))T\(clock.joined(separator: ":")).\(fraction)Z"
    }

    private static func isName(_ name: String) -> Bool {
        name.utf8.count == 24 && name.hasSuffix("Z") && CalendarDay(String(name.prefix(10))) != nil
    }

    /// Those that have a manifest, the oldest first.
    package static func all(in folder: String) throws(BackupError) -> [String] {
        try BackupFiles.names(in: folder).filter { name in
            isName(name) && BackupFiles.size(of: "\(folder)/\(name)/\(BackupManifest.name)") != nil
        }.map { "\(folder)/\($0)" }
    }

    package static func newest(in folder: String) throws(BackupError) -> String? { try all(in: folder).last }

    /// Removes the oldest; returns how many. A name is taken away first, so that none is half there. `made` stays whatever
    /// its name says: a clock may have gone back.
    static func prune(
        _ folder: String,
        keeping most: Int?,
        with made: String
    ) throws(BackupError) -> Int {
        guard let most else { return 0 }
        let old = try all(in: folder).filter { $0 != made }.dropLast(max(0, most - 1))
        for path in old {
            let part = "\(folder)/.\(path.split(separator: "/").last ?? "").part"
            try BackupFiles.rename(path, to: part)
            try BackupFiles.removeFolder(part)
        }
        return old.count
    }
}

/// Keeps a second backup off the folder; the kernel lets go of it with the process.
struct BackupLock {
    private let descriptor: Int32

    init(_ folder: String) throws(BackupError) {
        let path = folder + "/.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw BackupFiles.error(path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .inUse(folder)
        }
    }

    func release() { close(descriptor) }
}
