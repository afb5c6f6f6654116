package import Bus
import HSSModel
package import Store
import Vr

/// What recording is ordered with (Table I.2-14).
package struct RecordSettings: Sendable {
    /// Lengths of segments that customers may ask for. Shorter ones cost a request and two commits every second or two,
    /// longer ones are what is lost when a unit loses its power.
    package static let segments = Duration.seconds(2) ... .seconds(300)
    /// What a unit is asked to keep ready (`prerecord_seconds`).
    package static let prerecords = Duration.zero ... .seconds(60)

    /// `seg_duration` where nobody said another one.
    package var segment = Duration.seconds(10)
    /// A unit holds back so much while it cannot upload (`seg_max_count`, at least ``fewestSegments``).
    package var cache = Duration.seconds(60)
    package var fewestSegments = 3
    /// For the size of a segment where pushes have no limit: bit/s.
    package var usualBitrate = 16_000_000
    /// `max_bitrate`; 0: no limit (`live.max_bitrate`).
    package var maxBitrate = 0
    /// Bytes; no segment that is taken is larger.
    package var largestSegment = Int(Int32.max)
    /// Orders to units at a time: after a restart there may be thousands.
    package var ordersAtOnce = 32
    /// How long a customer's call waits for the unit.
    package var patience = Duration.seconds(15)

    package init() {}

    func segmentCount(of length: Duration) -> Int {
        max(fewestSegments, Int((cache.inSeconds / max(1, length.inSeconds)).rounded(.up)))
    }

    /// Twice what the length makes of the bitrate, for pictures differ; a unit cuts a segment that would be larger.
    func segmentBytes(of length: Duration) -> Int {
        let bitrate = maxBitrate == 0 ? usualBitrate : maxBitrate
        let bytes = Double(bitrate) / 8 * length.inSeconds * 2
        return Int(min(max(bytes, 1_048_576), Double(largestSegment)))
    }
}

/// What the SCU needs to order recordings.
package struct RecordParts: Sendable {
    package var storage: any RecordSessionPoint
    package var settings: any RecordingSettingsStore
    /// For what units lost of a session.
    package var sessions: any RecordSessionStore
    /// Alarms that lasted when the platform ended.
    package var alarms: any AlarmStore
    package var events: any EventSink
    package var zones: ZoneFolder
    package var order: RecordSettings

    package init(
        storage: any RecordSessionPoint,
        settings: any RecordingSettingsStore,
        sessions: any RecordSessionStore,
        alarms: any AlarmStore,
        events: any EventSink,
        zones: ZoneFolder = ZoneFolder(),
        order: RecordSettings = RecordSettings()
    ) {
        self.storage = storage
        self.settings = settings
        self.sessions = sessions
        self.alarms = alarms
        self.events = events
        self.zones = zones
        self.order = order
    }

    /// With what pushes may take.
    func limited(to maxBitrate: Int) -> RecordParts {
        var parts = self
        parts.order.maxBitrate = maxBitrate
        return parts
    }
}
