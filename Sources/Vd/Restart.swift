/// `RebootChannel` (Table I.2-4): asks a unit to start one channel anew. One that cannot reboots itself.
package struct RebootChannel: VdEvent {
    package static let name = "RebootChannel"

    package var channel: Int

    package init(channel: Int) {
        self.channel = channel
    }

    package init(_ object: JSONObject) throws(FieldError) {
        channel = try object.channel()
    }

    package var object: JSONObject {
        JSONObject { $0.field("channel", channel) }
    }
}

/// `RebootDevice` (Table I.2-5): asks a unit to start anew.
package struct RebootDevice: VdEvent, VdBare {
    package static let name = "RebootDevice"

    package init() {}
}

/// `Reschedule` (Table I.2-6): asks a unit to go through scheduling again (§9.3.1.2). It goes on with all its
/// sessions until the new answer has come.
package struct Reschedule: VdEvent, VdBare {
    package static let name = "Reschedule"

    package init() {}
}
