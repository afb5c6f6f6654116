import Vd

/// Messages of one unit that wait to be served: one at a time, in the order in which they came.
///
/// Requests are bounded by ``RPCSession/Limits/waitingServes``, events here: a unit that sends more than are
/// served loses the newest.
struct UnitInbox {
    static let mostEvents = 16

    enum Errand: Sendable {
        case answer(ServeID, @Sendable () async -> RPCAnswer)
        case event(@Sendable () async -> Void)

        /// The answer to send; nil for an event.
        func run() async -> (ServeID, RPCAnswer)? {
            switch self {
            case .answer(let id, let body): return (id, await body())
            case .event(let body):
                await body()
                return nil
            }
        }
    }

    private var waiting: [Errand] = []
    private var waitingEvents = 0
    private var isServing = false

    /// False: an event too many, which is dropped.
    mutating func add(_ errand: Errand) -> Bool {
        if case .event = errand {
            guard waitingEvents < Self.mostEvents else { return false }
            waitingEvents += 1
        }
        waiting.append(errand)
        return true
    }

    /// What is to be served now; nil while something is, and when nothing waits.
    mutating func next() -> Errand? {
        guard !isServing, !waiting.isEmpty else { return nil }
        isServing = true
        let errand = waiting.removeFirst()
        if case .event = errand { waitingEvents -= 1 }
        return errand
    }

    /// What ``next()`` gave has been served.
    mutating func served() {
        isServing = false
    }

    /// The connection ended: nobody is left to answer, and the unit repeats what it needs.
    mutating func drop() {
        waiting = []
        waitingEvents = 0
    }
}
