// The bodies of the customer API (CONTRACT.md) as a client sees them. Unknown fields are ignored.

package struct TokenAnswer: Codable, Sendable {
    package var accessToken: String
    package var refreshToken: String
    /// Seconds.
    package var expiresIn: Int
}

package struct Page<Item: Codable & Sendable>: Codable, Sendable {
    package var items: [Item]
    /// Hand it back as `cursor`; absent on the last page.
    package var nextCursor: String?
}

package struct BatteryAnswer: Codable, Sendable {
    package var percent: Int
    package var reportedAt: String
}

package struct DeviceAnswer: Codable, Sendable {
    package struct Channel: Codable, Sendable {
        package var channel: Int
        package var channelId: String
        package var state: String
        package var streaming: Bool
        package var recording: Bool
    }

    package var deviceId: String
    package var name: String
    package var online: Bool
    package var state: String
    package var transport: String?
    package var firmwareModel: String?
    package var battery: BatteryAnswer?
    package var channels: [Channel]
    package var rights: [String]?
    /// `owner`, `guest` or `operator`; platforms before shares do not have it.
    package var role: String?
    package var owner: String?
}

package struct BindCodeAnswer: Codable, Sendable {
    package var bindId: String
    package var expiresAt: String
}

package struct LiveAnswer: Codable, Sendable {
    package struct Play: Codable, Sendable {
        package var srt: String
        package var ts: String
        package var hls: String
        package var ws: String
        /// Platforms before pictures do not have it.
        package var jpeg: String?
    }

    package var streamId: String
    package var lease: String
    package var rendition: String
    package var play: Play
    package var expiresAt: String
}

/// An error of the API (RFC 9457).
package struct ProblemAnswer: Codable, Sendable {
    package var title: String?
    package var status: Int?
    package var detail: String?
}

package struct UserAnswer: Codable, Sendable {
    package var user: String
    package var role: String
    package var disabled: Bool
    package var createdAt: String
}

package struct EnrolledAnswer: Codable, Sendable {
    package var deviceId: String
    package var macId: String
    package var name: String
    /// Shown once.
    package var loginPassword: String
}

package struct AdminDeviceAnswer: Codable, Sendable {
    package struct Channel: Codable, Sendable {
        package var channel: Int
        package var channelId: String
        /// Where one is set.
        package var srtLatencyMs: Int?
    }

    package var deviceId: String
    package var macId: String
    package var name: String
    package var disabled: Bool
    package var owner: String?
    package var online: Bool
    package var state: String
    package var battery: BatteryAnswer?
    package var hardwareModel: String?
    package var firmwareModel: String?
    package var lastSeen: String?
    package var createdAt: String
    package var signedOnly: Bool
    package var channels: [Channel]
}

/// `GET …/recordings`
package struct TimelineAnswer: Codable, Sendable {
    package struct Part: Codable, Sendable {
        package var start: String
        package var end: String
        /// Seconds.
        package var duration: Double
        package var bytes: Int64
        package var alarmTypes: [Int]
    }

    package struct Loss: Codable, Sendable {
        package var session: String
        package var begunAt: String
        package var endedAt: String?
        package var droppedNb: Int
        package var droppedTime: Double
    }

    package var items: [Part]
    package var lost: [Loss]
    package var alarmsComplete: Bool
    package var nextFrom: String?
}

/// `POST …/playback`: addresses without their host.
package struct PlaybackAnswer: Codable, Sendable {
    package var hls: String
    package var mp4: String
    package var ts: String
    package var expiresAt: String
}
