import Foundation
import HSSModel

/// What the event log says of one unit's update.
struct UpgradeEvent: Encodable {
    enum State: String, Encodable {
        case told, done, failed
        /// The attempt failed; the unit is told again.
        case retry
    }

    var state: State
    /// The version that it is to run.
    var version: String
    var reason: String?

    init(state: State, version: String, reason: String? = nil) {
        self.state = state
        self.version = version
        self.reason = reason
    }

    /// Nil for what is of no interest to the unit's people: percentages, units that wait or were missed.
    init?(_ progress: RollOutProgress, version: String) {
        switch progress {
        case .updating(_, nil): self.init(state: .told, version: version)
        case .done: self.init(state: .done, version: version)
        case .failed(let reason): self.init(state: .failed, version: version, reason: reason)
        case .waiting(_, let reason?): self.init(state: .retry, version: version, reason: reason)
        case .waiting(_, nil), .updating, .missed: return nil
        }
    }

    /// The text of one JSON object.
    var detail: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}
