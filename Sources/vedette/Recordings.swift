import Blobs
import Bus
import CloudStorage
import HSSModel
import Logging
import ServerKit
import ServiceControl
import ServiceLifecycle
import Store
import Vr

/// What units record.
struct Recordings {
    let storage: RecordStorage
    let key: RecordKey
    let inspector: RecordInspector

    init(
        _ configuration: Configuration,
        store: SQLiteStore,
        metrics: MetricRegistry,
        logger: Logger
    ) throws {
        key = try RecordKey.load(configuration)
        storage = RecordStorage(
            settings: RecordStorageSettings(configuration),
            key: key,
            stores: RecordStores(
                sessions: store,
                segments: store,
                devices: store,
                files: SegmentFiles(
                    folder: configuration.blobs.folder,
                    reserve: Int64(configuration.blobs.reserve)
                )
            ),
            metrics: metrics,
            logger: logger
        )
        inspector = RecordInspector(storage)
    }

    var services: [any Service] { [storage] }

    /// What the SCU orders recordings with.
    func parts(_ configuration: Configuration, store: SQLiteStore, events: any EventSink) -> RecordParts {
        var order = RecordSettings()
        order.largestSegment = configuration.recording.segmentSize
        return RecordParts(
            storage: storage,
            settings: store,
            sessions: store,
            alarms: store,
            events: events,
            order: order
        )
    }
}

extension RecordStorageSettings {
    init(_ configuration: Configuration) {
        let domain = URLHost.text(configuration.node.domain)
        let plainPort = configuration.httpPort
        var session = RecordSession.Limits()
        session.largestSegment = Int64(configuration.recording.segmentSize)
        session.confirmWithin = configuration.recording.confirmWithin
        self.init(
            origins: UploadOrigins(
                secure: "https://\(domain):\(configuration.https.port)",
                plain: plainPort == 0 ? nil : "http://\(domain):\(plainPort)"
            ),
            session: session,
            uploads: configuration.recording.uploads,
            sessions: configuration.recording.sessions,
            uploadTime: configuration.recording.uploadTime,
            requestsPerSecond: Double(configuration.recording.rate),
            burst: configuration.recording.burst
        )
    }
}
