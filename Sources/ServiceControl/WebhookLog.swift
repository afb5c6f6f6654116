package import HSSModel

/// The last attempts to tell each webhook, for whoever looks for what is wrong with a receiver.
///
/// It is forgotten with the process: what counts, how far each webhook has come and why one is parked, is in the store.
package struct WebhookLog {
    /// Attempts that are remembered of one webhook.
    package static let perWebhook = 50
    /// Webhooks of which some are remembered; beyond it those that were told least recently are forgotten.
    package static let mostWebhooks = 2_000

    private var attempts: [WebhookID: [WebhookDelivery]] = [:]

    package init() {}

    /// Newest first.
    package func attempts(of webhook: WebhookID) -> [WebhookDelivery] {
        (attempts[webhook] ?? []).reversed()
    }

    package mutating func add(_ delivery: WebhookDelivery, of webhook: WebhookID) {
        if attempts[webhook] == nil, attempts.count >= Self.mostWebhooks {
            let oldest = attempts.min {
                ($0.value.last?.at ?? delivery.at) < ($1.value.last?.at ?? delivery.at)
            }
            if let oldest { attempts[oldest.key] = nil }
        }
        var known = attempts[webhook] ?? []
        if known.count >= Self.perWebhook { known.removeFirst(known.count - Self.perWebhook + 1) }
        known.append(delivery)
        attempts[webhook] = known
    }

    package mutating func forget(_ webhook: WebhookID) { attempts[webhook] = nil }
}
