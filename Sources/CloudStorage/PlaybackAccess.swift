import Bus
import HSSModel
import HostClock
import ServerKit
import Synchronization

/// Who may play what, asked again every few seconds: a player makes many requests, and a right that was withdrawn ends what
/// runs within five seconds.
final class PlaybackAccess: Sendable {
    /// How long an answer counts.
    private let validity: Duration
    private static let most = 10_000

    private struct Question: Hashable {
        var user: UserName
        var recorded: RecordedChannel
    }

    private struct Answer {
        var isAllowed: Bool
        var askedAt: Instant
    }

    private let rights: any PlaybackRights
    private let answers = Mutex<[Question: Answer]>([:])

    init(_ rights: any PlaybackRights, validity: Duration = .seconds(5)) {
        self.rights = rights
        self.validity = validity
    }

    func isAllowed(
        _ recorded: RecordedChannel,
        _ user: UserName,
        at now: Instant = .now
    ) async throws(RecordingError) -> Bool {
        let question = Question(user: user, recorded: recorded)
        let known = answers.withLock { $0[question] }
        if let known, now - known.askedAt < validity { return known.isAllowed }
        let isAllowed = try await rights.mayPlay(recorded, user)
        answers.withLock { answers in
            if answers.count >= Self.most {
                answers = answers.filter { now - $0.value.askedAt < validity }
            }
            // Beyond it every request asks for itself.
            guard answers.count < Self.most else { return }
            answers[question] = Answer(isAllowed: isAllowed, askedAt: now)
        }
        return isAllowed
    }
}

/// How often each user may ask for what costs a look into the index.
final class PlaybackRates: Sendable {
    private static let usersRemembered = 50_000

    private let rates: Mutex<RateLimiter<UserName>>

    /// Requests a second in the long run, and at once.
    init(perSecond: Double, burst: Int) {
        rates = Mutex(RateLimiter(perSecond: perSecond, burst: burst, capacity: Self.usersRemembered))
    }

    func admit(_ user: UserName, at now: Instant = .now) -> Bool {
        rates.withLock { $0.admit(user, at: now) }
    }
}

/// How many files are made at a time.
final class ExportSlots: Sendable {
    enum Refusal { case all, one }

    private struct State {
        var users: [UserName: Int] = [:]
        var count = 0
    }

    private let most: Int
    private let mostOfOne: Int
    private let state = Mutex(State())

    init(most: Int, mostOfOne: Int) {
        self.most = most
        self.mostOfOne = mostOfOne
    }

    var count: Int { state.withLock(\.count) }

    /// Nil: whoever asks has a place, and gives it back with ``leave(_:)``.
    func enter(_ user: UserName) -> Refusal? {
        state.withLock { state in
            guard state.users[user, default: 0] < mostOfOne else { return .one }
            guard state.count < most else { return .all }
            state.users[user, default: 0] += 1
            state.count += 1
            return nil
        }
    }

    func leave(_ user: UserName) {
        state.withLock { state in
            let left = state.users[user, default: 1] - 1
            state.users[user] = left > 0 ? left : nil
            state.count -= 1
        }
    }
}

/// A place in ``ExportSlots``, given back when the last one that needs it lets go.
final class ExportSlot: Sendable {
    private let slots: ExportSlots
    private let user: UserName

    private init(_ slots: ExportSlots, _ user: UserName) {
        self.slots = slots
        self.user = user
    }

    static func take(_ slots: ExportSlots, _ user: UserName) -> Result<ExportSlot, ExportBusy> {
        if let refusal = slots.enter(user) { return .failure(ExportBusy(refusal: refusal)) }
        return .success(ExportSlot(slots, user))
    }

    deinit { slots.leave(user) }
}

struct ExportBusy: Error {
    var refusal: ExportSlots.Refusal
}
