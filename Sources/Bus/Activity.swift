package import HSSModel

// What came from units and is kept: uploads, alarms, events. Whoever calls has checked the right to do so.

package enum ActivityError: Error, Equatable, CustomStringConvertible {
    case notFound(String)
    /// Nothing came in time.
    case nothingCame(after: Duration)
    /// At a limit of addresses, waits or subscribers.
    case busy(String)
    /// As many as one user may have.
    case limit(String)
    case unavailable(String)
    /// A value breaks a rule: which field, and what is allowed.
    case invalid(String, String)

    package var description: String {
        switch self {
        case .notFound(let what): "\(what) does not exist"
        case .nothingCame(let delay): "nothing came within \(Int(delay.inSeconds.rounded())) s"
        case .busy(let limit), .limit(let limit): "at a limit: \(limit)"
        case .unavailable(let reason): "what is kept is not available: \(reason)"
        case .invalid(let field, let rule): "\(field): \(rule)"
        }
    }
}

/// Where a unit may `PUT` one thing, once.
package struct UploadAddress: Sendable, Equatable {
    package var id: UploadID
    package var url: Secret
    package var expiresAt: WallTime

    package init(id: UploadID, url: Secret, expiresAt: WallTime) {
        self.id = id
        self.url = url
        self.expiresAt = expiresAt
    }
}

/// Something that a unit sent.
package struct StoredContent: Sendable {
    package typealias Read =
        @Sendable (_ offset: Int64, _ count: Int) async throws(ActivityError) -> [UInt8]

    /// `image/jpeg`, or `application/octet-stream` for a log.
    package var type: String
    /// In bytes.
    package var size: Int64
    /// Lower-case hexadecimal.
    package var sha256: String
    package var storedAt: WallTime
    /// At most `count` bytes from `offset` on; fewer only at the end.
    package var read: Read

    package init(
        type: String,
        size: Int64,
        sha256: String,
        storedAt: WallTime,
        read: @escaping Read
    ) {
        self.type = type
        self.size = size
        self.sha256 = sha256
        self.storedAt = storedAt
        self.read = read
    }
}

/// Uploads of units.
package protocol UploadPoint: Sendable {
    /// An address for `unit`. With `https` false it is a plain one, where the configuration has such a port:
    /// for units whose capability `*_https` says that they cannot.
    func address(
        for purpose: UploadPurpose,
        of unit: UnitID,
        channel: Int?,
        reference: String?,
        https: Bool
    ) async throws(ActivityError) -> UploadAddress

    /// What comes to this address, at the latest after `limit`. Cancelling the task gives the wait up.
    func content(of upload: UploadID, within limit: Duration) async throws(ActivityError) -> StoredContent

    /// The newest content for a reference: a log task, an alarm.
    func content(for reference: String) async throws(ActivityError) -> StoredContent
}

/// Alarms of units and their history.
package protocol AlarmPoint: Sendable {
    func alarms(_ query: AlarmQuery) async throws(ActivityError) -> [AlarmRecord]
    func alarm(_ id: AlarmID) async throws(ActivityError) -> AlarmRecord
}

/// The event log.
package protocol EventPoint: Sendable {
    /// Oldest first.
    func events(after: EventID, limit: Int) async throws(ActivityError) -> [PlatformEvent]
    func newestEvent() async throws(ActivityError) -> EventID
    /// Rings when there are new events, also for several at once. `busy` beyond the limit of subscribers.
    func bell() throws(ActivityError) -> AsyncStream<Void>
}

package struct NewWebhook: Sendable {
    package var webhook: WebhookRecord
    /// With which its deliveries are signed; shown once.
    package var secret: Secret

    package init(webhook: WebhookRecord, secret: Secret) {
        self.webhook = webhook
        self.secret = secret
    }
}

/// Places of somebody else that hear events. Where an owner is nil, webhooks of everybody are meant: for operators.
package protocol WebhookPoint: Sendable {
    /// Without kinds it hears all events of devices that its owner may see, from now on.
    func addWebhook(
        _ url: String,
        kinds: [EventKind],
        for owner: UserName
    ) async throws(ActivityError) -> NewWebhook
    func webhooks(of owner: UserName?) async throws(ActivityError) -> [WebhookRecord]
    func removeWebhook(_ id: WebhookID, of owner: UserName?) async throws(ActivityError)
    /// Sets one going again that was parked, from where it stopped.
    func resumeWebhook(_ id: WebhookID, of owner: UserName?) async throws(ActivityError)
    /// What was sent to it lately, newest first; a bounded number of this run of the platform.
    func deliveries(
        to id: WebhookID,
        of owner: UserName?
    ) async throws(ActivityError) -> [WebhookDelivery]
    /// Sends it something that is no event, at once and once, and tells what came of it.
    func testWebhook(_ id: WebhookID, of owner: UserName?) async throws(ActivityError) -> WebhookDelivery
}

/// A report of a battery, with its place in the history.
package struct BatteryEntry: Sendable, Equatable {
    package var id: EventID
    package var report: BatteryReport

    package init(id: EventID, report: BatteryReport) {
        self.id = id
        self.report = report
    }
}

/// Batteries of units (`BatteryChange`, Table I.2-27).
package protocol BatteryPoint: Sendable {
    /// The last figure of each of these units that ever told one, also over a restart.
    func batteries(of units: [UnitID]) async throws(ActivityError) -> [UnitID: BatteryReport]
    /// Newest first.
    func batteryHistory(_ query: BatteryQuery) async throws(ActivityError) -> [BatteryEntry]
}

/// What is kept of units, in one hand.
package struct Activity: Sendable {
    package var uploads: any UploadPoint
    package var alarms: any AlarmPoint
    package var events: any EventPoint
    package var webhooks: any WebhookPoint
    package var batteries: any BatteryPoint

    package init(
        uploads: any UploadPoint,
        alarms: any AlarmPoint,
        events: any EventPoint,
        webhooks: any WebhookPoint,
        batteries: any BatteryPoint
    ) {
        self.uploads = uploads
        self.alarms = alarms
        self.events = events
        self.webhooks = webhooks
        self.batteries = batteries
    }
}

/// Where roles write what happened. Best effort: what cannot be written is logged and counted.
package protocol EventSink: Sendable {
    func record(_ event: NewEvent) async
}
