package import HSSModel

/// `Keepalive` (Table I.2-1): a unit tells its state and that of its channels, by default every 10 s.
package struct Keepalive: VdRequest {
    package typealias Answer = NoResult
    package static let name = "Keepalive"

    package struct Channel: Sendable, Equatable {
        package var number: Int
        package var state: ChannelState
        /// The stream that is being pushed; nil: none.
        package var stream: StreamID?
        /// The record session that is running; nil: none.
        package var recordSession: String?
        /// Active alarms; bit number = alarm type.
        package var alarms: UInt32

        package init(
            number: Int,
            state: ChannelState,
            stream: StreamID? = nil,
            recordSession: String? = nil,
            alarms: UInt32 = 0
        ) {
            self.number = number
            self.state = state
            self.stream = stream
            self.recordSession = recordSession
            self.alarms = alarms
        }
    }

    package var macID: String
    package var state: UnitState
    package var channels: [Channel]

    package init(macID: String, state: UnitState, channels: [Channel]) {
        self.macID = macID
        self.state = state
        self.channels = channels
    }

    package init(_ object: JSONObject) throws(FieldError) {
        macID = try object.macID()
        state = try object.unitState()
        channels = []
        let most = ChannelAddress.highestNumber + 1
        for (index, channel) in try object.objects("channels", most: most).enumerated() {
            do {
                channels.append(try Channel(channel))
            } catch {
                throw FieldError("channels[\(index)].\(error.field)", error.rule)
            }
        }
        guard channels.count < 2 || Set(channels.map(\.number)).count == channels.count else {
            throw FieldError("channels", "one entry per channel")
        }
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("mac_id", macID)
            $0.field("state", state.rawValue)
            $0.field("channels", channels.map(\.object))
        }
    }
}

extension Keepalive.Channel {
    fileprivate init(_ object: JSONObject) throws(FieldError) {
        number = try object.channel()
        guard let state = ChannelState(rawValue: try object.integer("state", 0...4)) else {
            throw FieldError("state", "expected 0, 1, 3 or 4")
        }
        self.state = state
        let text = try object.optionalString("stream_id", 0...64) ?? ""
        guard text.isEmpty || StreamID.isValid(text) else { throw FieldError("stream_id", "not one of ours") }
        stream = text.isEmpty ? nil : StreamID(rawValue: text)
        recordSession = try object.optionalText("record_session", most: 64)
        alarms = UInt32(try object.optionalInteger("alarm", 0...Int(UInt32.max)) ?? 0)
    }

    fileprivate var object: JSONObject {
        JSONObject {
            $0.field("channel", number)
            $0.field("state", state.rawValue)
            $0.field("stream_id", stream?.rawValue)
            $0.field("record_session", recordSession)
            $0.field("alarm", Int(alarms))
        }
    }
}

extension JSONObject {
    /// `state` of Tables I.2-1 and I.2-2.
    func unitState() throws(FieldError) -> UnitState {
        guard let state = UnitState(rawValue: try integer("state", 1...3)) else {
            throw FieldError("state", "expected 1, 2 or 3")
        }
        return state
    }
}
