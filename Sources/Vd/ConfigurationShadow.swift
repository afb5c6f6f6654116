package import HSSModel

/// One unit's configuration as the platform sees it: what the unit said, what is wanted, and the way from the one to
/// the other (Tables I.2-19 and I.2-20).
///
/// A machine without sockets and clocks. It asks for the document when a unit connects, sends only what differs,
/// and finds the field that a unit refuses by halving what it sent. What is lost is asked for again; what a unit
/// refuses is not, until it is wanted anew or other firmware runs.
package struct ConfigurationShadow: Sendable {
    /// Why a wanted field is not what the unit has.
    package struct Refusal: Sendable, Equatable {
        /// 12, 13 or 102 of the unit; nil: it agreed and kept another value.
        package var code: Int?
        package var message: String

        package init(code: Int?, message: String) {
            self.code = code
            self.message = message
        }
    }

    package struct Timing: Sendable {
        /// Before a failed request is repeated; doubled with each failure.
        package var retry: Duration
        package var longestRetry: Duration
        /// Failures in a row after which the unit is left alone until it connects again.
        package var attempts: Int

        package init(
            retry: Duration = .seconds(2),
            longestRetry: Duration = .seconds(300),
            attempts: Int = 8
        ) {
            self.retry = retry
            self.longestRetry = longestRetry
            self.attempts = attempts
        }
    }

    /// Names one request, so that late news of an earlier one changes nothing.
    package struct RequestID: Sendable, Equatable {
        fileprivate let rawValue: UInt64
    }

    package enum Outcome: Sendable {
        case document(ConfigurationDocument)
        case refused(code: Int, message: String)
        /// An answer that is no configuration.
        case malformed
        /// Whether the unit acted is unknown.
        case lost
    }

    package enum Input: Sendable {
        /// Refusals of other firmware no longer count.
        case connected(otherFirmware: Bool)
        case disconnected
        /// Wants these fields as well; what is dropped is no longer wanted, and the unit keeps what it has there.
        case desire(ConfigurationDocument, dropping: [ConfigurationPath])
        /// Nothing is wanted any more: the unit keeps what it has.
        case release
        /// Somebody wants to see what the unit has now.
        case refresh
        case answered(RequestID, Outcome)
        case wake
    }

    package enum Action: Sendable, Equatable {
        /// `GetConfig`.
        case read(RequestID)
        /// `SetConfig` with these fields only.
        case write(RequestID, ConfigurationDocument)
        /// Replaces the wake before. Waking early does no harm.
        case wake(at: Instant)
    }

    private enum Work: Equatable {
        case none
        case reading(RequestID)
        case writing(RequestID, ConfigurationDocument)
    }

    /// As the unit last said; nil: it never did.
    package private(set) var reported: ConfigurationDocument?
    package private(set) var desired: ConfigurationDocument
    package private(set) var refusals: [ConfigurationPath: Refusal]
    private let timing: Timing
    private var isConnected = false
    private var work = Work.none
    private var mustRead = false
    /// Parts of a refused change that still have to be tried by themselves.
    private var parts: [ConfigurationDocument] = []
    private var failures = 0
    private var wakeAt: Instant?
    private var lastRequest: UInt64 = 0

    package init(
        reported: ConfigurationDocument? = nil,
        desired: ConfigurationDocument = ConfigurationDocument(),
        refusals: [ConfigurationPath: Refusal] = [:],
        timing: Timing = Timing()
    ) {
        self.reported = reported
        self.desired = desired
        self.refusals = refusals
        self.timing = timing
    }

    /// What is wanted and not there, with what was refused.
    package var difference: ConfigurationDocument? {
        desired.difference(from: reported ?? ConfigurationDocument())
    }

    /// Whether `other` would be kept in the same words.
    package func knowsTheSame(as other: ConfigurationShadow) -> Bool {
        reported == other.reported && desired == other.desired && refusals == other.refusals
    }

    /// Nothing runs and nothing is left that could be done now.
    package var isSettled: Bool {
        work == .none && wakeAt == nil && (!isConnected || (!mustRead && pending == nil) || hasGivenUp)
    }

    package mutating func receive(_ input: Input, at now: Instant) -> [Action] {
        switch input {
        case .connected(let otherFirmware):
            if otherFirmware { refusals = [:] }
            isConnected = true
            restart()
            mustRead = true
        case .disconnected:
            isConnected = false
            restart()
        case .desire(let change, let dropped):
            desired = desired.merging(change).keeping { !dropped.contains($0) } ?? ConfigurationDocument()
            for path in change.fields.map(\.path) + dropped { refusals[path] = nil }
            failures = 0
            wakeAt = nil
            parts = []
        case .release:
            desired = ConfigurationDocument()
            refusals = [:]
            parts = []
        case .refresh:
            mustRead = true
            failures = 0
            wakeAt = nil
        case .answered(let id, let outcome):
            return answered(id, outcome, at: now)
        case .wake:
            guard let wakeAt, wakeAt <= now else { return wakeAt.map { [.wake(at: $0)] } ?? [] }
            self.wakeAt = nil
        }
        return next()
    }

    // MARK: What to do

    private var hasGivenUp: Bool { failures >= timing.attempts }

    /// What is worth sending.
    private var pending: ConfigurationDocument? {
        difference?.keeping { refusals[$0] == nil }
    }

    private mutating func restart() {
        work = .none
        parts = []
        failures = 0
        wakeAt = nil
    }

    private mutating func next() -> [Action] {
        guard isConnected, work == .none, wakeAt == nil, !hasGivenUp else { return [] }
        if mustRead {
            let id = nextID()
            work = .reading(id)
            return [.read(id)]
        }
        while let part = parts.popLast() {
            // What has changed since is left out: another part brings it.
            if let rest = pending?.keeping({ part[$0] != nil }) { return write(rest) }
        }
        return pending.map { write($0) } ?? []
    }

    private mutating func write(_ change: ConfigurationDocument) -> [Action] {
        let id = nextID()
        work = .writing(id, change)
        return [.write(id, change)]
    }

    private mutating func nextID() -> RequestID {
        lastRequest += 1
        return RequestID(rawValue: lastRequest)
    }

    // MARK: What came of it

    private mutating func answered(_ id: RequestID, _ outcome: Outcome, at now: Instant) -> [Action] {
        switch work {
        case .reading(id):
            work = .none
            return read(outcome, at: now)
        case .writing(id, let change):
            work = .none
            return wrote(change, outcome, at: now)
        default:
            return []
        }
    }

    private mutating func read(_ outcome: Outcome, at now: Instant) -> [Action] {
        switch outcome {
        case .document(let document):
            reported = document
            mustRead = false
        case .refused, .malformed:
            // A unit that cannot tell what it has may still take what it is given.
            mustRead = false
        case .lost:
            return failed(at: now)
        }
        return next()
    }

    private mutating func wrote(
        _ change: ConfigurationDocument,
        _ outcome: Outcome,
        at now: Instant
    ) -> [Action] {
        switch outcome {
        case .document(let answer):
            failures = 0
            // Units answer with all of their document, with what was changed, or with nothing.
            reported = (reported ?? ConfigurationDocument()).merging(change).merging(answer)
            for (path, _) in change.difference(from: reported ?? ConfigurationDocument())?.fields ?? [] {
                refusals[path] = Refusal(code: nil, message: "the unit agreed and kept another value")
            }
        case .refused(let code, let message) where Self.fieldErrors.contains(code):
            let halves = change.halves
            if halves.isEmpty {
                for (path, _) in change.fields { refusals[path] = Refusal(code: code, message: message) }
            }
            parts += halves
        case .refused:
            return failed(at: now)
        case .malformed, .lost:
            // Only the unit knows what it did with it.
            mustRead = true
            return failed(at: now)
        }
        return next()
    }

    /// Errors that a field may cause: parameter, unsupported configuration, no such channel.
    private static let fieldErrors: Set = [12, 13, 102]

    private mutating func failed(at now: Instant) -> [Action] {
        failures += 1
        guard !hasGivenUp else { return [] }
        let wait = min(timing.longestRetry, timing.retry * (1 << min(failures - 1, 16)))
        let wake = now + wait
        wakeAt = wake
        return [.wake(at: wake)]
    }
}

extension ConfigurationDocument {
    /// The fields of which `isWanted` is true; nil where none is.
    package func keeping(_ isWanted: (ConfigurationPath) -> Bool) -> ConfigurationDocument? {
        var kept = self
        // Taking a field away breaks no rule.
        for (path, _) in fields where !isWanted(path) { try? kept.set(nil, at: path) }
        return kept.isEmpty ? nil : kept
    }

    /// Two documents with half of the fields each; none where there is only one field.
    fileprivate var halves: [ConfigurationDocument] {
        let paths = fields.map(\.path)
        guard paths.count > 1 else { return [] }
        return [Set(paths[..<(paths.count / 2)]), Set(paths[(paths.count / 2)...])].compactMap { half in
            keeping { half.contains($0) }
        }
    }
}
