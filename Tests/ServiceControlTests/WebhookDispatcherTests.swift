import Bus
import HSSModel
import HostClock
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import ServerKit
import ServiceControl
import Store
import Synchronization
import Testing

@Suite("Webhooks") struct WebhookDispatcherTests {
    private static let ann = UserName(unchecked: "ann")
    private static let url = "https://hooks.example/x"

    /// A receiver that answers what the test tells it, and remembers what came.
    private final class Receiver: WebhookCarrier {
        private struct State {
            var heard: [(event: Int, unit: String, headers: [String: String], body: [UInt8])] = []
            var outcomes: [Int: [WebhookOutcome]] = [:]
            var otherwise = WebhookOutcome.delivered
            var poison: Int?
        }

        private let state = Mutex(State())

        var events: [Int] { state.withLock { $0.heard.map(\.event) } }
        func events(of unit: String) -> [Int] {
            state.withLock { $0.heard.filter { $0.unit == unit }.map(\.event) }
        }
        var last: (headers: [String: String], body: [UInt8])? {
            state.withLock { $0.heard.last.map { ($0.headers, $0.body) } }
        }

        /// Answers to the next deliveries of one event, before ``otherwise``.
        func answer(_ event: Int, _ outcomes: WebhookOutcome...) {
            state.withLock { $0.outcomes[event] = outcomes }
        }

        /// It fails whenever it comes.
        func poison(_ event: Int?) { state.withLock { $0.poison = event } }
        func answerAll(_ outcome: WebhookOutcome) { state.withLock { $0.otherwise = outcome } }

        func deliver(
            _ body: [UInt8],
            to url: String,
            headers: [(String, String)]
        ) async -> WebhookReply {
            let fields = Dictionary(uniqueKeysWithValues: headers)
            let event = Int(fields["Vedette-Event"] ?? "") ?? 0
            let text = String(decoding: body, as: UTF8.self)
            let unit = text.contains(#""device_id":"den""#) ? "den" : "cam"
            return state.withLock { state in
                state.heard.append((event, unit, fields, body))
                if event == state.poison {
                    return WebhookReply(.failed("the receiver answered 500"), status: 500)
                }
                guard var planned = state.outcomes[event], !planned.isEmpty else {
                    return WebhookReply(state.otherwise, status: 200)
                }
                let outcome = planned.removeFirst()
                state.outcomes[event] = planned
                return WebhookReply(outcome, status: 503)
            }
        }
    }

    private static func with(_ body: (UploadPlatform) async throws -> Void) async throws {
        try await UploadPlatform.with { platform async throws in
            for name in ["ann", "bob"] {
                try await platform.store.add(
                    StoredUser(
                        name: UserName(unchecked: name),
                        role: .customer,
                        disabled: false,
                        passwordHash: Secret("hash"),
                        createdAt: .now
                    )
                )
            }
            try await platform.store.add(
                StoredDevice(
                    unit: UnitID(unchecked: "den"),
                    macIdentity: MACIdentity(unchecked: "mac-den"),
                    name: "Den",
                    channels: [:],
                    passwordHash: Secret("hash"),
                    createdAt: .now
                )
            )
            try await body(platform)
        }
    }

    private static func dispatcher(
        _ platform: UploadPlatform,
        _ receiver: any WebhookCarrier,
        attempts: Int = 5,
        allowsHTTP: Bool = false,
        isVisible: @escaping @Sendable (UnitID, UserName) -> Bool = { _, _ in true }
    ) throws -> WebhookDispatcher {
        var settings = WebhookSettings(allowsHTTP: allowsHTTP, allowsPrivate: allowsHTTP)
        settings.firstPause = .milliseconds(1)
        settings.longestPause = .milliseconds(2)
        settings.attempts = attempts
        settings.laggardInterval = .milliseconds(2)
        return WebhookDispatcher(
            store: platform.store,
            feed: platform.feed,
            carrier: receiver,
            settings: settings,
            key: try #require(UploadKey(Secret(String(repeating: "k", count: 32)))),
            metrics: MetricRegistry(),
            logger: Logger(label: "test"),
            isVisible: { isVisible($0.unit, $1) }
        )
    }

    private static func running(_ dispatcher: WebhookDispatcher, _ body: () async throws -> Void) async throws
    {
        let task = Task { try await dispatcher.run() }
        let outcome = await Result { try await body() }
        task.cancel()
        _ = await task.result
        try outcome.get()
    }

