package import HSSModel

/// `PlayVideo` (Table I.2-23): asks a unit to fetch a file and to play it.
package struct PlayVideo: VdEvent {
    package static let name = "PlayVideo"

    package var channel: Int
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

/// `op` of Table I.2-24.
package enum PlayerOperation: String, Sendable, CaseIterable {
    case stop, pause, resume
}

/// `CtrlVideo` (Table I.2-24; its body did not survive, the fields are those of deployed practice): stops, holds or
/// resumes what plays.
package struct CtrlVideo: VdEvent {
    package static let name = "CtrlVideo"

    package var channel: Int
    package var operation: PlayerOperation

    package init(channel: Int, operation: PlayerOperation) {
        self.channel = channel
        self.operation = operation
    }

    package init(_ object: JSONObject) throws(FieldError) {
        channel = try object.channel()
        operation = try object.choice("op")
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("channel", channel)
            $0.field("op", operation.rawValue)
        }
    }
}

/// `QueryVideoStatus` (Table I.2-25): asks what plays.
package struct QueryVideoStatus: VdRequest {
    package typealias Answer = PlayingStatus
    package static let name = "QueryVideoStatus"

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

/// `status` of Table I.2-25.
package enum PlayerState: String, Sendable, CaseIterable {
    case stopped, pausing, playing
}

/// The answer to ``QueryVideoStatus``.
package struct PlayingStatus: VdBody {
    package var state: PlayerState
    /// The file; nil: none.
    package var url: Secret?

    package init(state: PlayerState, url: Secret? = nil) {
        self.state = state
        self.url = url
    }

    package init(_ object: JSONObject) throws(FieldError) {
        state = try object.choice("status")
        url = try object.optionalURL("url")
    }

    package var object: JSONObject {
        JSONObject {
            $0.field("status", state.rawValue)
            $0.field("url", url?.reveal())
        }
    }
}
