import Bus
import HSSModel
import HostClock
import Logging
import Store
import Synchronization
import Vd

/// What units said that they can do, with the firmware that said it. Asked from any thread.
final class CapabilityBook: UnitAbilities {
    private struct Entry {
        var firmwareModel: String
        var said: Said
    }

    private enum Said {
        /// Asked, and the unit could not say.
        case nothing
        case capabilities(Capabilities)
        /// What the store has, not read yet: after a start that would be thousands, of which few are asked for.
        case document(String)
    }

    private let entries = Mutex<[UnitID: Entry]>([:])

    func known(of unit: UnitID) -> Capabilities? {
        entries.withLock { entries in
            guard let entry = entries[unit] else { return nil }
            switch entry.said {
            case .nothing: return nil
            case .capabilities(let capabilities): return capabilities
            case .document(let text):
                guard let object = try? JSONObject(parsing: Array(text.utf8)),
                    let capabilities = try? Capabilities(object)
                else {
                    // The unit is asked again when it connects.
                    entries[unit] = nil
                    return nil
                }
                entries[unit]?.said = .capabilities(capabilities)
                return capabilities
            }
        }
    }

    /// Whether this firmware of the unit has not been asked yet.
    func lacks(_ unit: UnitID, firmwareModel: String) -> Bool {
        entries.withLock { $0[unit]?.firmwareModel != firmwareModel }
    }

    func note(_ capabilities: Capabilities?, of unit: UnitID, firmwareModel: String) {
        let said = capabilities.map(Said.capabilities) ?? .nothing
        entries.withLock { $0[unit] = Entry(firmwareModel: firmwareModel, said: said) }
    }

    /// `document` is what the unit said before the platform started.
    func recall(_ document: String, of unit: UnitID, firmwareModel: String) {
        entries.withLock { $0[unit] = Entry(firmwareModel: firmwareModel, said: .document(document)) }
    }

    /// The device is gone.
    func forget(_ unit: UnitID) {
        entries.withLock { $0[unit] = nil }
    }
}

/// Sends `GetCap` (Table I.2-28) to units whose firmware has not been asked yet, a few at a time: after a restart
/// of the platform all units come back at once.
actor CapabilityDesk {
    private let mostAtOnce: Int
    private let book: CapabilityBook
    private let units: UnitRegistry
    private let calls: UnitCalls
    private let store: (any UnitDocumentStore)?
    private let logger: Logger
    /// In no order; at most one entry for each unit.
    private var waiting: [UnitID] = []
    private var queued: Set<UnitID> = []
    private var running = 0

    init(
        book: CapabilityBook,
        units: UnitRegistry,
        calls: UnitCalls,
        store: (any UnitDocumentStore)?,
        mostAtOnce: Int,
        logger: Logger
    ) {
        self.mostAtOnce = mostAtOnce
        self.store = store
        self.book = book
        self.units = units
        self.calls = calls
        self.logger = logger
    }

    /// What units said before the platform started: about 100 bytes for each.
    nonisolated func begin() async {
        guard let store else { return }
        do {
            var last: UnitID?
            while true {
                let page = try await store.documents(.capabilities, after: last, limit: pageLimit)
                for (unit, document) in page {
                    book.recall(document.body, of: unit, firmwareModel: document.firmwareModel ?? "")
                }
                guard page.count == pageLimit else { return }
                last = page.last?.unit
            }
        } catch {
            // Units are asked again.
            logger.error("stored capabilities cannot be read", metadata: ["reason": "\(error)"])
        }
    }

    /// A unit came or went. Costs a look-up where nothing is to be asked.
    nonisolated func heard(_ unit: UnitID) async {
        guard mostAtOnce > 0, let link = units.connectedLink(unit) else { return }
        if book.lacks(unit, firmwareModel: link.firmwareModel) { await queue(unit) }
    }

    /// Asked now; as last known where the unit cannot be asked.
    nonisolated func capabilities(of unit: UnitID) async throws(UnitCallError) -> Capabilities {
        do {
            return try await ask(unit)
        } catch {
            guard let known = book.known(of: unit) else { throw error }
            return known
        }
    }

    private func queue(_ unit: UnitID) {
        guard queued.insert(unit).inserted else { return }
        waiting.append(unit)
        next()
    }

    private func next() {
        while running < mostAtOnce, let unit = waiting.popLast() {
            running += 1
            Task {
                do throws(UnitCallError) {
                    _ = try await ask(unit)
                } catch {
                    logger.debug("GetCap failed", metadata: ["unit": "\(unit)", "reason": "\(error)"])
                }
                finished(unit)
            }
        }
    }

    private func finished(_ unit: UnitID) {
        running -= 1
        queued.remove(unit)
        next()
    }

    private nonisolated func ask(_ unit: UnitID) async throws(UnitCallError) -> Capabilities {
        guard let firmware = units.connectedLink(unit)?.firmwareModel else { throw .offline(unit) }
        do {
            let capabilities = try await calls.ask(GetCap(), of: unit)
            // The Recommendation gives `GetCap` no body: a unit that answers with none says nothing about itself.
            let known = capabilities == Capabilities() ? nil : capabilities
            book.note(known, of: unit, firmwareModel: firmware)
            if let known { await keep(known, of: unit, firmwareModel: firmware) }
            return capabilities
        } catch {
            switch error {
            // It will not say anything else before its next firmware.
            case .refused, .malformedAnswer: book.note(nil, of: unit, firmwareModel: firmware)
            default: break
            }
            throw error
        }
    }

    /// Best effort: what is not kept is asked again after a restart.
    private nonisolated func keep(
        _ capabilities: Capabilities,
        of unit: UnitID,
        firmwareModel: String
    ) async {
        let document = StoredUnitDocument(
            body: String(decoding: capabilities.object.bytes, as: UTF8.self),
            firmwareModel: firmwareModel,
            changedAt: .now
        )
        do throws(StoreError) {
            try await store?.keep([.capabilities: document], of: unit)
        } catch {
            logger.warning("capabilities are not kept", metadata: ["unit": "\(unit)", "reason": "\(error)"])
        }
    }
}
