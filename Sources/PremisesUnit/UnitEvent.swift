package import HSSModel

/// What happens in the life of a unit, for whoever watches it. Holds no address with a ticket and no password.
package enum UnitEvent: Sendable, Equatable, CustomStringConvertible {
    case scheduling
    /// Vs named this signalling server.
    case scheduled(server: String)
    case schedulingFailed(String)
    /// The unit's clock now goes ahead of the host's by so much (§9.3.1.1 step 3).
    case clockSet(Duration)
    /// Vs takes signatures: the password is not sent any more.
    case signsLogins
    /// A platform that took signatures, or somebody in its place, offers none. The unit goes on signing.
    case signatureNotOffered
    case connecting(server: String, reconnect: Bool)
    case connected
    case disconnected(String)
    /// The wait before the next attempt (§9.3.1.3).
    case waiting(Duration, attempt: Int)
    case bindSent
    case pushStarted(channel: Int, stream: StreamID)
    /// The media server took the stream.
    case published(channel: Int, stream: StreamID)
    /// The connection broke and is tried again.
    case pushInterrupted(channel: Int, stream: StreamID, String)
    case pushFailed(channel: Int, stream: StreamID, String)
    case pushStopped(channel: Int, stream: StreamID)
    case pushRefused(channel: Int, code: Int)
    case recordingStarted(channel: Int, session: String)
    case recordingStopped(channel: Int, session: String)
    case recordingRefused(channel: Int, code: Int)
    /// It has no picture to record (any more).
    case recordingFailed(channel: Int, session: String, String)
    /// The storage cannot be reached, or has no room; segments wait.
    case recordingInterrupted(channel: Int, String)
    /// The platform has acknowledged it: it counts.
    case segmentSaved(channel: Int, RecordedSpan)
    case segmentUnwanted(channel: Int, RecordedSpan)
    /// It is lost.
    case segmentDropped(channel: Int, RecordedSpan, String)
    case alarmRaised(UnitAlarm)
    case alarmTold(UnitAlarm)
    case alarmRefused(UnitAlarm, code: Int)
    /// More alarms waited than are kept.
    case alarmForgotten
    case upgrading(String)
    case upgraded(String)
    case upgradeFailed(String)
    /// What was sent away.
    case uploaded(String)
    case transferFailed(String, String)
    /// What the platform told the unit to do, and why it did not.
    case eventIgnored(name: String, String)
    case restarting(String)
    case fellAsleep(server: String)
    /// It is wanted, or wants something itself.
    case roused
    case stopped

    /// One word for scripts.
    package var name: String {
        switch self {
        case .scheduling: "scheduling"
        case .scheduled: "scheduled"
        case .schedulingFailed: "scheduling_failed"
        case .clockSet: "clock_set"
        case .signsLogins: "signs_logins"
        case .signatureNotOffered: "signature_not_offered"
        case .connecting: "connecting"
        case .connected: "connected"
        case .disconnected: "disconnected"
        case .waiting: "waiting"
        case .bindSent: "bind_sent"
        case .pushStarted: "push_started"
        case .published: "published"
        case .pushInterrupted: "push_interrupted"
        case .pushFailed: "push_failed"
        case .pushStopped: "push_stopped"
        case .pushRefused: "push_refused"
        case .recordingStarted: "recording_started"
        case .recordingStopped: "recording_stopped"
        case .recordingRefused: "recording_refused"
        case .recordingFailed: "recording_failed"
        case .recordingInterrupted: "recording_interrupted"
        case .segmentSaved: "segment_saved"
        case .segmentUnwanted: "segment_unwanted"
        case .segmentDropped: "segment_dropped"
        case .alarmRaised: "alarm_raised"
        case .alarmTold: "alarm_told"
        case .alarmRefused: "alarm_refused"
        case .alarmForgotten: "alarm_forgotten"
        case .upgrading: "upgrading"
        case .upgraded: "upgraded"
        case .upgradeFailed: "upgrade_failed"
        case .uploaded: "uploaded"
        case .transferFailed: "transfer_failed"
        case .eventIgnored: "event_ignored"
        case .restarting: "restarting"
        case .fellAsleep: "fell_asleep"
        case .roused: "roused"
        case .stopped: "stopped"
        }
    }

    package var description: String {
        switch self {
        case .scheduling: "asks for its signalling server"
        case .scheduled(let server): "was sent to \(server)"
        case .schedulingFailed(let reason): "got no signalling server: \(reason)"
        case .clockSet(let offset): "set its clock by \(offset.inSeconds) s"
        case .signsLogins: "signs its logins from now on"
        case .signatureNotOffered: "is offered no signed login any more, and signs all the same"
        case .connecting(let server, let reconnect): "\(reconnect ? "reconnects" : "connects") to \(server)"
        case .connected: "is logged in"
        case .disconnected(let reason): "lost its connection: \(reason)"
        case .waiting(let delay, let attempt):
            "waits \((delay.inSeconds * 10).rounded() / 10) s before attempt \(attempt)"
        case .bindSent: "sent its bind code"
        case .pushStarted(let channel, let stream): "connects channel \(channel) as stream \(stream)"
        case .published(let channel, let stream): "pushes channel \(channel) as stream \(stream)"
        case .pushInterrupted(let channel, let stream, let reason):
            "tries stream \(stream) of channel \(channel) again: \(reason)"
        case .pushFailed(let channel, let stream, let reason):
            "gave stream \(stream) of channel \(channel) up: \(reason)"
        case .pushStopped(let channel, let stream): "stopped stream \(stream) of channel \(channel)"
        case .pushRefused(let channel, let code): "refused to push channel \(channel): error \(code)"
        case .recordingStarted(let channel, let session): "records channel \(channel) as session \(session)"
        case .recordingStopped(let channel, let session):
            "ended record session \(session) of channel \(channel)"
        case .recordingRefused(let channel, let code): "refused to record channel \(channel): error \(code)"
        case .recordingFailed(let channel, let session, let reason):
            "gave record session \(session) of channel \(channel) up: \(reason)"
        case .recordingInterrupted(let channel, let reason):
            "keeps segments of channel \(channel) until the storage takes them: \(reason)"
        case .segmentSaved(let channel, let span): "saved segment \(span) of channel \(channel)"
        case .segmentUnwanted(let channel, let span):
            "did not upload segment \(span) of channel \(channel): it is not wanted"
        case .segmentDropped(let channel, let span, let reason):
            "lost segment \(span) of channel \(channel): \(reason)"
        case .alarmRaised(let alarm): "is alarmed: \(alarm)"
        case .alarmTold(let alarm): "told the platform of its alarm: \(alarm)"
        case .alarmRefused(let alarm, let code): "was refused its alarm with error \(code): \(alarm)"
        case .alarmForgotten: "forgot its oldest alarm: too many wait"
        case .upgrading(let model): "fetches firmware \(model)"
        case .upgraded(let model): "installed firmware \(model)"
        case .upgradeFailed(let reason): "could not upgrade: \(reason)"
        case .uploaded(let what): "uploaded its \(what)"
        case .transferFailed(let what, let reason): "could not transfer its \(what): \(reason)"
        case .eventIgnored(let name, let reason): "ignored \(name): \(reason)"
        case .restarting(let reason): "starts anew: \(reason)"
        case .fellAsleep(let server): "fell asleep and listens to \(server)"
        case .roused: "woke up"
        case .stopped: "stopped"
        }
    }

    /// The channel and the stream that the event is about.
    package var push: (channel: Int, stream: StreamID)? {
        switch self {
        case .pushStarted(let channel, let stream), .published(let channel, let stream),
            .pushInterrupted(let channel, let stream, _), .pushFailed(let channel, let stream, _),
            .pushStopped(let channel, let stream):
            (channel, stream)
        default: nil
        }
    }
}
