import Synchronization

/// What has to be in order for this node to be given work: `/readyz` asks.
package final class Readiness: Sendable {
    /// Nil: in order. Otherwise what is wrong, in one line for the operator.
    package typealias Check = @Sendable () async -> String?

    private let checks = Mutex<[String: Check]>([:])

    package init() {}

    /// Adds a check, or replaces the one of that name.
    package func register(_ name: String, _ check: @escaping Check) {
        checks.withLock { $0[name] = check }
    }

    /// A condition that its owner sets, at first "starting".
    package func condition(_ name: String) -> ReadinessCondition {
        let condition = ReadinessCondition()
        register(name) { condition.problem }
        return condition
    }

    /// Every check that is not in order, by name.
    package func problems() async -> [String: String] {
        var problems: [String: String] = [:]
        for (name, check) in checks.withLock({ $0 }) {
            if let problem = await check() { problems[name] = problem }
        }
        return problems
    }
}

package final class ReadinessCondition: Sendable {
    private let state = Mutex<String?>("starting")

    fileprivate init() {}

    package var problem: String? { state.withLock { $0 } }

    /// Nil: in order now.
    package func set(_ problem: String?) {
        state.withLock { $0 = problem }
    }
}
