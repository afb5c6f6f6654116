package import HSSModel
package import Vr

/// Why a wish for a recording cannot be taken, said so that a customer can act on it.
package enum RecordControlError: Error, Equatable, CustomStringConvertible {
    case noSuchChannel(ChannelAddress)
    /// A value breaks a rule: which field, and what is allowed.
    case invalid(String, String)
    /// The unit is known to lack what it takes; nothing was kept.
    case unit(UnitCallError)
    case busy(String)
    case unavailable(String)

    package var description: String {
        switch self {
        case .noSuchChannel(let channel): "unit \(channel.unit) has no channel \(channel.number)"
        case .invalid(let field, let rule): "\(field): \(rule)"
        case .unit(let error): error.description
        case .busy(let limit): "at a limit: \(limit)"
        case .unavailable(let reason): "recordings cannot be ordered now: \(reason)"
        }
    }
}

/// A customer's `record start`.
package struct RecordingOrder: Sendable, Equatable {
    /// Nil: as it is set.
    package var segment: Duration?
    package var prerecord: Duration
    /// Nil: until it is stopped.
    package var until: WallTime?

    package init(segment: Duration? = nil, prerecord: Duration = .zero, until: WallTime? = nil) {
        self.segment = segment
        self.prerecord = prerecord
        self.until = until
    }
}

/// How the recording of one channel stands.
package struct RecordingStatus: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        /// Nothing is wanted, and nothing runs.
        case idle
        /// It is wanted, and waits for the unit to connect, or to wake.
        case offline, asleep
        /// The unit has been told, or is about to be.
        case starting
        case recording
        /// The unit does not do it; it is asked again.
        case refused
        /// Nothing is wanted any more; the unit has not confirmed it yet.
        case stopping
    }

    /// What last went wrong, as long as it stands.
    package struct Problem: Sendable, Equatable {
        package var at: WallTime
        package var text: String
        /// `err` of the unit's answer (Table I.2-14).
        package var unitError: Int?

        package init(at: WallTime, text: String, unitError: Int? = nil) {
            self.at = at
            self.text = text
            self.unitError = unitError
        }
    }

    package var state: State
    /// Who or what wants it now.
    package var reasons: Set<RecordingDemand.Wish.Reason>
    package var command: RecordingWishes.Command?
    package var session: RecordSessionID?
    /// When the session began.
    package var since: WallTime?
    package var segment: Duration
    /// When something else may be wanted: a window of the plan, the end of a clip.
    package var nextChange: WallTime?
    package var problem: Problem?
    /// What the unit recorded in this session and lost (`dropped_nb`, `dropped_time`, Table I.3-5).
    package var droppedCount: Int
    package var droppedTime: Duration

    package init(
        state: State = .idle,
        reasons: Set<RecordingDemand.Wish.Reason> = [],
        command: RecordingWishes.Command? = nil,
        session: RecordSessionID? = nil,
        since: WallTime? = nil,
        segment: Duration,
        nextChange: WallTime? = nil,
        problem: Problem? = nil,
        droppedCount: Int = 0,
        droppedTime: Duration = .zero
    ) {
        self.state = state
        self.reasons = reasons
        self.command = command
        self.session = session
        self.since = since
        self.segment = segment
        self.nextChange = nextChange
        self.problem = problem
        self.droppedCount = droppedCount
        self.droppedTime = droppedTime
    }
}

/// Reference point Cs, starting and stopping of recording (Tables I.2-14, I.2-15). Whoever calls has checked the right to
/// do so. What is wanted is durable when a call returns, and stays wanted while the unit is away.
package protocol RecordControlPoint: Sendable {
    /// Wakes a unit that sleeps. Returns once the unit has answered, or after some seconds: the status says which. Given
    /// again it goes on with the new end.
    func startRecording(
        _ channel: ChannelAddress,
        _ order: RecordingOrder,
        by user: UserName
    ) async throws(RecordControlError) -> RecordingStatus

    /// Takes the command back. A plan or an alarm that wants the recording keeps it going. Idempotent.
    func stopRecording(_ channel: ChannelAddress) async throws(RecordControlError) -> RecordingStatus

    func recordingStatus(of channel: ChannelAddress) async throws(RecordControlError) -> RecordingStatus

    func recordingWishes(of channel: ChannelAddress) async throws(RecordControlError) -> RecordingWishes

    /// Nil: none. A sleeping unit is not woken for a plan; one that wakes is told.
    func setPlan(
        _ plan: RecordingWishes.Plan?,
        segment: Duration?,
        of channel: ChannelAddress
    ) async throws(RecordControlError) -> RecordingWishes

    /// Nil: none. Alarms that last already count.
    func setRule(
        _ rule: RecordingWishes.Rule?,
        segment: Duration?,
        of channel: ChannelAddress
    ) async throws(RecordControlError) -> RecordingWishes
}

extension RecordingDemand.Wish.Reason {
    /// As events and the API say it.
    package var word: String {
        switch self {
        case .command: "command"
        case .plan: "plan"
        case .alarm: "alarm"
        }
    }
}
