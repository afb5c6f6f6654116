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
    let presence: PresenceJournal
    let webhooks: WebhookDispatcher
    let upkeep: ActivityUpkeep

    init(
        _ configuration: Configuration,
        store: SQLiteStore,
        devices: any DevicePoint,
        metrics: MetricRegistry,
        logger: Logger
    ) throws {
        blobs = try FileBlobs(
            folder: configuration.blobs.folder,
            reserve: Int64(configuration.blobs.reserve)
        )
        let key = try UploadKey.load(configuration)
        feed = EventFeed(
            store: store,
            mostBells: configuration.limits.eventSubscribers,
            metrics: metrics,
            logger: logger
        )
        uploads = UploadDesk(
            settings: UploadSettings(configuration),
            key: key,
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
        batteries = BatteryDesk(store: store, feed: feed)
        presence = PresenceJournal(store: store, feed: feed)
        let hookSettings = try WebhookSettings(configuration)
        webhooks = WebhookDispatcher(
            store: store,
            feed: feed,
            carrier: WebhookClient(settings: hookSettings, logger: logger),
            settings: hookSettings,
            key: key,
            metrics: metrics,
            logger: logger,
            isVisible: { try await Self.isAudible($0, to: $1, store, devices) }
        )
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

    var services: [any Service] { [upkeep, webhooks, alarms] }

    /// What customers ask of it.
    var point: Activity {
        Activity(
            uploads: uploads,
            alarms: alarms,
            events: feed,
            webhooks: webhooks,
            batteries: batteries
        )
    }

    /// At this moment, as the customer API would answer.
    private static func isAudible(
        _ event: NewEvent,
        to name: UserName,
        _ store: SQLiteStore,
        _ devices: any DevicePoint
    ) async throws -> Bool {
        guard let user = try await store.user(name), !user.disabled else { return false }
        let role: DeviceRole?
        do {
            let caller = Principal(user: name, role: user.role)
            role = try await devices.device(event.unit.rawValue, visibleTo: caller).role
        } catch ManagementError.notFound {
            role = nil
        }
        return event.isAudible(to: name, role)
    }

    /// A unit of which nothing is known is taken for one of the Recommendation, which uses https.
    private static func sendsByHTTPS(_ unit: UnitID, _ store: SQLiteStore) async -> Bool {
        guard let document = try? await store.documents(of: unit)[.capabilities],
            let object = try? JSONObject(parsing: Array(document.body.utf8)),
            let capabilities = try? Capabilities(object)
        else { return true }
        return capabilities.abilities.contains(.pictureUploadHTTPS)
    }
}
