package import HSSModel

/// The event log of the platform: what happened to units, in one order.
package protocol EventStore: Sendable {
    /// `notFound` for a unit that is not enrolled.
    func add(_ event: NewEvent) async throws(StoreError) -> EventID

    /// Events after `after`, oldest first; with `unit`, only its own.
    func events(
        after: EventID,
        of unit: UnitID?,
        limit: Int
    ) async throws(StoreError) -> [PlatformEvent]

    /// ``EventID/none`` where none was ever written.
    func newestEvent() async throws(StoreError) -> EventID

    /// Drops events older than `time` and all but the newest `most`, at most `limit` in one call. Returns how
    /// many it dropped.
    func dropEvents(before time: WallTime, keeping most: Int, limit: Int) async throws(StoreError) -> Int
}

/// Webhooks and how far each has come. Every call is one transaction.
package protocol WebhookStore: Sendable {
    /// False where its owner has `limit` already. It starts behind the newest event.
    func add(_ webhook: WebhookRecord, limit: Int) async throws(StoreError) -> Bool

    /// Ordered by name; with `owner`, only those of that user. `notFound` of a user who is gone never arises.
    func webhooks(owner: UserName?) async throws(StoreError) -> [WebhookRecord]

    /// False where there is none, or with `owner` it belongs to somebody else.
    func removeWebhook(_ id: WebhookID, owner: UserName?) async throws(StoreError) -> Bool

    /// Nil parking sets it going again, from where it stopped, and units that were given up with it. False as for ``removeWebhook(_:owner:)``.
    func park(
        _ id: WebhookID,
        owner: UserName?,
        _ parking: WebhookRecord.Parking?
    ) async throws(StoreError) -> Bool

    /// The last delivered event of each unit, where that is later than `deliveredThrough`.
    func webhookCursors(_ id: WebhookID) async throws(StoreError) -> [UnitID: EventID]

    /// Units that are set aside.
    func laggards(_ id: WebhookID) async throws(StoreError) -> [UnitID: WebhookLaggard]

    /// Sets a unit aside, or notes another attempt; `since` stays that of the first time. Nothing happens where the
    /// webhook or the unit is gone.
    func setAside(_ laggard: WebhookLaggard, of id: WebhookID) async throws(StoreError)

    /// Goes back to where these units stopped; what the others were told since then is not told again. They stay set
    /// aside until ``caughtUp(_:of:)``.
    func recall(_ units: [WebhookLaggard], of id: WebhookID) async throws(StoreError)

    /// The event of the laggard was delivered.
    func caughtUp(_ unit: UnitID, of id: WebhookID) async throws(StoreError)

    /// Notes deliveries. Cursors that `through` has overtaken go.
    func advance(
        _ id: WebhookID,
        cursors: [UnitID: EventID],
        through: EventID
    ) async throws(StoreError)
}

/// What units report and send.
package typealias ActivityStore = UploadStore & AlarmStore & EventStore & WebhookStore

/// Everything that the platform keeps.
package typealias PlatformStore = CentreStore & ActivityStore & UnitDocumentStore & PresenceStore
    & BatteryStore & MoveStore & UsageStore & ChannelSettingStore & RecordSessionStore & SegmentStore
    & RetentionStore & RecordingSettingsStore & AuditStore
