package import HSSModel

package enum RecordingError: Error, Equatable, CustomStringConvertible {
    /// There is no such channel, session or recording.
    case notFound(String)
    /// It cannot be as things are: a limit is reached, the quota is used up.
    case conflict(String)
    /// The storage or the database does not answer now.
    case unavailable(String)
    /// What is stored is damaged.
    case damaged(String)

    package var description: String {
        switch self {
        case .notFound(let what): "\(what) does not exist"
        case .conflict(let what): what
        case .unavailable(let reason): "recordings are not available: \(reason)"
        case .damaged(let what): "a recording is damaged: \(what)"
        }
    }
}

/// One order to record one channel, over connections and restarts of its unit.
package struct RunningRecordSession: Sendable, Hashable {
    package var id: RecordSessionID
    package var channel: ChannelAddress
    package var begunAt: WallTime

    package init(id: RecordSessionID, channel: ChannelAddress, begunAt: WallTime) {
        self.id = id
        self.channel = channel
        self.begunAt = begunAt
    }
}

/// What the SCU, which orders recordings, asks of the storage, which takes them (§8.2 d; the Recommendation gives this
/// reference point no name). One session of a channel runs at a time.
package protocol RecordSessionPoint: Sendable {
    /// Those that ran when the platform ended.
    func runningSessions() async throws(RecordingError) -> [RunningRecordSession]

    /// Durable when it returns; ends an earlier session of the channel. Idempotent.
    func begin(
        _ session: RecordSessionID,
        of channel: ChannelAddress
    ) async throws(RecordingError) -> RunningRecordSession

    /// Where the unit asks for addresses: `cbk_url`, at most 256 bytes, with a key (Table I.2-14). `secure`: over https.
    func address(of session: RecordSessionID, secure: Bool) async throws(RecordingError) -> Secret

    /// Segments that start at `time` or later are not wanted any more; those before may still come. Idempotent.
    func end(_ session: RecordSessionID, at time: WallTime) async throws(RecordingError)
}
