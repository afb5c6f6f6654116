import Blobs
import Bus
import CentreManagement
import CloudStorage
import HSSModel
import Logging
import ServerKit
import Store
import Vr

/// Whether somebody may play what was recorded for an owner, at this moment, as the customer API would answer.
struct RegistryPlaybackRights: PlaybackRights {
    let devices: any DevicePoint
    let users: any UserStore

    func mayPlay(_ recorded: RecordedChannel, _ user: UserName) async throws(RecordingError) -> Bool {
        do {
            guard let record = try await users.user(user), !record.disabled else { return false }
            let visible = try await devices.device(
                recorded.channel.unit.rawValue,
                visibleTo: Principal(user: user, role: record.role)
            )
            return visible.rights.contains(.playback) && visible.device.owner == recorded.owner
                && visible.device.channels[recorded.channel.number] != nil
        } catch ManagementError.notFound {
            return false
        } catch {
            throw .unavailable("the registry does not answer")
        }
    }
}

extension PlaybackDesk {
    /// Of one database and one folder.
    convenience init(
        index: SQLiteStore,
        blobs: FileBlobs,
        key: RecordKey,
        rights: any PlaybackRights,
        pictures: any KeyFramePictures,
        settings: Settings,
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.init(
            segments: index,
            sessions: index,
            bytes: SegmentBytes { (blob) throws(BlobError) in
                guard let name = BlobName(.segments, key: blob.rawValue) else {
                    throw .failed("a row names no blob")
                }
                return try await blobs.open(name)
            },
            key: key,
            rights: rights,
            pictures: pictures,
            settings: settings,
            metrics: metrics,
            logger: logger
        )
    }
}

extension PlaybackDesk.Settings {
    init(_ configuration: Configuration) {
        self.init()
        requestsPerSecond = Double(configuration.limits.playbackRate)
        burst = configuration.limits.playbackBurst
        exports = configuration.limits.exports
        exportsPerUser = configuration.limits.exportsPerUser
    }
}
