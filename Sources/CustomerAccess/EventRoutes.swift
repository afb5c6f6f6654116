import Bus
import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import NIOCore
import ServerKit
import ServiceLifecycle

extension CustomerAPI {
    /// `GET /events`: the event log as Server-Sent Events, from now on or after `Last-Event-ID`.
    func addEventRoutes(to api: RouterGroup<PlatformContext>, _ tickets: EventTickets) {
        api.post("events/ticket") { _, context in
            guard let access = context.access else { throw ManagementError.unauthenticated.problem }
            guard let ticket = tickets.issue(for: access, at: .now) else {
                throw ManagementError.limit("tickets for events").problem
            }
            let expires = WallTime.now + EventTickets.validity
            return try JSONBody.answer(
                EventTicketBody(ticket: ticket.reveal(), expiresAt: expires.rfc3339),
                .created
            )
        }
        api.get("events") { request, context in
            let caller = try context.caller()
            return try await answering {
                guard let session = context.access else { throw ManagementError.unauthenticated }
                let follower = EventFollower(
                    events: activity.events,
                    devices: devices,
                    caller: caller,
                    filter: try await eventFilter(request, caller),
                    last: try await lastEvent(request)
                )
                let bell = try activity.events.bell()
                let accounts = accounts
                let (heartbeat, check) = (settings.eventHeartbeat, settings.eventCheck)
                return Response(
                    status: .ok,
                    headers: [
                        .contentType: "text/event-stream", .cacheControl: "no-store",
                    ],
                    body: ResponseBody { writer in
                        try await Self.follow(follower, bell, heartbeat, min(check, heartbeat), &writer) {
                            // A session that ended must not go on listening, nor anybody to a device that is gone.
                            guard (try? await accounts.principal(access: session)) == caller else {
                                return false
                            }
                            return (try? await follower.mayGoOn()) ?? true
                        }
                        try await writer.finish(nil)
                    }
                )
            }
        }
    }

    /// Writes what is new whenever the bell rings, and a comment where nothing else was written for a while: whoever
    /// sits between would take the connection for dead.
    private static func follow(
        _ follower: EventFollower,
        _ bell: AsyncStream<Void>,
        _ heartbeat: Duration,
        _ check: Duration,
        _ writer: inout any ResponseBodyWriter,
        while isValid: @Sendable () async -> Bool
    ) async throws {
        var follower = follower
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                for await _ in bell { wake.yield() }
                wake.finish()
            }
            group.addTask {
                while (try? await Task.sleep(for: check)) != nil { wake.yield() }
            }
            try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
            wake.yield()
            var (checkedAt, beatAt) = (Instant.now, Instant.now)
            for await _ in wakes.cancelOnGracefulShutdown() {
                while let frames = try await follower.next() {
                    guard !frames.isEmpty else { continue }
                    // A reader of a long log, or a slow one, does not get here to the end of this loop for long.
                    if Instant.now - checkedAt >= check {
                        guard await isValid() else { return }
                        checkedAt = .now
                    }
                    try await writer.write(ByteBuffer(string: frames))
                }
                guard Instant.now - checkedAt >= check else { continue }
                guard await isValid() else { return }
                checkedAt = .now
                guard checkedAt - beatAt >= heartbeat else { continue }
                beatAt = checkedAt
                try await writer.write(ByteBuffer(string: follower.heartbeat))
            }
        }
    }

    private func lastEvent(_ request: Request) async throws -> EventID {
        let header = HTTPField.Name("Last-Event-ID").flatMap { request.headers[$0] }
        guard let text = header ?? request.uri.queryParameters["last_event_id"].map(String.init) else {
            return try await activity.events.newestEvent()
        }
        guard let number = Int64(text), number >= 0 else {
            throw ManagementError.invalid(field: "last_event_id", "expected the id of an event")
        }
        return EventID(number)
    }

    private func eventFilter(_ request: Request, _ caller: Principal) async throws -> EventFollower.Filter {
        var filter = EventFollower.Filter()
        if let device = request.uri.queryParameters["device"].map(String.init) {
            filter.unit = try await devices.device(device, visibleTo: caller).device.unit
        }
        if let names = request.uri.queryParameters["kind"].map(String.init) {
            let kinds = names.split(separator: ",").map { EventKind(rawValue: String($0)) }
            guard !kinds.isEmpty, !kinds.contains(nil) else {
                let known = EventKind.allCases.map(\.rawValue).joined(separator: ", ")
                throw ManagementError.invalid(field: "kind", "expected some of \(known)")
            }
            filter.kinds = Set(kinds.compactMap { $0 })
        }
        return filter
    }
}

struct EventTicketBody: Encodable {
    var ticket: String
    var expiresAt: String
}

/// One reader of the event log: where it is, and what it may see.
struct EventFollower: Sendable {
    struct Filter: Sendable {
        var unit: UnitID?
        /// Nil: all.
        var kinds: Set<EventKind>?
    }

    private static let page = 100

    let events: any EventPoint
    let devices: any DevicePoint
    let caller: Principal
    let filter: Filter
    private(set) var last: EventID

    init(
        events: any EventPoint,
        devices: any DevicePoint,
        caller: Principal,
        filter: Filter,
        last: EventID
    ) {
        self.events = events
        self.devices = devices
        self.caller = caller
        self.filter = filter
        self.last = last
    }

    /// The next events that the caller may see at this moment, as text of the stream; empty where none of them is
    /// for this caller, nil at the end of the log.
    mutating func next() async throws -> String? {
        let page = try await events.events(after: last, limit: Self.page)
        guard let newest = page.last else { return nil }
        var roles: [UnitID: DeviceRole?] = [:]
        var frames = ""
        for event in page where isWanted(event.event) {
            let unit = event.event.unit
            let role: DeviceRole?
            if let known = roles[unit] { role = known } else { role = try await self.role(on: unit) }
            roles[unit] = .some(role)
            if event.event.isAudible(to: caller.user, role) { frames += event.frame }
        }
        last = newest.id
        return frames
    }

    /// Moves the reader's place on without an event (WHATWG HTML, 9.2.6), past what was not for it.
    var heartbeat: String { ": heartbeat\nid: \(last.rawValue)\n\n" }

    private func isWanted(_ event: NewEvent) -> Bool {
        (filter.unit == nil || filter.unit == event.unit) && (filter.kinds?.contains(event.kind) ?? true)
    }

    /// False: it is of one device, which the caller does not see any more.
    func mayGoOn() async throws -> Bool {
        guard let unit = filter.unit else { return true }
        return try await role(on: unit) != nil
    }

    /// Nil: the caller does not see it.
    private func role(on unit: UnitID) async throws -> DeviceRole? {
        do {
            return try await devices.device(unit.rawValue, visibleTo: caller).role
        } catch ManagementError.notFound {
            return nil
        }
    }
}

extension PlatformEvent {
    fileprivate var frame: String {
        "id: \(id.rawValue)\nevent: \(event.kind.rawValue)\ndata: \(json)\n\n"
    }
}
