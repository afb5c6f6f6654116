import HSSModel
import Logging
import ServerKit
import Synchronization
import Vd

/// Fields that units report against their rules: all are counted, and each unit's first ones for a message are logged.
final class FlawLog: Sendable {
    /// Units and messages remembered; those beyond are counted only.
    private static let mostLogged = 50_000

    private struct Source: Hashable {
        var unit: UnitID
        var message: String
    }

    private let fields: Counter
    private let logger: Logger
    private let logged = Mutex(Set<Source>())

    init(metrics: MetricRegistry, logger: Logger) {
        fields = metrics.counter(
            "vedette_vd_flawed_fields_total",
            "Fields in answers of units that break their rules and were left out."
        )
        self.logger = logger
    }

    func note(_ flaws: Flaws, in message: String, of unit: UnitID) {
        guard !flaws.found.isEmpty else { return }
        for _ in flaws.found { fields.add() }
        let isNew = logged.withLock {
            $0.count < Self.mostLogged && $0.insert(Source(unit: unit, message: message)).inserted
        }
        guard isNew else { return }
        // The rules are ours; of the unit's text only the names of channels are in it, cut.
        let text = flaws.found.map(\.description).joined(separator: "; ")
        logger.notice(
            "a unit breaks rules in its answer; these fields are left out",
            metadata: ["unit": "\(unit)", "message": "\(message)", "fields": "\(text)"]
        )
    }
}
