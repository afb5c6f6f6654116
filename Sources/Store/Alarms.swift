package import HSSModel

/// What a report changed.
package enum AlarmChange: String, Sendable {
    case start, end, pulse
}

/// What came of the report of an alarm that starts or happens.
package struct BegunAlarm: Sendable, Equatable {
    package var alarm: AlarmRecord
    /// It was known already: a repeated report.
    package var isRepeat: Bool
    /// Where its picture may be sent: the address that was offered, or the unused one of the first report. Nil
    /// where the picture is there or the unit has too many addresses open.
    package var upload: UploadID?

    package init(alarm: AlarmRecord, isRepeat: Bool, upload: UploadID?) {
        self.alarm = alarm
        self.isRepeat = isRepeat
        self.upload = upload
    }
}

/// Alarms of units and their history. Every call is one transaction, with the events that it writes; what it
/// returned from is durable.
package protocol AlarmStore: Sendable {
    /// What is written into the event log about a change.
    typealias Describe = @Sendable (AlarmChange, AlarmRecord) -> NewEvent

    /// An alarm starts, or happens where it has an end already.
    ///
    /// The same channel, type and start again is a repeat. A start that had been inferred becomes this one; one
    /// that never ended ends here. `picture` is the address to offer, of which `openUploads` may be open for one
    /// unit. Only the newest `limit` alarms of a unit stay. `notFound` for a unit that is not enrolled.
    func begin(
        _ alarm: AlarmRecord,
        picture: StoredUpload?,
        openUploads: Int,
        limit: Int,
        describe: Describe
    ) async throws(StoreError) -> BegunAlarm

    /// The alarm of this channel and type ends at `end.endedAt`. Where none lasts, a repeated report changes
    /// nothing, an inferred end becomes this one, and an end that comes alone is kept as the alarm `end`.
    /// Returns what changed.
    func end(
        _ end: AlarmRecord,
        limit: Int,
        describe: Describe
    ) async throws(StoreError) -> AlarmRecord?

    /// Alarms that last, at most `limit`.
    func activeAlarms(limit: Int) async throws(StoreError) -> [AlarmRecord]

    func alarm(_ id: AlarmID) async throws(StoreError) -> AlarmRecord?

    func alarms(_ query: AlarmQuery) async throws(StoreError) -> [AlarmRecord]

    /// Drops alarms that the platform heard of before `time` and that have ended, at most `limit`, and lets
    /// their pictures expire. Returns how many it dropped.
    func dropAlarms(before time: WallTime, at now: WallTime, limit: Int) async throws(StoreError) -> Int
}
