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
        try await ptz.control(command, of: unit, by: user)
    }
}

extension SignallingService: UnitDocumentPoint {
    package func capabilities(of unit: UnitID) async throws(UnitCallError) -> Capabilities {
        try await capabilities.capabilities(of: unit)
    }

    package func knownCapabilities(of unit: UnitID) -> Capabilities? { calls.abilities.known(of: unit) }
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

extension SignallingService: UnitUploadPoint {
    package func snapshot(of channel: ChannelAddress) async throws(UnitUploadError) -> StoredContent {
        try await uploads.snapshot(of: channel)
    }

    package func askForLog(
        of unit: UnitID,
        from start: UnitDateTime?,
        to end: UnitDateTime?
    ) async throws(UnitUploadError) -> LogTask {
        try await uploads.askForLog(of: unit, from: start, to: end)
    }

    package func logTasks(of unit: UnitID) async throws(UnitUploadError) -> [LogTask] {
        try await uploads.logTasks(of: unit)
    }

    package func logTask(_ id: LogTaskID, of unit: UnitID) async throws(UnitUploadError) -> LogTask {
        try await uploads.logTask(id, of: unit)
    }

    package func log(_ id: LogTaskID, of unit: UnitID) async throws(UnitUploadError) -> StoredContent {
        try await uploads.log(id, of: unit)
    }
}
