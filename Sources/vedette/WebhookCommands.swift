import ArgumentParser
import CustomerUnit

extension CustomerCommand {
    struct Webhooks: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have events sent to an address of yours.",
            subcommands: [
                List.self, Add.self, Remove.self, Resume.self, Deliveries.self, Test.self,
            ],
            defaultSubcommand: List.self
        )
    }
}

extension CustomerCommand.Webhooks {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List your webhooks and how they do.")

        @OptionGroup var session: SessionOptions

        func run() async throws {
            let page: Page<WebhookAnswer> = try await session.withClient {
                try await $0.call(.get, "/webhooks")
            }
            guard !session.json else { return try Terminal.printJSON(page.items) }
            guard !page.items.isEmpty else {
                return print("None: 'vedette cu webhooks add URL' makes one.")
            }
            Terminal.printTable(
                ["WEBHOOK", "USER", "EVENTS", "STATE", "ADDRESS"],
                page.items.map { hook in
                    [
                        hook.webhookId, hook.user,
                        hook.kinds.isEmpty ? "all" : hook.kinds.joined(separator: ","),
                        hook.parkedReason.map { "parked: \($0)" }
                            ?? hook.setAside.map { "\($0.count) devices set aside" } ?? "works",
                        hook.url,
                    ]
                }
            )
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a webhook; the secret that signs its deliveries is shown once.",
            discussion: "How to check a signature: docs/api.md, Webhooks."
        )

        @Argument(help: "Address, https://….") var url: String
        @Option(name: .long, help: "Kinds of events, such as alarm,battery; without it all.")
        var kinds: String?
        @OptionGroup var session: SessionOptions

        private struct Order: Codable, Sendable {
            var url: String
            var kinds: [String]?
        }

        func run() async throws {
            let order = Order(url: url, kinds: kinds?.split(separator: ",").map(String.init))
            let hook: WebhookAnswer = try await session.withClient {
                try await $0.call(.post, "/webhooks", sending: order)
            }
            guard !session.json else { return try Terminal.printJSON(hook) }
            print("\(hook.webhookId) is told from now on.")
            print("Secret, shown only now: \(hook.secret ?? "-")")
            print("'vedette cu webhooks test \(hook.webhookId)' tries it.")
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a webhook.")

        @Argument(help: "Name of the webhook, as the list has it.") var webhook: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.delete, "/webhooks/\(webhook)")
            }
            if !session.json { print("\(webhook) is told nothing any more.") }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a webhook that was parked go on where it stopped."
        )

        @Argument(help: "Name of the webhook, as the list has it.") var webhook: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.post, "/webhooks/\(webhook)/resume")
            }
            if !session.json { print("\(webhook) goes on.") }
        }
    }

    struct Deliveries: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List what was sent to a webhook lately, newest first.",
            discussion: "The last 50 attempts since the platform started."
        )

        @Argument(help: "Name of the webhook, as the list has it.") var webhook: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let page: Page<WebhookDeliveryAnswer> = try await session.withClient {
                try await $0.call(.get, "/webhooks/\(webhook)/deliveries")
            }
            guard !session.json else { return try Terminal.printJSON(page.items) }
            guard !page.items.isEmpty else {
                return print("Nothing yet: 'vedette cu webhooks test \(webhook)' tries it.")
            }
            Terminal.printTable(
                ["TIME", "EVENT", "ATTEMPT", "STATUS", "MS", "RESULT"],
                page.items.map {
                    [
                        $0.at, $0.eventId.map { "\($0)" } ?? "test", "\($0.attempt)",
                        $0.status.map { "\($0)" } ?? "-", "\($0.durationMs)", $0.error ?? "delivered",
                    ]
                }
            )
        }
    }

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send a webhook something that is no event, and tell what came of it.",
            discussion: "Exit status 1 where it did not arrive."
        )

        @Argument(help: "Name of the webhook, as the list has it.") var webhook: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let delivery: WebhookDeliveryAnswer = try await session.withClient {
                try await $0.call(.post, "/webhooks/\(webhook)/test")
            }
            if session.json { try Terminal.printJSON(delivery) }
            if let error = delivery.error { throw Failure("it did not arrive: \(error)") }
            guard !session.json else { return }
            print("It arrived: status \(delivery.status ?? 0) in \(delivery.durationMs) ms.")
        }
    }
}

private struct WebhookAnswer: Codable, Sendable {
    struct SetAside: Codable, Sendable {
        var deviceId: String
        var eventId: Int64
        var attempts: Int
        var reason: String
        var since: String
        var retryAt: String?
    }

    var webhookId: String
    var user: String
    var url: String
    var kinds: [String]
    var createdAt: String
    var deliveredThrough: Int64
    var parkedReason: String?
    var parkedAt: String?
    var setAside: [SetAside]?
    var secret: String?
}

private struct WebhookDeliveryAnswer: Codable, Sendable {
    var at: String
    var eventId: Int64?
    var delivered: Bool
    var status: Int?
    var durationMs: Int64
    var attempt: Int
    var error: String?
}
