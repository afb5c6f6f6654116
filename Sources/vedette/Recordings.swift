import Blobs
import CloudStorage
import HSSModel
import Logging
import ServerKit
import ServiceLifecycle
import Store
import Vr

/// What units record.
struct Recordings {
    let storage: RecordStorage
    let inspector: RecordInspector

    init(
        _ configuration: Configuration,
        store: SQLiteStore,
        metrics: MetricRegistry,
        logger: Logger
    ) throws {
        storage = RecordStorage(
            settings: RecordStorageSettings(configuration),
            key: try RecordKey.load(configuration),
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
