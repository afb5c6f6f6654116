import Blobs
import Bus
import CloudStorage
import Logging
import ServerKit
import ServiceLifecycle
import Store

/// How long recordings stay, and who keeps what of them.
struct RecordingUpkeep {
    let keeper: RetentionKeeper
    /// What customers and operators ask of it.
    let desk: RecordUpkeepDesk

    init(
        _ configuration: Configuration,
        store: SQLiteStore,
        files: SegmentFiles,
        devices: any DevicePoint,
        metrics: MetricRegistry,
        logger: Logger
    ) {
        let settings = RetentionSettings(configuration)
        keeper = RetentionKeeper(
            store: store,
            files: files,
            settings: settings,
            metrics: metrics,
            logger: logger
        )
        desk = RecordUpkeepDesk(store: store, devices: devices, settings: settings, logger: logger)
    }

    /// Whether there is room for what a unit announces.
    var admission: RecordStorage.Admission {
        let keeper = keeper
        return .init { await keeper.refusal(of: $0, $1) }
    }
}

extension RetentionSettings {
    init(_ configuration: Configuration) {
        let retention = configuration.retention
        self.init(
            age: retention.age,
            channelBytes: retention.channelQuota.map(Int64.init),
            ownerBytes: retention.ownerQuota.map(Int64.init),
            totalBytes: retention.totalQuota.map(Int64.init),
            reserve: Int64(retention.reserve)
        )
        keptTime = retention.keptTime
    }
}
