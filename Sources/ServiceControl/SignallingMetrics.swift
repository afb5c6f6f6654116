import ServerKit
import Vd

/// Figures of Vd.
struct SignallingMetrics: Sendable {
    let connections: Gauge
    let loginsAccepted: Counter
    let loginsRefused: Counter
    let loginsLockedOut: Counter
    let loginsFailed: Counter
    let loginsTooMany: Counter
    let loginsBusy: Counter
    let received: Counter
    let sent: Counter
    let heartbeats: Counter
    let unknownEvents: Counter
    let binds: Counter
    let bindsRefused: Counter
    private let closes: [String: Counter]

    init(_ registry: MetricRegistry) {
        connections = registry.gauge("vedette_vd_connections", "Units connected over Vd.")
        func login(_ outcome: String) -> Counter {
            registry.counter(
                "vedette_vd_logins_total",
                "Vd logins by outcome.",
                labels: [("outcome", outcome)]
            )
        }
        loginsAccepted = login("accepted")
        loginsRefused = login("refused")
        loginsLockedOut = login("locked_out")
        loginsFailed = login("unavailable")
        loginsTooMany = login("too_many_units")
        loginsBusy = login("busy")
        func messages(_ direction: String) -> Counter {
            registry.counter(
                "vedette_vd_messages_total",
                "Vd messages by direction.",
                labels: [("direction", direction)]
            )
        }
        received = messages("in")
        sent = messages("out")
        heartbeats = registry.counter("vedette_vd_heartbeats_total", "Keepalive messages answered.")
        unknownEvents = registry.counter(
            "vedette_vd_events_ignored_total",
            "Events of units that are unknown or malformed."
        )
        binds = registry.counter(
            "vedette_vd_binds_total",
            "Bind codes reported, by outcome.",
            labels: [("outcome", "bound")]
        )
        bindsRefused = registry.counter(
            "vedette_vd_binds_total",
            "Bind codes reported, by outcome.",
            labels: [("outcome", "refused")]
        )
        closes = Dictionary(
            uniqueKeysWithValues: CloseReason.kinds.map { kind in
                (
                    kind,
                    registry.counter(
                        "vedette_vd_closes_total",
                        "Ended Vd connections by reason.",
                        labels: [("reason", kind)]
                    )
                )
            }
        )
    }

    func closed(_ reason: CloseReason) {
        closes[reason.kind]?.add()
    }
}

extension CloseReason {
    static let kinds = [
        "malformed", "unexpected_answer", "unanswered", "too_many_requests", "peer", "platform",
    ]

    var kind: String {
        switch self {
        case .malformed: "malformed"
        case .unexpectedAnswer: "unexpected_answer"
        case .unanswered: "unanswered"
        case .tooManyRequests: "too_many_requests"
        case .peerGone: "peer"
        case .local: "platform"
        }
    }
}
