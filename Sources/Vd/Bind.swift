/// `Bind` (Table I.2-3): a unit reports the code that its customer showed to it.
package struct Bind: Sendable, Equatable {
    package static let name = "Bind"

    package var macID: String
    package var bindID: String

    package init(macID: String, bindID: String) {
        self.macID = macID
        self.bindID = bindID
    }

    package init(_ parameters: JSONObject) throws(FieldError) {
        macID = try parameters.string("mac_id", 1...64)
        bindID = try parameters.string("bind_id", 1...128)
    }

    package var event: RPCEvent {
        RPCEvent(
            Self.name,
            JSONObject {
                $0.field("mac_id", macID)
                $0.field("bind_id", bindID)
            }
        )
    }
}

/// `Reschedule` (Table I.2-6): asks a unit to go through scheduling again (§9.3.1.2). Carries nothing.
package enum Reschedule {
    package static let name = "Reschedule"
    package static let event = RPCEvent(name)
}
