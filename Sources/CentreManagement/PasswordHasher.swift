import Dispatch
import HSSModel
import Synchronization

/// Checks and makes password hashes on threads of its own: one takes about a quarter of a second of CPU and
/// would stop the tasks of a whole core.
///
/// A few run at once and a bounded number wait; beyond that callers are sent away, because a login flood must
/// not take the machine's memory (32 MiB each) nor let everybody wait for minutes.
package final class PasswordHasher: Sendable {
    package struct Overloaded: Error {}

    private let cost: PasswordHash.Cost
    private let lanes: [DispatchQueue]
    private let waitingLimit: Int
    private let waiting = Atomic(0)
    private let turn = Atomic(0)

    package init(
        cost: PasswordHash.Cost = .recommended,
        lanes: Int = 2,
        waitingLimit: Int = 64
    ) {
        self.cost = cost
        self.lanes = (0..<max(1, lanes)).map { DispatchQueue(label: "password.\($0)") }
        self.waitingLimit = waitingLimit
    }

    func hash(_ password: Secret) async throws -> Secret {
        let cost = cost
        return try await run { try PasswordHash(of: password, cost: cost).stored }
    }

    struct Check {
        var matches: Bool
        /// Made where the password is right and its stored form weaker than what is asked for today.
        var renewed: Secret?
    }

    /// `stored` is nil for a user who does not exist. What cannot be read matches nothing.
    func check(_ password: Secret, against stored: Secret?) async throws -> Check {
        let cost = cost
        return try await run {
            guard let stored, let hash = PasswordHash(stored: stored) else {
                _ = try PasswordHash(ofNobodyAt: cost).matches(password)
                return Check(matches: false, renewed: nil)
            }
            guard try hash.matches(password) else { return Check(matches: false, renewed: nil) }
            let renewed = hash.cost == cost ? nil : try PasswordHash(of: password, cost: cost).stored
            return Check(matches: true, renewed: renewed)
        }
    }

    private func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        guard waiting.wrappingAdd(1, ordering: .relaxed).newValue <= waitingLimit else {
            waiting.wrappingSubtract(1, ordering: .relaxed)
            throw Overloaded()
        }
        defer { waiting.wrappingSubtract(1, ordering: .relaxed) }
        let next = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        let lane = lanes[Int(UInt(bitPattern: next) % UInt(lanes.count))]
        return try await withCheckedThrowingContinuation { continuation in
            lane.async { continuation.resume(with: Result { try work() }) }
        }
    }
}
