/// What a rule weighs: a device that breaks a `must` does not conform.
package enum CheckSeverity: String, Sendable, Codable {
    case must, should
}

/// What came of one rule.
package enum CheckVerdict: Sendable, Equatable {
    /// With what was seen.
    case passed(String)
    case failed(String)
    /// Why nothing can be said.
    case skipped(String)
}

/// One line of the report.
package struct CheckFinding: Sendable, Equatable {
    /// Table of Appendix I.2 (`I.2-22`) or clause (`§9.3.1.3`).
    package var clause: String
    package var rule: String
    package var severity: CheckSeverity
    /// What the platform sent; empty where it only listened.
    package var asked: String
    package var verdict: CheckVerdict
}

/// What a device was found to do.
package struct CheckReport: Sendable, Equatable {
    package var findings: [CheckFinding] = []
    /// Somebody ended it before every rule was looked at.
    package var wasInterrupted = false

    package init() {}

    /// Every `must` that could be looked at was kept, and something could be. An interrupted check says nothing.
    package var conforms: Bool {
        !wasInterrupted && failed(.must) == 0 && passed > 0
    }

    /// Tables and clauses with a broken `must`, each once, in their order.
    package var broken: [String] {
        var clauses: [String] = []
        for finding in findings where finding.severity == .must && !clauses.contains(finding.clause) {
            if case .failed = finding.verdict { clauses.append(finding.clause) }
        }
        return clauses
    }

    package var passed: Int {
        findings.count { if case .passed = $0.verdict { true } else { false } }
    }

    package var skipped: Int {
        findings.count { if case .skipped = $0.verdict { true } else { false } }
    }

    package func failed(_ severity: CheckSeverity) -> Int {
        findings.count {
            if case .failed = $0.verdict { $0.severity == severity } else { false }
        }
    }

    package var summary: String {
        "\(passed) passed, \(failed(.must)) failed, \(failed(.should)) failed that only should be kept, \(skipped) not checked"
    }
}
