import HSSModel
import Store
import Synchronization

/// Collects when units were seen, for one write instead of one each: a synced commit costs 0.3 ms, and
/// thousands of units may come or go in a second.
final class SightingJournal: Sendable {
    /// Beyond it news of further units is dropped: `last seen` is best effort, memory is not.
    private static let capacity = 200_000

    private let pending = Mutex<[UnitID: UnitSighting]>([:])

    func note(_ sighting: UnitSighting) {
        pending.withLock { pending in
            if let known = pending[sighting.unit] {
                // One that could not be written comes back behind newer ones.
                let (older, newer) = known.time <= sighting.time ? (known, sighting) : (sighting, known)
                var merged = newer
                merged.hardwareModel = newer.hardwareModel ?? older.hardwareModel
                merged.firmwareModel = newer.firmwareModel ?? older.firmwareModel
                pending[sighting.unit] = merged
            } else if pending.count < Self.capacity {
                pending[sighting.unit] = sighting
            }
        }
    }

    func take() -> [UnitSighting] {
        pending.withLock { pending in
            defer { pending = [:] }
            return Array(pending.values)
        }
    }

    /// What has not been written yet, so that a listing does not lag behind.
    func latest(of unit: UnitID) -> UnitSighting? {
        pending.withLock { $0[unit] }
    }
}
