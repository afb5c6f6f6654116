package import HSSModel

/// `GetServerInfo` (Table I.2-2): after its login a unit asks how to keep in touch.
package struct GetServerInfo: VdRequest {
    package typealias Answer = ServerInfo
    package static let name = "GetServerInfo"

    package var macID: String
    package var state: UnitState

    package init(macID: String, state: UnitState) {
        self.macID = macID
        self.state = state
    }

    package init(_ object: JSONObject) throws(FieldError) {
        macID = try object.macID()
        state = try object.unitState()
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("mac_id", macID)
            $0.field("state", state.rawValue)
        }
    }
}

/// The answer to ``GetServerInfo`` (deployed practice; the body of Table I.2-2 did not survive).
package struct ServerInfo: VdBody {
    /// Where a unit that sleeps stays in touch, `host:port`; nil: nowhere.
    package var hibernation: String?
    /// Seconds between heartbeats; nil: 10.
    package var heartbeatSeconds: Int?
    /// Identifies the unit at the hibernation server, at most 16 characters.
    package var heartbeatToken: Secret?

    package init(hibernation: String? = nil, heartbeatSeconds: Int? = nil, heartbeatToken: Secret? = nil) {
        self.hibernation = hibernation
        self.heartbeatSeconds = heartbeatSeconds
        self.heartbeatToken = heartbeatToken
    }

    package init(_ object: JSONObject) throws(FieldError) {
        hibernation = try object.optionalText("hibernation", most: 256)
        heartbeatSeconds = try object.optionalInteger("hb_interval", 1...86_400)
        heartbeatToken = try object.optionalText("hb_token", most: 16).map(Secret.init)
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("hibernation", hibernation)
            $0.field("hb_interval", heartbeatSeconds)
            $0.field("hb_token", heartbeatToken?.reveal())
        }
    }
}
