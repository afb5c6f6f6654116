import Bus
import HSSModel
import Logging
package import Store

// Coming and going of roll-outs.

extension RollOutService {
    private static let pageSize = 1000

    /// Names grow with time, also where the clock is set back.
    func freshID(at time: WallTime) -> RollOutID {
        var name = Self.name(time.milliseconds)
        if let last = lastID, last.rawValue.prefix(name.utf8.count) >= name {
            let before = Int64(last.rawValue.prefix(name.utf8.count), radix: 16) ?? time.milliseconds
            name = Self.name(before + 1)
        }
        let id = RollOutID(unchecked: name + RandomText.hexadecimal(bits: 16))
        lastID = id
        return id
    }

    private static func name(_ milliseconds: Int64) -> String {
        let text = String(max(0, milliseconds), radix: 16)
        return String(repeating: "0", count: max(0, 12 - text.count)) + text
    }

    func enter(_ record: RollOutRecord, _ members: [UnitID], _ progress: [UnitID: RollOutProgress] = [:]) {
        var random = SystemRandomNumberGenerator()
        let machine = RollOut(
            record.plan,
            phase: record.phase,
            units: members,
            progress: progress,
            finished: record.counts,
            forgiven: record.forgiven,
            at: now(),
            using: &random
        )
        active[record.id] = Active(record: record, machine: machine)
        for unit in members { rollOuts[unit] = record.id }
        news.watch(members)
        lastID = max(lastID ?? record.id, record.id)
    }

    /// Takes up what a restart interrupted. Those that came back with the new version meanwhile are done.
    package func load() async throws(StoreError) {
        for record in try await store.openRollOuts() where active[record.id] == nil {
            var progress: [UnitID: RollOutProgress] = [:]
            var last: UnitID?
            repeat {
                let page = try await store.units(
                    of: record.id,
                    in: [.waiting, .updating],
                    after: last,
                    limit: Self.pageSize
                )
                for unit in page { progress[unit.unit] = unit.progress }
                last = page.count == Self.pageSize ? page.last?.unit : nil
            } while last != nil
            let through = try await store.openUnits(of: record.id, running: record.plan.version)
            enter(record, progress.keys.sorted(), progress)
            for unit in through {
                receive(.seen(unit, version: record.plan.version, restarted: false), of: unit)
            }
            logger.notice(
                "roll-out taken up",
                metadata: ["roll_out": "\(record.id)", "phase": "\(record.phase.rawValue)"]
            )
        }
    }
}
