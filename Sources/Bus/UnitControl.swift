package import HSSModel
package import Vd

/// Why a unit did not do what it was asked to, said so that a customer can act on it.
package enum UnitCallError: Error, Equatable, CustomStringConvertible {
    /// Not connected: nothing was sent.
    case offline(UnitID)
    /// Powered down and not to be woken for this: nothing was sent.
    case asleep(UnitID)
    /// Too many requests wait for this unit already: nothing was sent.
    case busy(UnitID)
    /// The connection ended before the answer: whether the unit acted is unknown.
    case silent(UnitID)
    /// The unit's own error (`err` of Table 9-1), its text cleaned and cut.
    case refused(code: Int, message: String)
    /// The unit answered with a result that breaks the rules of its table.
    case malformedAnswer(FieldError)
    /// The unit said in `GetCap` that it cannot: nothing was sent.
    case unsupported(capability: String)
    case noSuchChannel(ChannelAddress)

    package var description: String {
        switch self {
        case .offline(let unit): "unit \(unit) is offline"
        case .asleep(let unit): "unit \(unit) is asleep"
        case .busy(let unit): "too many requests wait for unit \(unit)"
        case .silent(let unit): "unit \(unit) did not answer; whether it acted is unknown"
        case .refused(let code, let message):
            "the unit refused with error \(code)\(message.isEmpty ? "" : ": \(message)")"
        case .malformedAnswer(let error): "the unit's answer breaks the rules: \(error)"
        case .unsupported(let capability): "the unit has no \(capability)"
        case .noSuchChannel(let channel): "unit \(channel.unit) has no channel \(channel.number)"
        }
    }
}

/// Reference point Cs, messages of §9.3.2 to units. Whoever calls has checked the right to do so.
///
/// Requests to one unit leave in the order in which they come, at most a bounded number wait, and none waits
/// for another unit. A channel that is not registered and a capability that the unit is known to lack are
/// refused before anything is sent.
package protocol UnitControlPoint: Sendable {
    /// Returns once the unit has answered, `vd.rpc_timeout` at the latest.
    func ask<Request: VdRequest>(
        _ request: Request,
        of unit: UnitID
    ) async throws(UnitCallError) -> Request.Answer

    /// Returns once the event is on its way: nobody answers an event (Table 9-2).
    func tell<Event: VdEvent>(_ event: Event, to unit: UnitID) async throws(UnitCallError)
}
