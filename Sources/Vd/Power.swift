/// `KeepAwaken` (Table I.2-26): asks a unit that saves power to stay on.
package struct KeepAwaken: VdRequest {
    package typealias Answer = NoResult
    package static let name = "KeepAwaken"

    package var channel: Int
    /// The least time to stay powered on.
    package var seconds: Int

    package init(channel: Int, seconds: Int) {
        self.channel = channel
        self.seconds = seconds
    }

    package init(_ object: JSONObject) throws(FieldError) {
        channel = try object.channel()
        seconds = try object.integer("expired", 0...Int(Int32.max))
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("channel", channel)
            $0.field("expired", seconds)
        }
    }
}

/// `BatteryChange` (Table I.2-27): a unit reports its battery.
package struct BatteryChange: VdEvent {
    package static let name = "BatteryChange"

    package var percent: Int

    package init(percent: Int) {
        self.percent = percent
    }

    package init(_ object: JSONObject) throws(FieldError) {
        percent = try object.integer("battery", 0...100)
    }

    package var object: JSONObject {
        JSONObject { $0.field("battery", percent) }
    }
}
