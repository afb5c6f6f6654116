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
