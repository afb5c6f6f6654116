import Bus
import HSSModel
import HostClock
import Logging
import Store
import Vd

/// Asks units for what they have to send: a picture, a log. Makes the address, gives it to the unit, and waits.
struct UploadOrders {
    /// How long a picture may be on its way after the unit said that it has sent it.
    private static let patience = Duration.seconds(5)
    private static let tasksKept = 100
    private static let day = Duration.seconds(86_400)

    let calls: UnitCalls
    let uploads: (any UploadPoint)?
    let store: (any LogTaskStore)?
    let logger: Logger

    // MARK: Pictures

    /// Table I.2-22: "The answer comes after the picture has been uploaded."
    func snapshot(of channel: ChannelAddress) async throws(UnitUploadError) -> StoredContent {
        try await unit { () async throws(UnitCallError) in
            _ = try await calls.link(
                to: channel.unit,
                for: Snapshot(channel: channel.number, url: Secret("-"))
            )
        }
        let address = try await address(
            for: .snapshot,
            of: channel.unit,
            channel: channel.number,
            reference: PictureMemory.snapshotReference(of: channel),
            needing: .pictureUploadHTTPS
        )
        do throws(UnitCallError) {
            _ = try await calls.ask(Snapshot(channel: channel.number, url: address.url), of: channel.unit)
        } catch {
            // The answer may be lost where the picture is not.
            guard case .silent = error,
                let content = try? await uploads?.content(of: address.id, within: .zero)
            else { throw .unit(error) }
            return content
        }
        return try await kept { (uploads) async throws(ActivityError) in
            try await uploads.content(of: address.id, within: Self.patience)
        }
    }

    // MARK: Logs

    func askForLog(
        of unit: UnitID,
        from start: UnitDateTime?,
        to end: UnitDateTime?
    ) async throws(UnitUploadError) -> LogTask {
        let last: UnitDateTime
        if let end {
            last = end
        } else {
            last = try await self.unit { () async throws(UnitCallError) in
                try await calls.ask(QueryTime(), of: unit).dateTime
            }
        }
        let first = start ?? UnitDateTime(last.wallTime(hoursEast: 0) + (.zero - Self.day), hoursEast: 0)
        guard first <= last else { throw .invalid(FieldError("end", "before start")) }
        let number = Int.random(in: 1..<(1 << 52))
        let task = LogTask(
            id: LogTaskID(unchecked: "\(number)"),
            unit: unit,
            start: first.description,
            end: last.description,
            createdAt: .now
        )
        let address = try await address(
            for: .log,
            of: unit,
            channel: nil,
            reference: Self.reference(task.id),
            needing: .logUploadHTTPS
        )
        try await stored { (store) async throws(StoreError) in
            try await store.add(task, keeping: Self.tasksKept)
        }
        let request = LogUploadAsync(
            transaction: TransactionID(number),
            start: first,
            end: last,
            url: address.url
        )
        do throws(UnitCallError) {
            _ = try await calls.ask(request, of: unit)
        } catch {
            // A unit that fell silent may still send it.
            if case .silent = error { throw .unit(error) }
            _ = try? await store?.end(task.id, of: unit, as: .failed, covers: nil, at: .now)
            throw .unit(error)
        }
        return task
    }

    func logTasks(of unit: UnitID) async throws(UnitUploadError) -> [LogTask] {
        try await stored { (store) async throws(StoreError) in
            try await store.logTasks(of: unit, limit: Self.tasksKept)
        }
    }

    func logTask(_ id: LogTaskID, of unit: UnitID) async throws(UnitUploadError) -> LogTask {
        let task = try await stored { (store) async throws(StoreError) in try await store.logTask(id) }
        guard let task, task.unit == unit else { throw .upload(.notFound("log \(id) of device \(unit)")) }
        return task
    }

    func log(_ id: LogTaskID, of unit: UnitID) async throws(UnitUploadError) -> StoredContent {
        _ = try await logTask(id, of: unit)
        return try await kept { (uploads) async throws(ActivityError) in
            try await uploads.content(for: Self.reference(id))
        }
    }

    /// Apart from the names of alarms, which are references too.
    private static func reference(_ id: LogTaskID) -> String { "log-\(id)" }

    // MARK: Helpers

    private func address(
        for purpose: UploadPurpose,
        of unit: UnitID,
        channel: Int?,
        reference: String?,
        needing https: Capability
    ) async throws(UnitUploadError) -> UploadAddress {
        let takesHTTPS = calls.abilities.known(of: unit)?.supports(https) ?? true
        return try await kept { (uploads) async throws(ActivityError) in
            try await uploads.address(
                for: purpose,
                of: unit,
                channel: channel,
                reference: reference,
                https: takesHTTPS
            )
        }
    }

    private func unit<Value>(
        _ body: () async throws(UnitCallError) -> Value
    ) async throws(UnitUploadError) -> Value {
        do throws(UnitCallError) { return try await body() } catch { throw .unit(error) }
    }

    private func kept<Value>(
        _ body: (any UploadPoint) async throws(ActivityError) -> Value
    ) async throws(UnitUploadError) -> Value {
        guard let uploads else { throw .upload(.unavailable("this node takes no uploads")) }
        do throws(ActivityError) { return try await body(uploads) } catch { throw .upload(error) }
    }

    private func stored<Value>(
        _ body: (any LogTaskStore) async throws(StoreError) -> Value
    ) async throws(UnitUploadError) -> Value {
        guard let store else { throw .upload(.unavailable("this node keeps no log tasks")) }
        do throws(StoreError) {
            return try await body(store)
        } catch {
            if case .notFound(let what) = error { throw .upload(.notFound(what)) }
            throw .upload(.unavailable(error.description))
        }
    }
}

/// Notes the end of log uploads (`LogDone`, Table I.2-30).
struct LogEnds: UnitRequestServer {
    let store: (any LogTaskStore)?
    let logger: Logger

    func register(in table: inout UnitRequestTable) {
        guard let store else { return }
        let logger = logger
        table.take(LogDone.self) { done, unit in
            guard let id = LogTaskID(rawValue: done.transaction.description) else { return }
            do throws(StoreError) {
                _ = try await store.end(
                    id,
                    of: unit.unit,
                    as: done.outcome == .success ? .done : .failed,
                    covers: (start: done.start.description, end: done.end.description),
                    at: .now
                )
            } catch {
                logger.error(
                    "the end of a log upload is not kept",
                    metadata: ["unit": "\(unit.unit)", "reason": "\(error)"]
                )
            }
        }
    }
}
