package import HSSModel

/// `Snapshot` (Table I.2-22): asks for a picture of one channel. The answer comes after its upload.
package struct Snapshot: VdRequest {
    package typealias Answer = NoResult
    package static let name = "Snapshot"

    package var channel: Int
    /// Where the picture is put.
    package var url: Secret

    package init(channel: Int, url: Secret) {
        self.channel = channel
        self.url = url
    }

    package init(_ object: JSONObject) throws(FieldError) {
        channel = try object.channel()
        url = try object.url()
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("channel", channel)
            $0.field("url", url.reveal())
        }
    }
}
