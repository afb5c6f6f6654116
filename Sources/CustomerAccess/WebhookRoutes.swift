import Bus
import HSSModel
import Hummingbird
import ServerKit

extension CustomerAPI {
    /// Places of the caller's own that hear the events of devices which the caller may see. An operator sees, removes
    /// and resumes those of everybody.
    func addWebhookRoutes(to api: RouterGroup<PlatformContext>) {
        api.post("webhooks") { request, context in
            let caller = try context.caller()
            let body = try await decode(NewWebhookBody.self, from: request)
            return try await answering {
                let kinds = try (body.kinds ?? []).map { name in
                    guard let kind = EventKind(rawValue: name) else {
                        let known = EventKind.allCases.map(\.rawValue).joined(separator: ", ")
                        throw ManagementError.invalid(field: "kinds", "expected some of \(known)")
                    }
                    return kind
                }
                let made = try await activity.webhooks.addWebhook(
                    body.url,
                    kinds: EventKind.allCases.filter(kinds.contains),
                    for: caller.user
                )
                return try JSONBody.answer(WebhookBody(made.webhook, secret: made.secret), .created)
            }
        }
        api.get("webhooks") { _, context in
            let owner = Self.owner(try context.caller())
            return try await answering {
                let webhooks = try await activity.webhooks.webhooks(of: owner)
                let items = webhooks.map { WebhookBody($0) }
                return try JSONBody.answer(PageBody(items: items, nextCursor: nil))
            }
        }
        api.delete("webhooks/:webhook") { _, context in
            let owner = Self.owner(try context.caller())
            return try await answering {
                try await activity.webhooks.removeWebhook(try webhook(context), of: owner)
                return Response(status: .noContent)
            }
        }
        api.post("webhooks/:webhook/resume") { _, context in
            let owner = Self.owner(try context.caller())
            return try await answering {
                try await activity.webhooks.resumeWebhook(try webhook(context), of: owner)
                return Response(status: .noContent)
            }
        }
    }

    /// What was sent to one, and a way to try it.
    func addWebhookTrialRoutes(to api: RouterGroup<PlatformContext>) {
        api.get("webhooks/:webhook/deliveries") { _, context in
            let owner = Self.owner(try context.caller())
            return try await answering {
                let deliveries = try await activity.webhooks.deliveries(to: try webhook(context), of: owner)
                let items = deliveries.map { WebhookDeliveryBody($0) }
                return try JSONBody.answer(PageBody(items: items, nextCursor: nil))
            }
        }
        api.post("webhooks/:webhook/test") { _, context in
            let owner = Self.owner(try context.caller())
            return try await answering {
                let delivery = try await activity.webhooks.testWebhook(try webhook(context), of: owner)
                return try JSONBody.answer(WebhookDeliveryBody(delivery))
            }
        }
    }

    /// Nil: of everybody.
    private static func owner(_ caller: Principal) -> UserName? {
        caller.role == .operator ? nil : caller.user
    }

    private func webhook(_ context: PlatformContext) throws -> WebhookID {
        let text = try context.parameters.require("webhook")
        guard let id = WebhookID(rawValue: text) else {
            throw ManagementError.notFound("webhook \(text.prefix(8))")
        }
        return id
    }
}

struct NewWebhookBody: Decodable {
    var url: String
    var kinds: [String]?
}

struct WebhookBody: Encodable {
    var webhookId: String
    var user: String
    var url: String
    /// Empty: all.
    var kinds: [String]
    var createdAt: String
    /// The last event that is done of every unit.
    var deliveredThrough: Int64
    /// Absent while it works; else why nothing is sent.
    var parkedReason: String?
    var parkedAt: String?
    /// Devices of which an event is not taken; left out where there are none.
    var setAside: [SetAsideBody]?
    /// Shown once.
    var secret: String?

    init(_ webhook: WebhookRecord, secret: Secret? = nil) {
        webhookId = webhook.id.rawValue
        user = webhook.owner.rawValue
        url = webhook.url
        kinds = webhook.kinds.map(\.rawValue)
        createdAt = webhook.createdAt.rfc3339
        deliveredThrough = webhook.deliveredThrough.rawValue
        parkedReason = webhook.parking?.reason
        parkedAt = webhook.parking?.at.rfc3339
        setAside = webhook.laggards.isEmpty ? nil : webhook.laggards.map { SetAsideBody($0) }
        self.secret = secret?.reveal()
    }
}

/// A device of which a webhook does not take an event.
struct SetAsideBody: Encodable {
    var deviceId: String
    /// The first that is not delivered.
    var eventId: Int64
    var attempts: Int
    var reason: String
    var since: String
    /// Absent: given up until the webhook is resumed.
    var retryAt: String?

    init(_ laggard: WebhookLaggard) {
        deviceId = laggard.unit.rawValue
        eventId = laggard.event.rawValue
        attempts = laggard.attempts
        reason = laggard.reason
        since = laggard.since.rfc3339
        retryAt = laggard.retryAt?.rfc3339
    }
}

/// One attempt to tell a webhook something.
struct WebhookDeliveryBody: Encodable {
    var at: String
    /// Absent: a test.
    var eventId: Int64?
    var delivered: Bool
    /// Absent where the receiver did not answer.
    var status: Int?
    var durationMs: Int64
    var attempt: Int
    var error: String?

    init(_ delivery: WebhookDelivery) {
        at = delivery.at.rfc3339Exact
        eventId = delivery.event?.rawValue
        delivered = delivery.error == nil
        status = delivery.status
        durationMs = delivery.duration.wholeMilliseconds
        attempt = delivery.attempt
        error = delivery.error
    }
}
