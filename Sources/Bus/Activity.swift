package import HSSModel

// What came from units and is kept: uploads, alarms, events. Whoever calls has checked the right to do so.

package enum ActivityError: Error, Equatable, CustomStringConvertible {
    case notFound(String)
    /// Nothing came in time.
    case nothingCame(after: Duration)
    /// At a limit of addresses, waits or subscribers.
    case busy(String)
    case unavailable(String)

    package var description: String {
        switch self {
        case .notFound(let what): "\(what) does not exist"
        case .nothingCame(let delay): "nothing came within \(Int(delay.inSeconds.rounded())) s"
        case .busy(let limit): "at a limit: \(limit)"
        case .unavailable(let reason): "what is kept is not available: \(reason)"
        }
    }
}

/// Where a unit may `PUT` one thing, once.
package struct UploadAddress: Sendable, Equatable {
    package var id: UploadID
    package var url: Secret
    package var expiresAt: WallTime

    package init(id: UploadID, url: Secret, expiresAt: WallTime) {
        self.id = id
        self.url = url
        self.expiresAt = expiresAt
    }
}

/// Something that a unit sent.
package struct StoredContent: Sendable {
    package typealias Read =
        @Sendable (_ offset: Int64, _ count: Int) async throws(ActivityError) -> [UInt8]

    /// `image/jpeg`, or `application/octet-stream` for a log.
    package var type: String
    /// In bytes.
    package var size: Int64
    /// Lower-case hexadecimal.
    package var sha256: String
    package var storedAt: WallTime
    /// At most `count` bytes from `offset` on; fewer only at the end.
    package var read: Read

    package init(
        type: String,
        size: Int64,
        sha256: String,
        storedAt: WallTime,
        read: @escaping Read
    ) {
        self.type = type
        self.size = size
        self.sha256 = sha256
        self.storedAt = storedAt
        self.read = read
    }
}

/// Uploads of units.
package protocol UploadPoint: Sendable {
    /// An address for `unit`. With `https` false it is a plain one, where the configuration has such a port:
    /// for units whose capability `*_https` says that they cannot.
    func address(
        for purpose: UploadPurpose,
        of unit: UnitID,
        channel: Int?,
        reference: String?,
        https: Bool
    ) async throws(ActivityError) -> UploadAddress

    /// What comes to this address, at the latest after `limit`. Cancelling the task gives the wait up.
    func content(of upload: UploadID, within limit: Duration) async throws(ActivityError) -> StoredContent

    /// The newest content for a reference: a log task, an alarm.
    func content(for reference: String) async throws(ActivityError) -> StoredContent
}

/// Alarms of units and their history.
package protocol AlarmPoint: Sendable {
    func alarms(_ query: AlarmQuery) async throws(ActivityError) -> [AlarmRecord]
    func alarm(_ id: AlarmID) async throws(ActivityError) -> AlarmRecord
}

/// The event log.
package protocol EventPoint: Sendable {
    /// Oldest first.
    func events(after: EventID, limit: Int) async throws(ActivityError) -> [PlatformEvent]
    func newestEvent() async throws(ActivityError) -> EventID
    /// Rings when there are new events, also for several at once. `busy` beyond the limit of subscribers.
    func bell() throws(ActivityError) -> AsyncStream<Void>
}

/// Where roles write what happened. Best effort: what cannot be written is logged and counted.
package protocol EventSink: Sendable {
    func record(_ event: NewEvent) async
}
