/// One attempt to tell a webhook something.
package struct WebhookDelivery: Sendable, Equatable {
    package var at: WallTime
    /// Nil: somebody only tried it.
    package var event: EventID?
    /// 1 for the first time that this event was sent.
    package var attempt: Int
    /// Until the receiver's status was there, or the attempt was given up.
    package var duration: Duration
    /// Of HTTP; nil where no answer came.
    package var status: Int?
    /// Nil: it arrived.
    package var error: String?

    package init(
        at: WallTime,
        event: EventID?,
        attempt: Int,
        duration: Duration,
        status: Int?,
        error: String?
    ) {
        self.at = at
        self.event = event
        self.attempt = attempt
        self.duration = duration
        self.status = status
        self.error = error
    }
}
