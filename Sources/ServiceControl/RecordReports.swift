import Bus
import HSSModel
import ServerKit
import Store
import Synchronization
import Vd

/// What units and alarms say that concerns recording, since ``RecordDirector`` looked last. Event loops and desks write
/// here and do not wait.
final class RecordReports: Sendable {
    struct News {
        /// `record_session` of the last heartbeat (Table I.2-1).
        var sessions: [ChannelAddress: RecordSessionID?] = [:]
        var alarms: [RecordAlarm] = []
    }

    private struct State {
        var news = News()
        /// Channels of which also "none" is worth knowing.
        var followed: Set<ChannelAddress> = []
    }

    /// What does not fit comes again with the next heartbeats.
    private static let mostSessions = 65_536
    /// An alarm beyond starts no recording.
    private static let mostAlarms = 10_000

    private let state = Mutex(State())
    private let lost: Counter

    init(_ metrics: MetricRegistry) {
        lost = metrics.counter(
            "vedette_record_alarms_lost_total",
            "Alarms that came faster than their rules could be looked at."
        )
    }

    func take() -> News {
        state.withLock { state in
            guard !state.news.sessions.isEmpty || !state.news.alarms.isEmpty else { return News() }
            defer { state.news = News() }
            return state.news
        }
    }

    func follow(_ channel: ChannelAddress, _ isFollowed: Bool) {
        state.withLock {
            if isFollowed { $0.followed.insert(channel) } else { $0.followed.remove(channel) }
        }
    }

    private func heard(_ keepalive: Keepalive, from unit: UnitRegistration) {
        state.withLock { state in
            for channel in keepalive.channels where unit.channels[channel.number] != nil {
                let address = ChannelAddress(unit: unit.unit, number: channel.number)
                // A name that cannot be one of ours is nothing that could be stopped by its name.
                let session = channel.recordSession.flatMap { RecordSessionID(rawValue: $0) }
                guard session != nil || state.followed.contains(address) else { continue }
                guard
                    state.news.sessions.count < Self.mostSessions || state.news.sessions[address] != nil
                else { continue }
                state.news.sessions.updateValue(session, forKey: address)
            }
        }
    }

    func heard(_ alarm: RecordAlarm) {
        let fits = state.withLock { state in
            guard state.news.alarms.count < Self.mostAlarms else { return false }
            state.news.alarms.append(alarm)
            return true
        }
        if !fits { lost.add() }
    }
}

extension RecordReports: UnitRequestServer {
    func register(in table: inout UnitRequestTable) {
        table.follow { [self] keepalive, unit in heard(keepalive, from: unit) }
    }
}

/// What became of an alarm, for the rules of its channel.
struct RecordAlarm: Sendable {
    var channel: ChannelAddress
    /// Value of the table of alarm types.
    var type: Int
    var change: AlarmChange
    /// When the platform heard it: a unit's clock may be far off.
    var at: WallTime
}
