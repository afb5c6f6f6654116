import Blobs
import Bus
import HSSModel
import Logging
import ServerKit
import ServiceControl
import ServiceLifecycle
import Store
import Vd

/// What is kept of units: uploads, alarms, events, and their upkeep.
struct Activities {
    let blobs: FileBlobs
    let uploads: UploadDesk
    let alarms: AlarmDesk
    let feed: EventFeed
    let batteries: BatteryDesk
    let upkeep: ActivityUpkeep

    init(
        _ configuration: Configuration,
        store: SQLiteStore,
        metrics: MetricRegistry,
        logger: Logger
    ) throws {
        blobs = try FileBlobs(
            folder: configuration.blobs.folder,
            reserve: Int64(configuration.blobs.reserve)
        )
        feed = EventFeed(
            store: store,
            mostBells: configuration.limits.eventSubscribers,
            metrics: metrics,
            logger: logger
        )
        uploads = UploadDesk(
            settings: UploadSettings(configuration),
            key: try UploadKey.load(configuration),
            store: store,
            blobs: blobs,
            feed: feed,
            metrics: metrics,
            logger: logger
        )
        alarms = AlarmDesk(
            store: store,
            uploads: uploads,
            feed: feed,
            settings: .init(configuration),
            metrics: metrics,
            logger: logger,
            sendsByHTTPS: { await Self.sendsByHTTPS($0, store) }
        )
        batteries = BatteryDesk(events: feed)
        upkeep = ActivityUpkeep(
            store: store,
            blobs: blobs,
            settings: .init(configuration),
            metrics: metrics,
            logger: logger
        )
    }

    /// What units ask of this part.
    var servers: [any UnitRequestServer] { [alarms, batteries] }

    var services: [any Service] { [upkeep, alarms] }

    /// What customers ask of it.
    var point: Activity { Activity(uploads: uploads, alarms: alarms, events: feed) }

    /// A unit of which nothing is known is taken for one of the Recommendation, which uses https.
    private static func sendsByHTTPS(_ unit: UnitID, _ store: SQLiteStore) async -> Bool {
        guard let document = try? await store.documents(of: unit)[.capabilities],
            let object = try? JSONObject(parsing: Array(document.body.utf8)),
            let capabilities = try? Capabilities(object)
        else { return true }
        return capabilities.abilities.contains(.pictureUploadHTTPS)
    }
}
