import Bus
import HSSModel

/// Nothing is kept of units: for tests of other things.
struct NoActivity: UploadPoint, AlarmPoint, EventPoint, WebhookPoint, BatteryPoint {
    static let point = Activity(
        uploads: NoActivity(),
        alarms: NoActivity(),
        events: NoActivity(),
        webhooks: NoActivity(),
        batteries: NoActivity()
    )

    func batteries(of units: [UnitID]) async throws(ActivityError) -> [UnitID: BatteryReport] { [:] }
    func batteryHistory(_ query: BatteryQuery) async throws(ActivityError) -> [BatteryEntry] { [] }

    func address(
        for purpose: UploadPurpose,
        of unit: UnitID,
        channel: Int?,
        reference: String?,
        https: Bool
    ) async throws(ActivityError) -> UploadAddress { throw .unavailable("not in this test") }

    func content(of upload: UploadID, within limit: Duration) async throws(ActivityError) -> StoredContent {
        throw .notFound("upload \(upload)")
    }

    func content(for reference: String) async throws(ActivityError) -> StoredContent {
        throw .notFound("a picture or log")
    }

    func alarms(_ query: AlarmQuery) async throws(ActivityError) -> [AlarmRecord] { [] }
    func alarm(_ id: AlarmID) async throws(ActivityError) -> AlarmRecord { throw .notFound("alarm \(id)") }
    func events(after: EventID, limit: Int) async throws(ActivityError) -> [PlatformEvent] { [] }
    func addWebhook(
        _ url: String,
        kinds: [EventKind],
        for owner: UserName
    ) async throws(ActivityError) -> NewWebhook { throw .unavailable("not in this test") }

    func webhooks(of owner: UserName?) async throws(ActivityError) -> [WebhookRecord] { [] }
    func removeWebhook(_ id: WebhookID, of owner: UserName?) async throws(ActivityError) {}
    func resumeWebhook(_ id: WebhookID, of owner: UserName?) async throws(ActivityError) {}
    func deliveries(to id: WebhookID, of owner: UserName?) async throws(ActivityError) -> [WebhookDelivery] {
        []
    }
    func testWebhook(_ id: WebhookID, of owner: UserName?) async throws(ActivityError) -> WebhookDelivery {
        throw .unavailable("not in this test")
    }
    func newestEvent() async throws(ActivityError) -> EventID { .none }
    func bell() throws(ActivityError) -> AsyncStream<Void> { AsyncStream { $0.finish() } }
}