    private static func happen(_ platform: UploadPlatform, _ unit: String, _ kind: EventKind = .online) async
    {
        await platform.feed.record(NewEvent(time: .now, unit: UnitID(unchecked: unit), kind: kind))
    }

    private static func mark(_ platform: UploadPlatform) async -> Int64? {
        try? await platform.store.webhooks(owner: nil).first?.deliveredThrough.rawValue
    }

    @Test func everythingThatHappensIsToldInOrderAndSigned() async throws {
        try await Self.with { platform async throws in
            await Self.happen(platform, "cam")
            let receiver = Receiver()
            let dispatcher = try Self.dispatcher(platform, receiver)
            try await Self.running(dispatcher) {
                let made = try await dispatcher.addWebhook(Self.url, kinds: [], for: Self.ann)
                for number in 0..<20 { await Self.happen(platform, number % 2 == 0 ? "cam" : "den") }
                let isDone = await eventually { await Self.mark(platform) == 21 }
                #expect(isDone)
                // What was before it is not told.
                #expect(receiver.events.sorted() == Array(2...21))
                #expect(receiver.events(of: "cam") == Array(stride(from: 2, through: 20, by: 2)))
                #expect(receiver.events(of: "den") == Array(stride(from: 3, through: 21, by: 2)))
                let last = try #require(receiver.last)
                #expect(last.headers["Vedette-Webhook"] == made.webhook.id.rawValue)
                let signature = try #require(last.headers["Vedette-Signature"])
                let seconds = try #require(Int64(signature.dropFirst(2).prefix { $0 != "," }))
                let time = WallTime(milliseconds: seconds * 1000)
                #expect(
                    signature == WebhookSignature.header(last.body, at: time, secret: made.secret)
                )
            }
        }
    }

    @Test func aFailureHoldsUpItsUnitOnly() async throws {
        try await Self.with { platform async throws in
            let receiver = Receiver()
            let dispatcher = try Self.dispatcher(platform, receiver)
            _ = try await dispatcher.addWebhook(Self.url, kinds: [], for: Self.ann)
            receiver.answer(1, .failed("500"), .failed("500"), .failed("500"))
            for unit in ["cam", "den", "cam", "den"] { await Self.happen(platform, unit) }
            try await Self.running(dispatcher) {
                let isDone = await eventually { await Self.mark(platform) == 4 }
                #expect(isDone)
                #expect(receiver.events(of: "cam") == [1, 1, 1, 1, 3])
                #expect(receiver.events(of: "den") == [2, 4])
            }
        }
    }

