/// How a simulated unit misbehaves at the storage on purpose.
package struct RecordFaultPlan: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// The connection of an upload breaks half way.
        case brokenUpload = "vr-drop"
        /// `size` is not what is uploaded.
        case wrongSize = "vr-wrong-size"
        /// Each `create` twice.
        case repeatedCreate = "vr-duplicate"
        /// Cannot upload by https (`https=0`, Table I.3-1).
        case plain = "vr-plain"
    }

    package enum Shift: String, Sendable, CaseIterable {
        /// Confirms each segment alone, so much later.
        case lateSave = "vr-late-save"
        /// Segments start so much later than they do, and what the platform says of the time is not heard.
        case clock = "vr-clock"
    }

    /// Of a thousand. Two tables, and no room for each fault: the plan is in each of thousands of units.
    package var chances: [Kind: Int] = [:]
    package var shifts: [Shift: Duration] = [:]

    package var lateSave: Duration? { shifts[.lateSave] }
    package var clockOffset: Duration? { shifts[.clock] }
    package var isPlain: Bool { chances[.plain] != nil }

    package init() {}
}

/// A ``RecordFaultPlan`` and its dice.
struct RecordFaults: Sendable {
    let plan: RecordFaultPlan
    private var random: UnitRandom

    init(_ plan: RecordFaultPlan, seed: UInt64) {
        self.plan = plan
        random = UnitRandom(seed: seed)
    }

    /// After how many bytes an upload of `size` breaks.
    mutating func breakUpload(of size: Int) -> Int? {
        happens(.brokenUpload) ? size / 2 : nil
    }

    /// What is added to the announced size.
    mutating func wrongSize() -> Int64 { happens(.wrongSize) ? 188 : 0 }

    mutating func repeatsCreate() -> Bool { happens(.repeatedCreate) }

    private mutating func happens(_ kind: RecordFaultPlan.Kind) -> Bool {
        guard let chance = plan.chances[kind], chance > 0 else { return false }
        return Int.random(in: 0..<1000, using: &random) < chance
    }
}
