import Bus
import HSSModel
import Vd

/// Messages to units as these tests need them: nobody is connected. What crosses a connection is tested with a real
/// one, in ServiceControlTests.
extension Neighbours: UnitControlPoint, UnitDocumentPoint, UnitConfigurationPoint, UnitUploadPoint,
    PTZPoint
{
    func ask<Request: VdRequest>(
        _ request: Request,
        of unit: UnitID
    ) async throws(UnitCallError) -> Request.Answer { throw .offline(unit) }

    func tell<Event: VdEvent>(_ event: Event, to unit: UnitID) async throws(UnitCallError) {
        throw .offline(unit)
    }

    func control(
        _ command: CtrlPTZ,
        of unit: UnitID,
        by user: UserName
    ) async throws(UnitCallError) { throw .offline(unit) }

    func capabilities(of unit: UnitID) async throws(UnitCallError) -> Capabilities { throw .offline(unit) }

    func knownCapabilities(of unit: UnitID) -> Capabilities? { nil }

    func configuration(of unit: UnitID) async throws(ConfigurationError) -> UnitConfiguration {
        throw .unit(.offline(unit))
    }

    func changeConfiguration(
        of unit: UnitID,
        _ change: ConfigurationDocument,
        dropping dropped: [ConfigurationPath]
    ) async throws(ConfigurationError) -> UnitConfiguration { throw .unit(.offline(unit)) }

    func resetConfiguration(of unit: UnitID) async throws(ConfigurationError) { throw .unit(.offline(unit)) }

    func snapshot(of channel: ChannelAddress) async throws(UnitUploadError) -> StoredContent {
        throw .unit(.offline(channel.unit))
    }

    func askForLog(
        of unit: UnitID,
        from start: UnitDateTime?,
        to end: UnitDateTime?
    ) async throws(UnitUploadError) -> LogTask { throw .unit(.offline(unit)) }

    func logTasks(of unit: UnitID) async throws(UnitUploadError) -> [LogTask] { [] }

    func logTask(_ id: LogTaskID, of unit: UnitID) async throws(UnitUploadError) -> LogTask {
        throw .upload(.notFound("log \(id)"))
    }

    func log(_ id: LogTaskID, of unit: UnitID) async throws(UnitUploadError) -> StoredContent {
        throw .upload(.notFound("log \(id)"))
    }
}
