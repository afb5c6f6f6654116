package import HSSModel

/// Sees to it that a camera which was told to move is told to stop, for one unit.
///
/// `CtrlPTZ` is an event: nobody confirms it, and a `stop` that gets lost leaves the camera turning (Table I.2-17).
/// So a continuous move is lent for a short time. Whoever holds the button repeats the move, which renews it; when
/// the repeats end, or the user goes away, the unit is told to stop. The last word about a channel wins, whoever
/// says it: a move, step, preset or stop of somebody else ends what the one before was lent. Steps and presets end
/// by themselves and need no lease.
///
/// A stop that may have been lost, because the connection ended soon after it or before it, is said again first
/// thing when the unit is back, unless it was gone for longer than ``remembered``: then it has most likely been
/// restarted, and a stop could hit what it does by its own programme.
package struct PTZLease: Sendable {
    /// How long a move is lent unless told, and at most.
    package static let usual: Duration = .seconds(2)
    package static let longest: Duration = .seconds(10)
    /// After this time on the same connection a stop has arrived: a dead connection is given up after 60 s of
    /// silence.
    package static let settled: Duration = .seconds(90)
    /// A unit that returns later than this owes nobody a stop.
    package static let remembered: Duration = .seconds(600)

    package enum Input: Sendable, Equatable {
        /// `lease` counts for moves only; it is cut to ``longest``.
        case command(CtrlPTZ, by: UserName, lease: Duration)
        /// The user logged out or lost the right.
        case userGone(UserName)
        case connected
        case disconnected
        case wake
    }

    package enum Action: Sendable, Equatable {
        case tell(CtrlPTZ)
        /// The unit is not there: the command was not told. A stop is kept where there was something to stop.
        case unreachable
        /// Give ``Input/wake`` then; replaces the one before.
        case wake(at: Instant)
    }

    private struct Move {
        var command: CtrlPTZ
        var user: UserName
        var end: Instant
        /// On this connection: a repeat need not be told again.
        var isTold: Bool
    }

    private enum Channel {
        case moving(Move)
        /// Told to stop, and perhaps it was lost.
        case stopping(until: Instant)
        /// Must be told to stop when the unit is back.
        case owing
    }

    /// At most one for each channel of the unit; one that has settled is not here.
    private var channels: [Int: Channel] = [:]
    /// Nil: connected.
    private var goneSince: Instant?
    private var nextWake: Instant?

    /// For a unit that is connected.
    package init() {}

    /// For a unit whose heads were told to move before the platform was started, at `now`: each is owed a stop for
    /// ``remembered``.
    package init(owing heads: some Sequence<Int>, at now: Instant) {
        for head in heads { channels[head] = .owing }
        goneSince = now
    }

    /// Nothing moves and nothing is owed: the next command may as well begin with a new value.
    package var isIdle: Bool { channels.isEmpty }

    /// Who moves a channel now.
    package func holder(of channel: Int) -> UserName? {
        guard case .moving(let move) = channels[channel] else { return nil }
        return move.user
    }

    package mutating func receive(_ input: Input, at now: Instant) -> [Action] {
        var actions = expire(at: now)
        switch input {
        case .command(let command, let user, let lease):
            actions += obey(command, of: user, for: min(max(lease, .zero), Self.longest), at: now)
        case .userGone(let user):
            for channel in channels.keys.sorted() where holder(of: channel) == user {
                actions += stop(channel, at: now)
            }
        case .connected:
            // A new connection that displaces the old one is also the end of the old one.
            lose(at: now)
            actions += greet(at: now)
        case .disconnected:
            lose(at: now)
        case .wake:
            break
        }
        return actions + wake()
    }

    // MARK: Commands

    private mutating func obey(
        _ command: CtrlPTZ,
        of user: UserName,
        for lease: Duration,
        at now: Instant
    ) -> [Action] {
        let channel = command.channel
        guard goneSince == nil else {
            if command.operation.kind == .stop, channels[channel] != nil { channels[channel] = .owing }
            return [.unreachable]
        }
        switch command.operation.kind {
        case .move:
            var isTold = false
            if case .moving(let move) = channels[channel] { isTold = move.isTold && move.command == command }
            let move = Move(command: command, user: user, end: now + lease, isTold: true)
            channels[channel] = .moving(move)
            return isTold ? [] : [.tell(command)]
        case .stop:
            return stop(channel, at: now)
        case .step, .preset:
            guard holder(of: channel) != nil else { return [.tell(command)] }
            return stop(channel, at: now) + [.tell(command)]
        }
    }

    private mutating func stop(_ channel: Int, at now: Instant) -> [Action] {
        guard goneSince == nil else {
            channels[channel] = .owing
            return []
        }
        channels[channel] = .stopping(until: now + Self.settled)
        return [.tell(CtrlPTZ(channel: channel, operation: .stop))]
    }

    // MARK: The connection

    private mutating func lose(at now: Instant) {
        guard goneSince == nil else { return }
        goneSince = now
        for (channel, state) in channels {
            switch state {
            case .moving(var move):
                move.isTold = false
                channels[channel] = .moving(move)
            case .stopping, .owing:
                channels[channel] = .owing
            }
        }
    }

    private mutating func greet(at now: Instant) -> [Action] {
        goneSince = nil
        var actions: [Action] = []
        for channel in channels.keys.sorted() {
            guard case .owing = channels[channel] else { continue }
            actions += stop(channel, at: now)
        }
        return actions
    }

    // MARK: Time

    private mutating func expire(at now: Instant) -> [Action] {
        var actions: [Action] = []
        for channel in channels.keys.sorted() {
            switch channels[channel] {
            case .moving(let move) where move.end <= now: actions += stop(channel, at: now)
            case .stopping(let until) where until <= now: channels[channel] = nil
            default: break
            }
        }
        if let goneSince, goneSince + Self.remembered <= now { channels = [:] }
        return actions
    }

    private mutating func wake() -> [Action] {
        var next = channels.values.compactMap { channel in
            switch channel {
            case .moving(let move): move.end
            case .stopping(let until): until
            case .owing: nil
            }
        }.min()
        if let goneSince, !channels.isEmpty {
            next = min(next ?? goneSince + Self.remembered, goneSince + Self.remembered)
        }
        guard next != nextWake else { return [] }
        nextWake = next
        return next.map { [.wake(at: $0)] } ?? []
    }
}
