/// A request of Table 9-1, either direction.
package struct RPCRequest: Sendable, Equatable {
    package var method: String
    /// Empty where the message has none.
    package var parameters: JSONObject

    package init(_ method: String, _ parameters: JSONObject = .empty) {
        self.method = method
        self.parameters = parameters
    }
}

/// An event of Table 9-2, either direction: nobody answers it.
package struct RPCEvent: Sendable, Equatable {
    package var name: String
    package var parameters: JSONObject

    package init(_ name: String, _ parameters: JSONObject = .empty) {
        self.name = name
        self.parameters = parameters
    }
}

/// What a request was answered with (`resp` or `err` of Table 9-1).
package enum RPCAnswer: Sendable, Equatable {
    case success(JSONObject)
    case failure(RPCFailure)
}

/// `err` of Table 9-1.
package struct RPCFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package var code: Int
    package var message: String

    package init(_ code: Int, _ message: String) {
        self.code = code
        self.message = message
    }

    package static func internalError(_ message: String) -> RPCFailure { RPCFailure(1, message) }
    /// Table I.2-12: the stream is larger than `max_bitrate`.
    package static let streamTooLarge = RPCFailure(11, "the code stream is too large")
    package static func parameter(_ error: FieldError) -> RPCFailure { RPCFailure(12, error.description) }
    /// Table I.2-20: the unit is right in what it reads and cannot do it.
    package static func unsupportedConfiguration(_ what: String) -> RPCFailure {
        RPCFailure(13, "unsupported configuration: \(what.prefix(128))")
    }
    package static func unsupportedMethod(_ method: String) -> RPCFailure {
        RPCFailure(101, "unsupported RPC method \(method.prefix(64))")
    }
    package static func noSuchChannel(_ number: Int) -> RPCFailure {
        RPCFailure(102, "channel \(number) does not exist")
    }
    package static func channelNotOnline(_ number: Int) -> RPCFailure {
        RPCFailure(103, "channel \(number) is not online")
    }

    package var description: String { "error \(code): \(message)" }
}

/// One WebSocket text message of Vd (§9.3.2.1).
package enum RPCMessage: Sendable, Equatable {
    case request(RPCRequest, seq: Int)
    case answer(RPCAnswer, seq: Int)
    case event(RPCEvent)
}

/// Why a packet is none of the three templates.
package enum MalformedPacket: Error, Equatable, CustomStringConvertible {
    case json(JSONError)
    case field(FieldError)

    package var description: String {
        switch self {
        case .json(let error): error.description
        case .field(let error): error.description
        }
    }
}

extension RPCMessage {
    /// Sequence numbers start at 1; a unit that runs for years at ten requests a second stays below this.
    package static let sequenceNumbers = 0...(1 << 53)
    private static let nameLength = 1...64
    private static let messageLength = 0...1024

    /// Reads one packet. Takes hostile bytes; the caller bounds their number.
    package init(parsing bytes: [UInt8]) throws(MalformedPacket) {
        let envelope: JSONObject
        do { envelope = try JSONObject(parsing: bytes) } catch { throw .json(error) }
        self = try Self.read(envelope)
    }

    private static func read(_ envelope: JSONObject) throws(MalformedPacket) -> RPCMessage {
        do throws(FieldError) {
            if let method = try envelope.optionalString("req", nameLength) {
                guard !envelope.has("event") else { throw FieldError("event", "not beside req") }
                let seq = try envelope.integer("seq", sequenceNumbers)
                return .request(RPCRequest(method, try envelope.object("params") ?? .empty), seq: seq)
            }
            if let name = try envelope.optionalString("event", nameLength) {
                return .event(RPCEvent(name, try envelope.object("params") ?? .empty))
            }
            guard envelope.has("seq") else { throw FieldError("req", "neither request, answer nor event") }
            let seq = try envelope.integer("seq", sequenceNumbers)
            if let error = try envelope.object("err") {
                guard !envelope.has("resp") else { throw FieldError("err", "not beside resp") }
                let code = try error.integer("code", -(1 << 31)...(1 << 31))
                let message = try error.optionalString("msg", messageLength) ?? ""
                return .answer(.failure(RPCFailure(code, message)), seq: seq)
            }
            // Units answer methods without a result with `resp` null or left out.
            return .answer(.success(try envelope.object("resp") ?? .empty), seq: seq)
        } catch {
            throw .field(error)
        }
    }

    /// The packet, in the field order of Tables 9-1 and 9-2. `params` is left out where there are none.
    package func encoded() -> [UInt8] {
        var writer = JSONWriter()
        switch self {
        case .request(let request, let seq):
            writer.field("req", request.method)
            if request.parameters != .empty { writer.field("params", request.parameters) }
            writer.field("seq", seq)
        case .answer(.success(let result), let seq):
            writer.field("seq", seq)
            writer.field("resp", result)
        case .answer(.failure(let failure), let seq):
            writer.field("seq", seq)
            writer.field(
                "err",
                JSONObject {
                    $0.field("code", failure.code)
                    $0.field("msg", failure.message)
                }
            )
        case .event(let event):
            writer.field("event", event.name)
            if event.parameters != .empty { writer.field("params", event.parameters) }
        }
        return writer.finished()
    }
}