    /// One unit's poisonous event: the others go on, over many pages, and its own wait in their order.
    @Test func anEventThatIsNeverTakenHoldsUpItsUnitOnly() async throws {
        try await Self.with { platform async throws in
            let receiver = Receiver()
            let dispatcher = try Self.dispatcher(platform, receiver, attempts: 12)
            let made = try await dispatcher.addWebhook(Self.url, kinds: [], for: Self.ann)
            receiver.poison(1)
            await Self.happen(platform, "cam")
            await Self.happen(platform, "cam")
            for _ in 0..<250 { await Self.happen(platform, "den") }
            try await Self.running(dispatcher) {
                let isTold = await eventually { receiver.events(of: "den").count == 250 }
                #expect(isTold)
                let isGivenUp = await eventually {
                    let laggards = try? await platform.store.laggards(made.webhook.id)
                    return laggards?.values.first.map { $0.retryAt == nil } ?? false
                }
                #expect(isGivenUp)
                #expect(
                    receiver.events(of: "cam") == Array(repeating: 1, count: 12),
                    "never the one behind it"
                )
                await Self.happen(platform, "den")
                let goesOn = await eventually { receiver.events(of: "den").count == 251 }
                #expect(goesOn)
                #expect(try await dispatcher.webhooks(of: nil).first?.parking == nil)
                #expect(receiver.events(of: "den") == Array(3...253), "each once")
                // Its owner has mended the receiver.
                receiver.poison(nil)
                try await dispatcher.resumeWebhook(made.webhook.id, of: Self.ann)
                let isDone = await eventually { receiver.events(of: "cam").suffix(2) == [1, 2] }
                #expect(isDone)
                let isForgotten = await eventually {
                    (try? await platform.store.laggards(made.webhook.id).isEmpty) ?? false
                }
                #expect(isForgotten)
                #expect(receiver.events(of: "den") == Array(3...253), "nothing is told again")
            }
        }
    }

    /// Nothing is taken: that is the receiver, not a unit.
    @Test func aDeadReceiverIsParkedAsAWhole() async throws {
        try await Self.with { platform async throws in
            let receiver = Receiver()
            receiver.answerAll(.failed("the receiver cannot be reached"))
            let dispatcher = try Self.dispatcher(platform, receiver, attempts: 12)
            _ = try await dispatcher.addWebhook(Self.url, kinds: [], for: Self.ann)
            for unit in ["cam", "den", "cam"] { await Self.happen(platform, unit) }
            try await Self.running(dispatcher) {
                let isParked = await eventually {
                    (try? await dispatcher.webhooks(of: nil).first?.parking) != nil
                }
                #expect(isParked)
                #expect(receiver.events(of: "cam").allSatisfy { $0 == 1 })
            }
        }
    }

    @Test func whatFailsForTooLongIsParkedAndGoesOnWhereItStopped() async throws {
        try await Self.with { platform async throws in
            let receiver = Receiver()
            let dispatcher = try Self.dispatcher(platform, receiver, attempts: 3)
            let made = try await dispatcher.addWebhook(Self.url, kinds: [], for: Self.ann)
            for _ in 0..<2 { await Self.happen(platform, "cam") }
            receiver.answer(2, .failed("the receiver answered 500"), .failed("x"), .failed("answer 3"))
            try await Self.running(dispatcher) {
                let isParked = await eventually {
                    (try? await dispatcher.webhooks(of: Self.ann).first?.parking) != nil
                }
                #expect(isParked)
                let parking = try await dispatcher.webhooks(of: nil).first?.parking
                #expect(parking?.reason == "answer 3, 3 times in a row")
                #expect(receiver.events == [1, 2, 2, 2])
                await #expect(throws: ActivityError.notFound("webhook \(made.webhook.id)")) {
                    try await dispatcher.resumeWebhook(made.webhook.id, of: UserName(unchecked: "bob"))
                }
                // The runner has to have let go of it before it can take it up again.
                let goesOn = await eventually {
                    try? await dispatcher.resumeWebhook(made.webhook.id, of: Self.ann)
                    return await Self.mark(platform) == 2
                }
                #expect(goesOn)
                #expect(receiver.events == [1, 2, 2, 2, 2])
            }
        }
    }

    @Test func whoWantsNoMoreIsParkedAtOnce() async throws {
        try await Self.with { platform async throws in
            let receiver = Receiver()
            receiver.answerAll(.refused("the receiver answered 410: it wants no more"))
            let dispatcher = try Self.dispatcher(platform, receiver)
            _ = try await dispatcher.addWebhook(Self.url, kinds: [], for: Self.ann)
            await Self.happen(platform, "cam")
            try await Self.running(dispatcher) {
                let isParked = await eventually {
                    (try? await dispatcher.webhooks(of: nil).first?.parking) != nil
                }
                #expect(isParked)
                #expect(receiver.events == [1])
            }
        }
    }

    /// "nothing lost over a restart": what was delivered is remembered for each unit.
    @Test func aRestartGoesOnWhereItStopped() async throws {
        try await Self.with { platform async throws in
            let first = Receiver()
            first.answer(3, .refused("stop here"))
            let before = try Self.dispatcher(platform, first)
            let made = try await before.addWebhook(Self.url, kinds: [], for: Self.ann)
            for unit in ["cam", "den", "den", "cam"] { await Self.happen(platform, unit) }
            try await Self.running(before) {
                let isParked = await eventually {
                    (try? await before.webhooks(of: nil).first?.parking) != nil
                }
                #expect(isParked)
            }
            #expect(await Self.mark(platform) == 0)
            #expect(
                try await platform.store.webhookCursors(made.webhook.id)[UnitID(unchecked: "den")]
                    == EventID(2)
            )
            let second = Receiver()
            let after = try Self.dispatcher(platform, second)
            try await after.resumeWebhook(made.webhook.id, of: nil)
            try await Self.running(after) {
                let isDone = await eventually { await Self.mark(platform) == 4 }
                #expect(isDone)
                #expect(second.events(of: "den") == [3])
                // At least once: each unit's events in order, and none is missing.
                let cam = first.events(of: "cam") + second.events(of: "cam")
                #expect(Set(cam) == [1, 4] && second.events(of: "cam") == second.events(of: "cam").sorted())
            }
        }
    }

    @Test func onlyWantedKindsOfVisibleUnitsAreTold() async throws {
        try await Self.with { platform async throws in
            let receiver = Receiver()
            let dispatcher = try Self.dispatcher(platform, receiver) { unit, user in
                unit.rawValue == "cam" && user == Self.ann
            }
            _ = try await dispatcher.addWebhook(Self.url, kinds: [.battery], for: Self.ann)
            for unit in ["cam", "den"] {
                await Self.happen(platform, unit, .battery)
                await Self.happen(platform, unit, .online)
            }
            try await Self.running(dispatcher) {
                let isDone = await eventually { await Self.mark(platform) == 4 }
                #expect(isDone)
                #expect(receiver.events == [1])
            }
        }
    }

    @Test func aRemovedOneHearsNoMore() async throws {
        try await Self.with { platform async throws in
            let receiver = Receiver()
            receiver.answerAll(.failed("500"))
            let dispatcher = try Self.dispatcher(platform, receiver, attempts: 1_000_000)
            let made = try await dispatcher.addWebhook(Self.url, kinds: [], for: Self.ann)
            await Self.happen(platform, "cam")
            try await Self.running(dispatcher) {
                let isTried = await eventually { receiver.events.count > 3 }
                #expect(isTried)
                try await dispatcher.removeWebhook(made.webhook.id, of: Self.ann)
                #expect(try await dispatcher.webhooks(of: nil).isEmpty)
                await #expect(throws: ActivityError.self) {
                    try await dispatcher.removeWebhook(made.webhook.id, of: Self.ann)
                }
                let other = try await dispatcher.addWebhook(Self.url, kinds: [], for: Self.ann)
                receiver.answerAll(.delivered)
                await Self.happen(platform, "cam")
                let isDone = await eventually { await Self.mark(platform) == 2 }
                #expect(isDone)
                #expect(receiver.last?.headers["Vedette-Webhook"] == other.webhook.id.rawValue)
            }
        }
    }

    @Test func webhooksOfAUserAreBounded() async throws {
        try await Self.with { platform async throws in
            let dispatcher = try Self.dispatcher(platform, Receiver())
            for _ in 0..<10 { _ = try await dispatcher.addWebhook(Self.url, kinds: [], for: Self.ann) }
            await #expect(throws: ActivityError.limit("webhooks of user ann")) {
                try await dispatcher.addWebhook(Self.url, kinds: [], for: Self.ann)
            }
            await #expect(throws: ActivityError.invalid("url", "expected https")) {
                try await dispatcher.addWebhook("http://hooks.example/", kinds: [], for: Self.ann)
            }
        }
    }

    /// A failed attempt and the one that arrived, newest first, with what the receiver said; only for their owner.
    @Test func attemptsAreRemembered() async throws {
        try await Self.with { platform async throws in
            let receiver = Receiver()
            let dispatcher = try Self.dispatcher(platform, receiver)
            let hook = try await dispatcher.addWebhook(Self.url, kinds: [], for: Self.ann).webhook.id
            receiver.answer(1, .failed("the receiver answered 503"))
            await Self.happen(platform, "cam")
            try await Self.running(dispatcher) {
                #expect(await eventually { receiver.events == [1, 1] })
                #expect(await eventually { dispatcher.attempts(of: hook).count == 2 })
            }
            let log = try await dispatcher.deliveries(to: hook, of: Self.ann)
            #expect(log.map(\.event) == [EventID(1), EventID(1)] && log.map(\.attempt) == [2, 1])
            #expect(log.map(\.status) == [200, 503])
            #expect(log.map(\.error) == [nil, "the receiver answered 503"])
            await #expect(throws: ActivityError.notFound("webhook \(hook)")) {
                _ = try await dispatcher.deliveries(to: hook, of: UserName(unchecked: "bob"))
            }
        }
    }

    /// A test is signed like everything else, goes out once, and changes nothing of how far the webhook has come.
    @Test func aTestIsSentOnceAndToldOf() async throws {
        try await Self.with { platform async throws in
            let receiver = Receiver()
            let dispatcher = try Self.dispatcher(platform, receiver)
            let made = try await dispatcher.addWebhook(Self.url, kinds: [], for: Self.ann)
            let mark = await Self.mark(platform)
            receiver.answer(0, .failed("the receiver answered 503"))
            let failed = try await dispatcher.testWebhook(made.webhook.id, of: Self.ann)
            #expect(
                failed.status == 503 && failed.error == "the receiver answered 503" && failed.event == nil
            )
            #expect(try await dispatcher.testWebhook(made.webhook.id, of: nil).error == nil)
            #expect(receiver.events == [0, 0])
            let last = try #require(receiver.last)
            #expect(String(decoding: last.body, as: UTF8.self).contains(#""kind":"test""#))
            let signature = try #require(last.headers["Vedette-Signature"])
            let seconds = try #require(Int64(signature.dropFirst(2).prefix { $0 != "," }))
            let time = WallTime(milliseconds: seconds * 1000)
            #expect(signature == WebhookSignature.header(last.body, at: time, secret: made.secret))
            #expect(await Self.mark(platform) == mark)
            await #expect(throws: ActivityError.notFound("webhook \(made.webhook.id)")) {
                _ = try await dispatcher.testWebhook(made.webhook.id, of: UserName(unchecked: "bob"))
            }
        }
    }

    @Test func theLogIsBounded() {
        var log = WebhookLog()
        func delivery(_ number: Int) -> WebhookDelivery {
            let time = WallTime(milliseconds: Int64(number))
            return WebhookDelivery(
                at: time,
                event: EventID(Int64(number)),
                attempt: 1,
                duration: .zero,
                status: 200,
                error: nil
            )
        }
        let first = WebhookID(unchecked: "hook-0")
        for number in 1...(WebhookLog.perWebhook + 5) { log.add(delivery(number), of: first) }
        #expect(log.attempts(of: first).count == WebhookLog.perWebhook)
        #expect(log.attempts(of: first).first?.event == EventID(Int64(WebhookLog.perWebhook + 5)))
        for number in 1...WebhookLog.mostWebhooks {
            log.add(delivery(1000 + number), of: WebhookID(unchecked: "hook-\(number)"))
        }
        #expect(log.attempts(of: first).isEmpty)
        #expect(!log.attempts(of: WebhookID(unchecked: "hook-1")).isEmpty)
    }

    /// Over a real connection: method, headers, body; a redirection is not followed.
    @Test func aDeliveryIsAPost() async throws {
        let heard = Mutex<[String]>([])
        let router = Router()
        router.post("hook") { request, _ in
            let body = try await request.body.collect(upTo: 1000)
            let type = request.headers.first { $0.name.canonicalName == "content-type" }?.value ?? ""
            heard.withLock { $0.append("\(type) \(String(buffer: body))") }
            return Response(status: .noContent)
        }
        router.post("moved") { _, _ in Response.redirect(to: "/hook", type: .temporary) }
        router.post("gone") { _, _ in Response(status: .gone) }
        try await Application(router: router).test(.live) { client in
            let port = try #require(client.port)
            let web = WebhookClient(settings: WebhookSettings(allowsHTTP: true, allowsPrivate: true))
            func deliver(_ path: String) async -> WebhookReply {
                await web.deliver(
                    Array("{}".utf8),
                    to: "http://localhost:\(port)/\(path)",
                    headers: [("Content-Type", "application/json")]
                )
            }
            #expect(await deliver("hook") == WebhookReply(.delivered, status: 204))
            #expect(await deliver("moved") == WebhookReply(.failed("the receiver answered 307"), status: 307))
            #expect(await deliver("none").outcome == .failed("the receiver answered 404"))
            #expect(await deliver("gone").outcome == .refused("the receiver answered 410: it wants no more"))
        }
        #expect(heard.withLock { $0 } == ["application/json {}"])
        // Nobody is there any more.
        let web = WebhookClient(settings: WebhookSettings(allowsHTTP: true, allowsPrivate: true))
        let reply = await web.deliver([], to: "http://127.0.0.1:1/", headers: [])
        #expect(reply == WebhookReply(.failed("the receiver cannot be reached")))
    }
}
