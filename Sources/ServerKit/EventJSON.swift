import Foundation
package import HSSModel

extension PlatformEvent {
    /// As the event stream and webhooks tell it: JSON in one line.
    package var json: String {
        let time = Date(timeIntervalSince1970: Double(event.time.milliseconds) / 1000).formatted(.iso8601)
        var members = [
            "\"event_id\":\(id.rawValue)", "\"time\":\(JSONText.quote(time))",
            "\"kind\":\(JSONText.quote(event.kind.rawValue))",
            "\"device_id\":\(JSONText.quote(event.unit.rawValue))",
        ]
        if let channel = event.channel { members.append("\"channel\":\(channel)") }
        // A line break in JSON is white space: inside of texts it is escaped.
        let detail = event.detail.split(whereSeparator: \.isNewline).joined(separator: " ")
        members.append("\"detail\":\(detail)")
        return "{\(members.joined(separator: ","))}"
    }
}
