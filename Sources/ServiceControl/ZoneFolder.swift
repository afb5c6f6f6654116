import FoundationEssentials
package import HSSModel
package import Vr

/// The time zones that the host knows. Its tables are read anew for each answer: they are small, and updates of the host
/// count without a restart.
package struct ZoneFolder: Sendable {
    private let path: String

    package init(path: String = "/usr/share/zoneinfo") {
        self.path = path
    }

    /// Nil: the host knows no such zone. Greenwich is there without tables too.
    package func offsets(of name: String, at now: WallTime) -> ZoneOffsets? {
        guard ZoneFile.isName(name) else { return nil }
        guard let data = FileManager.default.contents(atPath: "\(path)/\(name)"),
            let offsets = ZoneFile.offsets(Array(data), at: now)
        else { return name == "UTC" ? .utc : nil }
        return offsets
    }
}
