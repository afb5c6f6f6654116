/// A place of somebody else that hears events.
package struct WebhookRecord: Sendable, Equatable {
    package struct Parking: Sendable, Equatable {
        package var reason: String
        package var at: WallTime

        package init(reason: String, at: WallTime) {
            self.reason = reason
            self.at = at
        }
    }

    package var id: WebhookID
    package var owner: UserName
    package var url: String
    /// Empty: all.
    package var kinds: [EventKind]
    package var createdAt: WallTime
    /// Every event up to this one is done, of every unit.
    package var deliveredThrough: EventID
    /// Nil while it works.
    package var parking: Parking?
    /// Units that are set aside, where somebody asked for them.
    package var laggards: [WebhookLaggard] = []

    package init(
        id: WebhookID,
        owner: UserName,
        url: String,
        kinds: [EventKind],
        createdAt: WallTime,
        deliveredThrough: EventID,
        parking: Parking? = nil
    ) {
        self.id = id
        self.owner = owner
        self.url = url
        self.kinds = kinds
        self.createdAt = createdAt
        self.deliveredThrough = deliveredThrough
        self.parking = parking
    }
}

/// A unit of which a webhook does not take an event.
package struct WebhookLaggard: Sendable, Equatable {
    package var unit: UnitID
    /// The first that is not delivered.
    package var event: EventID
    package var attempts: Int
    package var reason: String
    /// When it was first set aside.
    package var since: WallTime
    /// Nil: given up until somebody resumes the webhook.
    package var retryAt: WallTime?

    package init(
        unit: UnitID,
        event: EventID,
        attempts: Int,
        reason: String,
        since: WallTime,
        retryAt: WallTime?
    ) {
        self.unit = unit
        self.event = event
        self.attempts = attempts
        self.reason = reason
        self.since = since
        self.retryAt = retryAt
    }
}
