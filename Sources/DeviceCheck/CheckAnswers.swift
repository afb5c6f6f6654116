import HSSModel
import Vd

/// What the device asks and tells of itself.
extension CheckMachine {
    /// As the platform answers; what breaks a rule is kept for the report.
    mutating func answer(_ request: RPCRequest) -> RPCAnswer {
        var table = "§9.3.2.1.1"
        do throws(FieldError) {
            switch request.method {
            case Keepalive.name:
                table = "I.2-1"
                try check(try Keepalive(request.parameters).macID)
                return .success(.empty)
            case GetServerInfo.name:
                table = "I.2-2"
                try check(try GetServerInfo(request.parameters).macID)
                return .success(ServerInfo(heartbeatSeconds: settings.heartbeatSeconds).object)
            case AlarmNotify.name:
                table = "I.2-16"
                _ = try AlarmNotify(request.parameters)
                return .success(AlarmAnswer(pictureURL: memory.url("alarm.jpg")).object)
            default:
                memory.noteProblem("Table 9-4", "\(request.method) is no request of a unit")
                return .failure(.unsupportedMethod(request.method))
            }
        } catch {
            memory.noteProblem(table, "\(request.method): \(error)")
            return .failure(.parameter(error))
        }
    }

    /// An event asks for no answer, and has rules all the same.
    mutating func look(at event: RPCEvent) {
        let entry = VdCatalogue.messages.first { $0.name == event.name && $0.direction == .toPlatform }
        guard let entry, entry.kind == .event else {
            return memory.noteProblem("Table 9-4", "\(event.name) is no event of a unit")
        }
        do {
            _ = try entry.type.init(event.parameters)
        } catch {
            memory.noteProblem("I.2-\(entry.table)", "\(event.name): \(error)")
        }
    }

    private func check(_ macID: String) throws(FieldError) {
        guard MACIdentity(rawValue: macID)?.canonical == settings.macIdentity.canonical else {
            throw FieldError("mac_id", "is not that of the device")
        }
    }
}
