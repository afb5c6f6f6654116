import HSSModel
import Vd

/// What the platform does in a step.
enum CheckOrder: Sendable, Equatable {
    case ask(RPCRequest)
    case tell(RPCEvent)
    /// One text message that is no packet of Vd.
    case garbage([UInt8])
    /// Ends the connection without a word.
    case drop

    /// For the report.
    var description: String {
        switch self {
        case .ask(let request): request.method + Self.shown(request.parameters)
        case .tell(let event): "event \(event.name)" + Self.shown(event.parameters)
        case .garbage: "a malformed packet"
        case .drop: "the connection is dropped"
        }
    }

    /// Parameters without their addresses, which carry secrets.
    private static func shown(_ parameters: JSONObject) -> String {
        guard parameters != .empty else { return "" }
        let parts = String(decoding: parameters.bytes, as: UTF8.self)
            .split(separator: #"url":""#, omittingEmptySubsequences: false)
        let rest = parts.dropFirst().map { #"url":"…"# + String($0.drop { $0 != "\"" }) }
        return " " + (String(parts[0]) + rest.joined()).prefix(240)
    }
}

/// One rule of the Recommendation and how it is looked at: what is sent, and what must be seen.
struct CheckStep: Sendable {
    let clause: String
    let rule: String
    var severity = CheckSeverity.must
    /// Nothing can be sent without one.
    var needsConnection = true
    /// Changes or ends what the device holds dear.
    var isDestructive = false
    /// Others need what it finds out.
    var isGroundwork = false
    /// Sums up what came all the time; also where the check ends early.
    var isSummary = false
    /// The device may log in again while its connection is open.
    var changesOver = false
    var patience: @Sendable (CheckMemory) -> Duration = { _ in .seconds(25) }
    /// A reason to leave it out.
    var skip: @Sendable (CheckMemory) -> String? = { _ in nil }
    var orders: @Sendable (CheckMemory) -> [CheckOrder] = { _ in [] }
    /// Nil: nothing can be said yet. With `isOver` the time is up.
    let judge: @Sendable (CheckMemory, _ isOver: Bool) -> CheckVerdict?
}

extension CheckStep {
    /// A request and what is wrong with its answer, if anything. Error 101 must agree with what `GetCap` says of
    /// `capability`; where `GetCap` does not speak of it, it is a device without it.
    static func ask<Request: VdRequest>(
        _ clause: String,
        _ rule: String,
        severity: CheckSeverity = .must,
        isDestructive: Bool = false,
        capability: Capability? = nil,
        skip: @escaping @Sendable (CheckMemory) -> String? = { _ in nil },
        after first: @escaping @Sendable (CheckMemory) -> [CheckOrder] = { _ in [] },
        _ request: @escaping @Sendable (CheckMemory) -> Request,
        problem: @escaping @Sendable (Request.Answer, CheckMemory) -> String? = { _, _ in nil }
    ) -> CheckStep {
        CheckStep(
            clause: clause,
            rule: rule,
            severity: severity,
            isDestructive: isDestructive,
            skip: skip,
            orders: { first($0) + [.ask(request($0).request)] },
            judge: { memory, _ in
                memory.answer(0).map { outcome in
                    verdict(outcome, capability, memory) { (answer: Request.Answer) in
                        problem(answer, memory)
                    }
                }
            }
        )
    }

    private static func verdict<Answer: VdBody>(
        _ outcome: CallOutcome,
        _ capability: Capability?,
        _ memory: CheckMemory,
        problem: (Answer) -> String?
    ) -> CheckVerdict {
        let announced = capability.flatMap { ability in memory.capabilities?.supports(ability) }
        let name = capability?.rawValue ?? ""
        switch outcome {
        case .answered(.success(let object)):
            if announced == false { return .failed("success, though GetCap does not announce \(name)") }
            do throws(FieldError) {
                if let problem = problem(try Answer(object)) {
                    return .failed("\(problem): \(memory.shown(object))")
                }
                return .passed(memory.shown(object))
            } catch {
                return .failed("the answer breaks a rule (\(error)): \(memory.shown(object))")
            }
        case .answered(.failure(let failure)) where failure.code == 101:
            switch announced {
            case true?: return .failed("error 101, though GetCap announces \(name)")
            case false?: return .passed("error 101, as GetCap says")
            case nil: return .skipped("the device cannot do it: error 101")
            }
        default: return .failed(outcome.text)
        }
    }

    /// A request that must be refused with one error.
    static func refusal(
        _ clause: String,
        _ rule: String,
        code: Int,
        skip: @escaping @Sendable (CheckMemory) -> String? = { _ in nil },
        _ request: @escaping @Sendable (CheckMemory) -> RPCRequest
    ) -> CheckStep {
        CheckStep(
            clause: clause,
            rule: rule,
            skip: skip,
            orders: { [.ask(request($0))] },
            judge: { memory, _ in
                guard let outcome = memory.answer(0) else { return nil }
                guard case .answered(.failure(let failure)) = outcome else { return .failed(outcome.text) }
                if failure.code == code { return .passed("error \(code)") }
                if failure.code == 101 { return .skipped("the device cannot do it: error 101") }
                return .failed(outcome.text)
            }
        )
    }
}

extension CallOutcome {
    /// What is told of an answer that was not wanted; the device's words in it are cut short.
    var text: String {
        switch self {
        case .answered(.success): "answered with success"
        case .answered(.failure(let failure)):
            "error \(failure.code): \(failure.message.prefix(120))"
        case .lost(let reason): "the connection ended before the answer: \(reason)"
        case .busy: "not sent"
        }
    }
}
