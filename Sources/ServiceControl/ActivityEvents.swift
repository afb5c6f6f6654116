import HSSModel
import Store
import Vd

// What the event log says of uploads and alarms.

extension StoredUpload {
    /// A picture that belongs to an alarm is news; what somebody waits for is not.
    func event(at now: WallTime) -> NewEvent? {
        guard purpose == .alarm, let reference else { return nil }
        return NewEvent(
            time: now,
            unit: unit,
            channel: channel,
            kind: .alarm,
            detail: JSONObject {
                $0.field("alarm_id", reference)
                $0.field("state", "picture")
            }.text
        )
    }
}

extension JSONObject {
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension AlarmRecord {
    func event(_ change: AlarmChange, at now: WallTime) -> NewEvent {
        let isInferred = change == .end ? endInferred : startInferred
        return NewEvent(
            time: now,
            unit: channel.unit,
            channel: channel.number,
            kind: .alarm,
            detail: JSONObject {
                $0.field("alarm_id", id.rawValue)
                $0.field("type", type)
                $0.field("name", AlarmType(rawValue: type)?.word)
                $0.field("state", change.rawValue)
                // By the unit's clock, as Table I.2-16 has it.
                $0.field("timestamp", Int((change == .end ? endedAt ?? startedAt : startedAt).seconds))
                $0.field("desc", description)
                $0.field(named: "inferred", isInferred)
            }.text
        )
    }
}
