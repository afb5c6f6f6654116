import HSSModel
import Vd

/// What may happen to a message that a unit sends, each with so many chances in a thousand.
package struct MessageFaultPlan: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// It never leaves.
        case drop
        /// It leaves ``MessageFaultPlan/delay`` later; what comes after it waits behind it.
        case delay
        /// What comes after it overtakes it.
        case reorder
        case duplicate
        /// Its end is missing.
        case truncate
        /// It says something else than the truth, in its usual form.
        case lie
    }

    /// Of a thousand messages.
    package var chances: [Kind: Int] = [:]
    package var delay: Duration = .seconds(2)

    package init() {}

    package var isEmpty: Bool { chances.isEmpty }
}

/// The way of one unit's messages to its connection, which loses and spoils them by ``MessageFaultPlan``. A value:
/// time and chance come in, so that a run can be repeated.
struct FaultyLine: Sendable {
    enum Output: Equatable {
        case message(RPCMessage)
        case bytes([UInt8])
    }

    private struct Held: Sendable {
        var message: RPCMessage
        var due: Instant
    }

    /// Beyond it a message goes at once.
    private static let mostHeld = 64
    /// A message that nothing overtakes goes after this time.
    private static let patience: Duration = .seconds(1)

    private let plan: MessageFaultPlan
    /// In the order in which they leave; the first is the next.
    private var queue: [Held] = []
    private var overtaken: Held?

    init(_ plan: MessageFaultPlan) {
        self.plan = plan
    }

    var nextWake: Instant? { [queue.first?.due, overtaken?.due].compactMap(\.self).min() }

    mutating func send(
        _ message: RPCMessage,
        at now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> [Output] {
        switch fault(using: &random) {
        case .drop: return []
        case .truncate:
            let bytes = message.encoded()
            return [.bytes(Array(bytes.prefix(Int.random(in: 0..<bytes.count, using: &random))))]
        case .lie: return pass(Lie.about(message, using: &random), at: now)
        case .duplicate: return pass(message, at: now) + pass(message, at: now)
        case .delay where queue.count < Self.mostHeld:
            queue.append(Held(message: message, due: now + plan.delay))
            return []
        case .reorder where overtaken == nil:
            overtaken = Held(message: message, due: now + Self.patience)
            return []
        case .delay, .reorder, nil: return pass(message, at: now)
        }
    }

    mutating func wake(at now: Instant) -> [Output] {
        var outputs: [Output] = []
        while let first = queue.first, first.due <= now {
            queue.removeFirst()
            outputs.append(.message(first.message))
        }
        if let late = overtaken, late.due <= now {
            overtaken = nil
            outputs.append(.message(late.message))
        }
        return outputs
    }

    /// A new connection owes nothing of the old one.
    mutating func clear() {
        queue = []
        overtaken = nil
    }

    private mutating func pass(_ message: RPCMessage, at now: Instant) -> [Output] {
        if let last = queue.last, queue.count < Self.mostHeld {
            queue.append(Held(message: message, due: max(now, last.due)))
            return []
        }
        guard let late = overtaken else { return [.message(message)] }
        overtaken = nil
        return [.message(message), .message(late.message)]
    }

    /// One throw of the dice for each kind, in their order.
    private func fault(using random: inout some RandomNumberGenerator) -> MessageFaultPlan.Kind? {
        for kind in MessageFaultPlan.Kind.allCases {
            guard let chance = plan.chances[kind], chance > 0 else { continue }
            if Int.random(in: 0..<1000, using: &random) < chance { return kind }
        }
        return nil
    }
}

/// What a unit says that does not know, or does not want to know.
private enum Lie {
    /// The form of the message stays right: the platform must bear its meaning.
    static func about(_ message: RPCMessage, using random: inout some RandomNumberGenerator) -> RPCMessage {
        switch message {
        case .answer(.success, let seq):
            let code = [1, 11, 12, 13, 101, 102, 103, 400, 500].randomElement(using: &random) ?? 1
            return Bool.random(using: &random)
                ? .answer(.failure(RPCFailure(code, "not the truth")), seq: seq)
                : .answer(.success(.empty), seq: seq)
        case .answer(.failure, let seq): return .answer(.success(.empty), seq: seq)
        case .request(let request, let seq):
            guard request.method == Keepalive.name, var heartbeat = try? Keepalive(request.parameters) else {
                return .request(RPCRequest(request.method), seq: seq)
            }
            heartbeat.state = Bool.random(using: &random) ? .error : .upgrading
            for index in heartbeat.channels.indices {
                let pushes = heartbeat.channels[index].stream != nil
                heartbeat.channels[index].stream = pushes ? nil : StreamID(unchecked: "never-heard-of")
                heartbeat.channels[index].alarms = .random(in: 0...0xFFFF, using: &random)
            }
            return .request(heartbeat.request, seq: seq)
        case .event(let event): return .event(RPCEvent(event.name))
        }
    }
}
