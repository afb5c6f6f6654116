package import HSSModel
package import Vd

package enum UnitUploadError: Error, Equatable, CustomStringConvertible {
    case unit(UnitCallError)
    case upload(ActivityError)
    case invalid(FieldError)

    package var description: String {
        switch self {
        case .unit(let error): error.description
        case .upload(let error): error.description
        case .invalid(let error): error.description
        }
    }
}

/// Reference point Cs, what a unit is asked to send: pictures (Table I.2-22) and logs (Table I.2-29). Whoever calls
/// has checked the right to do so.
package protocol UnitUploadPoint: Sendable {
    /// A picture of now.
    func snapshot(of channel: ChannelAddress) async throws(UnitUploadError) -> StoredContent

    /// Asks for the log between two times of the unit's clock; without them for its last day. Returns once the unit
    /// has agreed; the log comes later.
    func askForLog(
        of unit: UnitID,
        from start: UnitDateTime?,
        to end: UnitDateTime?
    ) async throws(UnitUploadError) -> LogTask

    /// The newest first, at most 100.
    func logTasks(of unit: UnitID) async throws(UnitUploadError) -> [LogTask]
    func logTask(_ id: LogTaskID, of unit: UnitID) async throws(UnitUploadError) -> LogTask
    /// What the unit sent. An empty log is a log.
    func log(_ id: LogTaskID, of unit: UnitID) async throws(UnitUploadError) -> StoredContent
}
