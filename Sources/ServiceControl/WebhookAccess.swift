package import Bus
package import HSSModel
import HostClock
import ServerKit
import Store

/// Webhooks as their owners handle them.
extension WebhookDispatcher: WebhookPoint {
    /// Units set aside that are shown of one webhook, the longest waiting first.
    private static let mostShown = 100

    package func addWebhook(
        _ url: String,
        kinds: [EventKind],
        for owner: UserName
    ) async throws(ActivityError) -> NewWebhook {
        if let objection = WebhookClient.objection(to: url, settings) { throw .invalid("url", objection) }
        let id = WebhookID(unchecked: UploadKey.freshName())
        let webhook = WebhookRecord(
            id: id,
            owner: owner,
            url: url,
            kinds: kinds,
            createdAt: .now,
            deliveredThrough: .none
        )
        do throws(StoreError) {
            guard try await store.add(webhook, limit: settings.perUser) else {
                throw .conflict("webhooks of user \(owner)")
            }
        } catch {
            if case .conflict(let limit) = error { throw .limit(limit) }
            throw ActivityError(error)
        }
        look()
        return NewWebhook(webhook: webhook, secret: key.secret(of: id))
    }

    package func webhooks(of owner: UserName?) async throws(ActivityError) -> [WebhookRecord] {
        do throws(StoreError) {
            var webhooks = try await store.webhooks(owner: owner)
            for index in webhooks.indices {
                let laggards = try await store.laggards(webhooks[index].id).values
                webhooks[index].laggards = Array(
                    laggards.sorted { $0.since < $1.since }.prefix(Self.mostShown)
                )
            }
            return webhooks
        } catch {
            throw ActivityError(error)
        }
    }

    package func removeWebhook(_ id: WebhookID, of owner: UserName?) async throws(ActivityError) {
        do throws(StoreError) {
            guard try await store.removeWebhook(id, owner: owner) else { throw .notFound("webhook \(id)") }
        } catch {
            throw ActivityError(error)
        }
        forgetAttempts(of: id)
    }

    package func resumeWebhook(_ id: WebhookID, of owner: UserName?) async throws(ActivityError) {
        do throws(StoreError) {
            guard try await store.park(id, owner: owner, nil) else { throw .notFound("webhook \(id)") }
        } catch {
            throw ActivityError(error)
        }
        // Where it was never parked, units that were given up are taken up again.
        note(true, id)
        look()
    }

    package func deliveries(
        to id: WebhookID,
        of owner: UserName?
    ) async throws(ActivityError) -> [WebhookDelivery] {
        attempts(of: try await webhook(id, of: owner).id)
    }

    package func testWebhook(
        _ id: WebhookID,
        of owner: UserName?
    ) async throws(ActivityError) -> WebhookDelivery {
        let webhook = try await webhook(id, of: owner)
        let body =
            "{\"event_id\":0,\"time\":\"\(WallTime.now.rfc3339Exact)\",\"kind\":\"test\",\"detail\":{}}"
        guard let delivery = await test(webhook, Array(body.utf8)) else {
            throw .busy("tests of webhooks on their way")
        }
        return delivery
    }

    private func webhook(_ id: WebhookID, of owner: UserName?) async throws(ActivityError) -> WebhookRecord {
        do throws(StoreError) {
            guard let found = try await store.webhooks(owner: owner).first(where: { $0.id == id }) else {
                throw .notFound("webhook \(id)")
            }
            return found
        } catch {
            throw ActivityError(error)
        }
    }
}
