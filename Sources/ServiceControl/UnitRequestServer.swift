package import Bus
package import Vd

/// A part of the platform that serves requests and events of units, such as alarms.
package protocol UnitRequestServer: Sendable {
    /// Names the messages that it serves, once, before the first unit connects.
    func register(in table: inout UnitRequestTable)
}

/// Who serves which message of units that takes time: a database, a file.
///
/// Messages are decoded before anybody is called, so that a broken parameter costs an answer and nothing else.
/// Those of one unit are served one after the other in the order in which they came: an alarm's end must not
/// overtake its start.
package struct UnitRequestTable: Sendable {
    typealias Errand<Outcome> = @Sendable () async -> Outcome

    private var requests: [String: any RequestHandler] = [:]
    private var events: [String: any EventHandler] = [:]

    package init() {}

    init(_ servers: [any UnitRequestServer]) {
        for server in servers { server.register(in: &self) }
    }

    /// `body` answers every request of this type; the last one that is registered counts.
    package mutating func answer<Request: VdRequest>(
        _ type: Request.Type = Request.self,
        by body: @escaping @Sendable (Request, UnitRegistration) async throws(RPCFailure) -> Request.Answer
    ) {
        requests[Request.name] = TypedRequestHandler(body: body)
    }

    /// `body` is told every event of this type.
    package mutating func take<Event: VdEvent>(
        _ type: Event.Type = Event.self,
        by body: @escaping @Sendable (Event, UnitRegistration) async -> Void
    ) {
        events[Event.name] = TypedEventHandler(body: body)
    }

    /// Nil: nobody serves this method.
    func errand(
        for request: RPCRequest,
        of unit: UnitRegistration
    ) throws(FieldError) -> Errand<RPCAnswer>? {
        try requests[request.method]?.errand(request.parameters, unit)
    }

    func errand(for event: RPCEvent, of unit: UnitRegistration) throws(FieldError) -> Errand<Void>? {
        try events[event.name]?.errand(event.parameters, unit)
    }
}

private protocol RequestHandler: Sendable {
    func errand(
        _ parameters: JSONObject,
        _ unit: UnitRegistration
    ) throws(FieldError) -> UnitRequestTable.Errand<RPCAnswer>
}

private protocol EventHandler: Sendable {
    func errand(
        _ parameters: JSONObject,
        _ unit: UnitRegistration
    ) throws(FieldError) -> UnitRequestTable.Errand<Void>
}

private struct TypedRequestHandler<Request: VdRequest>: RequestHandler {
    let body: @Sendable (Request, UnitRegistration) async throws(RPCFailure) -> Request.Answer

    func errand(
        _ parameters: JSONObject,
        _ unit: UnitRegistration
    ) throws(FieldError) -> UnitRequestTable.Errand<RPCAnswer> {
        let request = try Request(parameters)
        return { await answer(request, unit) }
    }

    private func answer(_ request: Request, _ unit: UnitRegistration) async -> RPCAnswer {
        do throws(RPCFailure) {
            return .success(try await body(request, unit).object)
        } catch {
            return .failure(error)
        }
    }
}

private struct TypedEventHandler<Event: VdEvent>: EventHandler {
    let body: @Sendable (Event, UnitRegistration) async -> Void

    func errand(
        _ parameters: JSONObject,
        _ unit: UnitRegistration
    ) throws(FieldError) -> UnitRequestTable.Errand<Void> {
        let event = try Event(parameters)
        return { await body(event, unit) }
    }
}
