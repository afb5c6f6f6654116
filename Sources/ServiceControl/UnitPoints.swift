package import Bus
package import HSSModel
package import Vd

// Reference point Cs, what concerns one unit: handed to the part that does it.

extension SignallingService: UnitControlPoint {
    package func ask<Request: VdRequest>(
        _ request: Request,
        of unit: UnitID
    ) async throws(UnitCallError) -> Request.Answer {
        try await calls.ask(request, of: unit)
    }

    package func tell<Event: VdEvent>(_ event: Event, to unit: UnitID) async throws(UnitCallError) {
        try await calls.tell(event, to: unit)
    }
}

extension SignallingService: PTZPoint {
    package func control(
        _ command: CtrlPTZ,
        of unit: UnitID,
        by user: UserName
    ) async throws(UnitCallError) {
        try await calls.tell(command, to: unit)
    }
}

extension SignallingService: UnitDocumentPoint {
    package func capabilities(of unit: UnitID) async throws(UnitCallError) -> Capabilities {
        try await capabilities.capabilities(of: unit)
    }
}

extension SignallingService: UnitConfigurationPoint {
    package func configuration(of unit: UnitID) async throws(ConfigurationError) -> UnitConfiguration {
        try await configurations.configuration(of: unit)
    }

    package func changeConfiguration(
        of unit: UnitID,
        _ change: ConfigurationDocument,
        dropping dropped: [ConfigurationPath]
    ) async throws(ConfigurationError) -> UnitConfiguration {
        try await configurations.change(unit, change, dropping: dropped)
    }

    package func resetConfiguration(of unit: UnitID) async throws(ConfigurationError) {
        try await configurations.reset(unit)
    }
}
