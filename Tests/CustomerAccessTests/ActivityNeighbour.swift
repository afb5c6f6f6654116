import Bus
import HSSModel
import Synchronization

/// What is kept of units, as the test wants it.
final class ActivityNeighbour: UploadPoint, AlarmPoint, EventPoint, WebhookPoint, BatteryPoint {
    private struct State {
        var webhooks: [WebhookRecord] = []

        var alarms: [AlarmRecord] = []
        var queries: [AlarmQuery] = []
        var events: [PlatformEvent] = []
        var pictures: [String: [UInt8]] = [:]
        /// Newest first.
        var batteries: [UnitID: [BatteryEntry]] = [:]
        var batteryQueries: [BatteryQuery] = []
        var failure: ActivityError?
        var bells: [AsyncStream<Void>.Continuation] = []
    }

    private let state = Mutex(State())

    var batteryQueries: [BatteryQuery] { state.withLock { $0.batteryQueries } }

    /// The n-th figure of the unit, one for each second.
    func reports(_ unit: String, _ percents: [Int]) {
        let entries = percents.enumerated().map { index, percent in
            BatteryEntry(
                id: EventID(Int64(index) + 1),
                report: BatteryReport(percent: percent, time: Neighbours.time + .seconds(index))
            )
        }
        state.withLock { $0.batteries[UnitID(unchecked: unit)] = entries.reversed() }
    }

    func batteries(of units: [UnitID]) async throws(ActivityError) -> [UnitID: BatteryReport] {
        state.withLock { state in
            state.batteries.filter { units.contains($0.key) }.compactMapValues { $0.first?.report }
        }
    }

    func batteryHistory(_ query: BatteryQuery) async throws(ActivityError) -> [BatteryEntry] {
        try failIfTold()
        return state.withLock { state in
            state.batteryQueries.append(query)
            let all = state.batteries[query.unit] ?? []
            return Array(all.filter { $0.id < query.after ?? EventID(.max) }.prefix(query.limit))
        }
    }

    var queries: [AlarmQuery] { state.withLock { $0.queries } }
    func fail(_ failure: ActivityError) { state.withLock { $0.failure = failure } }

    func keep(_ alarm: AlarmRecord, picture: [UInt8]? = nil) {
        state.withLock {
            $0.alarms.append(alarm)
            $0.pictures[alarm.id.rawValue] = picture
        }
    }

    func add(_ event: NewEvent) {
        let bells = state.withLock {
            $0.events.append(PlatformEvent(id: EventID(Int64($0.events.count) + 1), event: event))
            return $0.bells
        }
        for bell in bells { bell.yield() }
    }

    private func failIfTold() throws(ActivityError) {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    func address(
        for purpose: UploadPurpose,
        of unit: UnitID,
        channel: Int?,
        reference: String?,
        https: Bool
    ) async throws(ActivityError) -> UploadAddress {
        throw .unavailable("not asked for here")
    }

    func content(of upload: UploadID, within limit: Duration) async throws(ActivityError) -> StoredContent {
        throw .nothingCame(after: limit)
    }

    func content(for reference: String) async throws(ActivityError) -> StoredContent {
        guard let bytes = state.withLock({ $0.pictures[reference] }) else {
            throw .notFound("a picture or log")
        }
        return StoredContent(
            type: "image/jpeg",
            size: Int64(bytes.count),
            sha256: "abc",
            storedAt: Neighbours.time
        ) { offset, count throws(ActivityError) in
            Array(bytes.dropFirst(Int(offset)).prefix(count))
        }
    }

    func alarms(_ query: AlarmQuery) async throws(ActivityError) -> [AlarmRecord] {
        try failIfTold()
        return state.withLock { state in
            state.queries.append(query)
            let later = state.alarms.drop { query.after != nil && $0.id != query.after }
            return Array((query.after == nil ? later : later.dropFirst()).prefix(query.limit))
        }
    }

    func alarm(_ id: AlarmID) async throws(ActivityError) -> AlarmRecord {
        guard let alarm = state.withLock({ $0.alarms.first { $0.id == id } }) else {
            throw .notFound("alarm \(id)")
        }
        return alarm
    }

    func addWebhook(
        _ url: String,
        kinds: [EventKind],
        for owner: UserName
    ) async throws(ActivityError) -> NewWebhook {
        guard url.hasPrefix("https://") else { throw .invalid("url", "expected https") }
        let webhook = WebhookRecord(
            id: WebhookID(unchecked: "hook-\(owner)"),
            owner: owner,
            url: url,
            kinds: kinds,
            createdAt: Neighbours.time,
            deliveredThrough: EventID(7)
        )
        state.withLock { $0.webhooks.append(webhook) }
        return NewWebhook(webhook: webhook, secret: Secret("signs"))
    }

    /// A unit is set aside on every webhook.
    func setAside(_ laggard: WebhookLaggard) {
        state.withLock { state in
            for index in state.webhooks.indices { state.webhooks[index].laggards.append(laggard) }
        }
    }

    func webhooks(of owner: UserName?) async throws(ActivityError) -> [WebhookRecord] {
        state.withLock { $0.webhooks.filter { owner == nil || $0.owner == owner } }
    }

    func removeWebhook(_ id: WebhookID, of owner: UserName?) async throws(ActivityError) {
        guard try await webhooks(of: owner).contains(where: { $0.id == id }) else {
            throw .notFound("webhook \(id)")
        }
        state.withLock { $0.webhooks.removeAll { $0.id == id } }
    }

    func park(_ reason: String) {
        state.withLock {
            for index in $0.webhooks.indices {
                $0.webhooks[index].parking = .init(reason: reason, at: Neighbours.time)
            }
        }
    }

    func resumeWebhook(_ id: WebhookID, of owner: UserName?) async throws(ActivityError) {
        guard try await webhooks(of: owner).contains(where: { $0.id == id }) else {
            throw .notFound("webhook \(id)")
        }
        state.withLock { for index in $0.webhooks.indices { $0.webhooks[index].parking = nil } }
    }

    func deliveries(to id: WebhookID, of owner: UserName?) async throws(ActivityError) -> [WebhookDelivery] {
        guard try await webhooks(of: owner).contains(where: { $0.id == id }) else {
            throw .notFound("webhook \(id)")
        }
        let refused = "the receiver answered 500"
        return [Self.delivery(2, status: 204, error: nil), Self.delivery(1, status: 500, error: refused)]
    }

    func testWebhook(_ id: WebhookID, of owner: UserName?) async throws(ActivityError) -> WebhookDelivery {
        guard try await webhooks(of: owner).contains(where: { $0.id == id }) else {
            throw .notFound("webhook \(id)")
        }
        return WebhookDelivery(
            at: Neighbours.time,
            event: nil,
            attempt: 1,
            duration: .milliseconds(12),
            status: nil,
            error: "the receiver cannot be reached"
        )
    }

    private static func delivery(_ attempt: Int, status: Int, error: String?) -> WebhookDelivery {
        WebhookDelivery(
            at: Neighbours.time,
            event: EventID(7),
            attempt: attempt,
            duration: .milliseconds(12),
            status: status,
            error: error
        )
    }

    func events(after: EventID, limit: Int) async throws(ActivityError) -> [PlatformEvent] {
        state.withLock { Array($0.events.filter { $0.id > after }.prefix(limit)) }
    }

    func newestEvent() async throws(ActivityError) -> EventID {
        state.withLock { $0.events.last?.id ?? .none }
    }

    func bell() throws(ActivityError) -> AsyncStream<Void> {
        try failIfTold()
        let (stream, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.bells.append(bell) }
        return stream
    }
}
