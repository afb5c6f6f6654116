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
