import HSSModel

/// The taps of one unit's channels: attached while something is recorded, and all the time where pictures from before an
/// order are wanted. Belongs to the unit's event loop.
final class RecordTaps {
    private let prerecord: Duration
    private let channels: [Int]
    private let feeds: any RecordFeeds
    private var taps: [Int: RecordTap] = [:]
    /// Recordings that were started and not stopped.
    private var running: [RecordingID: Int] = [:]

    init(_ profile: UnitProfile, feeds: any RecordFeeds) {
        let records = profile.abilities.contains(.recording)
        prerecord = records ? profile.recording.prerecord : .zero
        channels = profile.channels.keys.sorted()
        self.feeds = feeds
    }

    /// The unit is awake.
    func open(_ scene: (Int) -> SceneBoard?) {
        guard prerecord > .zero else { return }
        for channel in channels where taps[channel] == nil { _ = attach(channel, scene(channel)) { _ in } }
    }

    /// It is not, or not for long any more.
    func close() {
        for (channel, tap) in taps {
            tap.stop()
            feeds.detach(tap, channel: channel)
        }
        taps = [:]
        running = [:]
    }

    func start(_ order: RecordingOrder, scene: SceneBoard?, tell: @escaping @Sendable (RecordNews) -> Void) {
        running[order.id] = order.channel
        if let tap = taps[order.channel], !tap.hasFailed { return tap.start(order, tell: tell) }
        detach(order.channel)
        // What comes first belongs to it.
        _ = attach(order.channel, scene) { $0.start(order, tell: tell) }
    }

    func stop(_ id: RecordingID) {
        guard let channel = running.removeValue(forKey: id), let tap = taps[channel] else { return }
        // Its successor may have begun: the order of the two is the machine's.
        guard !running.values.contains(channel) else { return }
        tap.stop()
        if !tap.keeps || tap.hasFailed { detach(channel) }
    }

    private func attach(_ channel: Int, _ scene: SceneBoard?, prepare: (RecordTap) -> Void) -> RecordTap {
        let tap = RecordTap(prerecord: prerecord)
        taps[channel] = tap
        prepare(tap)
        feeds.attach(tap, channel: channel, scene: scene)
        return tap
    }

    private func detach(_ channel: Int) {
        guard let tap = taps.removeValue(forKey: channel) else { return }
        feeds.detach(tap, channel: channel)
    }
}
