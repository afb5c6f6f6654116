package import HSSModel

/// `GetServerInfo` (Table I.2-2): after its login a unit asks how to keep in touch.
package struct GetServerInfo: Sendable, Equatable {
    package static let method = "GetServerInfo"

    package var macID: String
    package var state: UnitState

    package init(macID: String, state: UnitState) {
        self.macID = macID
        self.state = state
    }

    package init(_ parameters: JSONObject) throws(FieldError) {
        macID = try parameters.string("mac_id", 1...64)
        state = try parameters.unitState()
    }

    package var request: RPCRequest {
        RPCRequest(
            Self.method,
            JSONObject {
                $0.field("mac_id", macID)
                $0.field("state", state.rawValue)
            }
        )
    }
}

/// The answer to ``GetServerInfo`` (deployed practice; the body of Table I.2-2 did not survive).
package struct ServerInfo: Sendable, Equatable {
    /// Where a unit that sleeps stays in touch, `host:port`; nil: nowhere.
    package var hibernation: String?
    /// Seconds between heartbeats; nil: 10.
    package var heartbeatSeconds: Int?
    /// Identifies the unit at the hibernation server, at most 16 characters.
    package var heartbeatToken: String?

    package init(hibernation: String? = nil, heartbeatSeconds: Int? = nil, heartbeatToken: String? = nil) {
        self.hibernation = hibernation
        self.heartbeatSeconds = heartbeatSeconds
        self.heartbeatToken = heartbeatToken
    }

    package init(_ result: JSONObject) throws(FieldError) {
        let text = try result.optionalString("hibernation", 0...256) ?? ""
        hibernation = text.isEmpty ? nil : text
        heartbeatSeconds = try result.optionalInteger("hb_interval", 1...86_400)
        heartbeatToken = try result.optionalString("hb_token", 0...16)
    }

    package var result: JSONObject {
        JSONObject {
            $0.field("hibernation", hibernation)
            $0.field("hb_interval", heartbeatSeconds)
            $0.field("hb_token", heartbeatToken)
        }
    }
}
