/// `Bind` (Table I.2-3): a unit reports the code that its customer showed to it.
package struct Bind: VdEvent {
    package static let name = "Bind"

    package var macID: String
    package var bindID: String

    package init(macID: String, bindID: String) {
        self.macID = macID
        self.bindID = bindID
    }

    package init(_ object: JSONObject) throws(FieldError) {
        macID = try object.macID()
        bindID = try object.string("bind_id", 1...128)
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("mac_id", macID)
            $0.field("bind_id", bindID)
        }
    }
}
