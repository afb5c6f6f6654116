import ServerKit

/// Figures of the registry, for operators.
struct RegistryMetrics {
    struct Logins {
        let accepted: Counter
        let refused: Counter
        let locked: Counter
        let unavailable: Counter

        fileprivate init(_ registry: MetricRegistry, who: String) {
            func counter(_ outcome: String) -> Counter {
                registry.counter(
                    "vedette_logins_total",
                    "Logins of units and users by outcome.",
                    labels: [("who", who), ("outcome", outcome)]
                )
            }
            accepted = counter("accepted")
            refused = counter("refused")
            locked = counter("locked")
            unavailable = counter("unavailable")
        }
    }

    let units: Logins
    /// Signed logins that were right and not of now, or were there before: a clock, or somebody with a captured address.
    let lateSignatures: Counter
    let replayedSignatures: Counter
    let users: Logins
    let sessions: Gauge
    let devices: Gauge
    /// Old refresh tokens that came again: each a copied token or a client that lost an answer.
    let reusedTokens: Counter
    let bindings: Counter
    let refusedBindings: Counter

    init(_ registry: MetricRegistry) {
        units = Logins(registry, who: "unit")
        users = Logins(registry, who: "user")
        func signature(_ reason: String) -> Counter {
            registry.counter(
                "vedette_unit_signatures_refused_total",
                "Signed logins of units whose signature was right, by the reason of their refusal.",
                labels: [("reason", reason)]
            )
        }
        lateSignatures = signature("time")
        replayedSignatures = signature("replay")
        sessions = registry.gauge("vedette_user_sessions", "Sessions of users that have not expired.")
        devices = registry.gauge("vedette_devices", "Devices in the registry.")
        reusedTokens = registry.counter(
            "vedette_refresh_tokens_reused_total",
            "Sessions closed because an old refresh token came again."
        )
        bindings = registry.counter(
            "vedette_bindings_total",
            "Bind codes by outcome.",
            labels: [("outcome", "bound")]
        )
        refusedBindings = registry.counter(
            "vedette_bindings_total",
            "Bind codes by outcome.",
            labels: [("outcome", "refused")]
        )
    }
}
