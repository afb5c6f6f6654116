import Bus
import HSSModel
import ServerKit
import Vd

/// What units are known to be able to do.
protocol UnitAbilities: Sendable {
    /// Nil: not known (yet); the unit is asked and says so itself.
    func known(of unit: UnitID) -> Capabilities?
}

/// Typed messages to units: what a message demands is checked before it leaves, and what comes back is decoded
/// once.
struct UnitCalls: UnitControlPoint {
    let units: UnitRegistry
    let waker: UnitWaker
    let abilities: any UnitAbilities
    let metrics: UnitCallMetrics
    let flaws: FlawLog

    func ask<Request: VdRequest>(
        _ request: Request,
        of unit: UnitID
    ) async throws(UnitCallError) -> Request.Answer {
        try await ask(request, of: unit, wakes: true)
    }

    /// `wakes` false: nobody wants it so much that a unit that sleeps should hear of it now.
    func ask<Request: VdRequest>(
        _ request: Request,
        of unit: UnitID,
        wakes: Bool
    ) async throws(UnitCallError) -> Request.Answer {
        let link = try await link(to: unit, for: request, wakes: wakes)
        switch await link.call(request.request) {
        case .answered(.success(let result)):
            do throws(FieldError) {
                var flaws = Flaws.tolerated
                let answer = try Request.Answer(reported: result, &flaws)
                self.flaws.note(flaws, in: Request.name, of: unit)
                metrics.answered.add()
                return answer
            } catch {
                // The content is wrong, not the envelope: the connection stays.
                metrics.malformed.add()
                throw .malformedAnswer(error)
            }
        case .answered(.failure(let failure)):
            metrics.refused.add()
            throw .refused(code: failure.code, message: failure.cleanMessage)
        case .lost:
            metrics.lost.add()
            throw .silent(unit)
        case .busy:
            metrics.busy.add()
            throw .busy(unit)
        }
    }

    func tell<Event: VdEvent>(_ event: Event, to unit: UnitID) async throws(UnitCallError) {
        let link = try await link(to: unit, for: event)
        guard await link.notify(event.event) else { throw .offline(unit) }
        metrics.told.add()
    }

    /// The way to the unit, if it can take this message.
    func link(
        to unit: UnitID,
        for message: some VdMessage,
        wakes: Bool = true
    ) async throws(UnitCallError) -> UnitLink {
        try await awaken(unit, for: type(of: message).name, wakes: wakes)
        guard let link = units.connectedLink(unit) else { throw .offline(unit) }
        if let number = (message as? any ChannelMessage)?.channel, link.registration.channels[number] == nil {
            throw .noSuchChannel(ChannelAddress(unit: unit, number: number))
        }
        if let capability = CapabilityTable.capability(for: type(of: message).name),
            abilities.known(of: unit)?.supports(capability) == false
        {
            throw .unsupported(capability: capability.rawValue)
        }
        return link
    }

    /// Wakes a unit that sleeps, if that is what the message is worth.
    private func awaken(
        _ unit: UnitID,
        for message: String,
        wakes: Bool
    ) async throws(UnitCallError) {
        guard units.link(of: unit) == .asleep else { return }
        guard wakes, Self.waking.contains(message) else { throw .asleep(unit) }
        switch await waker.wake(unit) {
        case .awake: return
        case .silent: throw .asleep(unit)
        case .offline: throw .offline(unit)
        case .busy: throw .busy(unit)
        }
    }

    /// What somebody wants of the camera now. Reading a state wakes nobody ("never wake by polling"), and what
    /// can wait until the unit is awake waits.
    private static let waking: Set = [
        Snapshot.name, StartRecord.name, CtrlPTZ.name, PlayVideo.name, CtrlVideo.name, KeepAwaken.name,
        RebootDevice.name, RebootChannel.name, SetTime.name, FormatDisk.name, LogUploadAsync.name,
        ResetConfig.name,
    ]
}

extension RPCFailure {
    /// Longest text of a unit that customers are shown.
    private static let shown = 200

    /// The unit's text without what could move a terminal's cursor, and cut.
    var cleanMessage: String {
        let scalars = message.unicodeScalars.map { scalar -> Unicode.Scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
                " "
            default: scalar
            }
        }
        return String(String.UnicodeScalarView(scalars.prefix(Self.shown)))
    }
}

/// Figures of messages to units.
struct UnitCallMetrics: Sendable {
    let answered: Counter
    let refused: Counter
    let malformed: Counter
    let lost: Counter
    let busy: Counter
    let told: Counter

    init(_ registry: MetricRegistry) {
        func calls(_ outcome: String) -> Counter {
            registry.counter(
                "vedette_vd_calls_total",
                "Requests of customers to units by outcome.",
                labels: [("outcome", outcome)]
            )
        }
        answered = calls("answered")
        refused = calls("refused")
        malformed = calls("malformed")
        lost = calls("lost")
        busy = calls("busy")
        told = registry.counter("vedette_vd_events_sent_total", "Events of customers sent to units.")
    }
}
