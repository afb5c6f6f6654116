import HSSModel

/// A loudspeaker that plays files nobody hears (Tables I.2-23 to I.2-25).
struct VirtualPlayer: Sendable, Equatable {
    /// How long a file lasts: 128 kbit/s, as sound of that kind usually has.
    static let bytesPerSecond = 16_000
    static let longest = 86_400

    private enum Phase: Sendable, Equatable {
        case stopped
        case playing(until: Instant)
        case pausing(left: Duration)
    }

    private var phase = Phase.stopped

    mutating func play(size: Int, at now: Instant) {
        let seconds = min(max(1, size / Self.bytesPerSecond), Self.longest)
        phase = .playing(until: now + .seconds(seconds))
    }

    mutating func carryOut(_ command: PlaybackCommand, at now: Instant) {
        switch (command, phase) {
        case (.stop, _): phase = .stopped
        case (.pause, .playing(let end)): phase = end > now ? .pausing(left: end - now) : .stopped
        case (.resume, .pausing(let left)): phase = .playing(until: now + left)
        case (.pause, _), (.resume, _): break
        }
    }

    /// It stops by itself at the end of the file.
    func state(at now: Instant) -> Playback {
        switch phase {
        case .stopped: .stopped
        case .playing(let end): now < end ? .playing : .stopped
        case .pausing: .pausing
        }
    }
}
