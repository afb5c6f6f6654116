/// One customer's wait for a picture; never travels.
package struct LiveRequestID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// Why a customer who asked for a picture gets none.
package enum LiveFailure: Error, Equatable, Sendable {
    case unitOffline
    /// The unit sleeps and did not wake in time.
    case unitAsleep
    /// The unit answered `PushLive` with an error (Table I.2-12).
    case refused(code: Int, message: String)
    /// The unit did not answer, or did not come back in time.
    case unitSilent
    /// The unit agreed, but no stream arrived.
    case noPublish
    case media(String)
    /// The right to watch was taken away meanwhile.
    case withdrawn
    /// Too many wait for this channel, or hold leases on it.
    case busy
}
