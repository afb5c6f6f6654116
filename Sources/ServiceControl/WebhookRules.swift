import Crypto
package import HSSModel
package import NIOSSL

/// What the configuration says of webhooks.
package struct WebhookSettings: Sendable {
    /// Plain http, and hosts in private networks (`webhooks.allow_http`, `webhooks.allow_private`).
    package var allowsHTTP: Bool
    package var allowsPrivate: Bool
    /// Of one user (`limits.webhooks_per_user`).
    package var perUser: Int
    /// The wait before the second attempt; each further one doubles it, up to ``longestPause``.
    package var firstPause = Duration.seconds(1)
    package var longestPause = Duration.seconds(900)
    /// Attempts in a row for one event until its unit, or the webhook, is parked: with the pauses above two to three hours.
    package var attempts = 18
    /// After so many of them the unit is set aside and tried again by itself, where the receiver takes those of others.
    package var attemptsInPlace = 6
    /// Units set aside while the receiver takes nothing at all: one of them may be what it cannot take.
    package var mostUnproven = 4
    /// How often units that were set aside are looked at.
    package var laggardInterval = Duration.seconds(1)
    /// For the connection and the answer of one delivery.
    package var timeout = Duration.seconds(10)
    /// Trusted beside the authorities of the system (`webhooks.ca`).
    package var authorities: [NIOSSLCertificate] = []
    /// Units whose events are on their way to one webhook at a time.
    package var unitsAtOnce = 8

    package init(allowsHTTP: Bool = false, allowsPrivate: Bool = false, perUser: Int = 10) {
        self.allowsHTTP = allowsHTTP
        self.allowsPrivate = allowsPrivate
        self.perUser = perUser
    }

    /// Between half and all of the doubled pause, so that many webhooks do not come back together.
    package func pause(
        afterAttempt attempt: Int,
        using random: inout some RandomNumberGenerator
    ) -> Duration {
        let doubled = firstPause * (1 << min(max(0, attempt - 1), 20))
        return min(doubled, longestPause) * Double.random(in: 0.5...1, using: &random)
    }
}

/// The signature of a delivery, as docs/api.md tells receivers to check it.
package enum WebhookSignature {
    /// `t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>" in hexadecimal>`.
    package static func header(_ body: [UInt8], at time: WallTime, secret: Secret) -> String {
        let seconds = String(time.seconds)
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(seconds.utf8) + [UInt8(ascii: ".")] + body,
            using: SymmetricKey(data: Array(secret.reveal().utf8))
        )
        let text = code.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        return "t=\(seconds),v1=\(text)"
    }
}
