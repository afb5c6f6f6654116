import Bus
import HSSModel
import Synchronization

/// The storage as the API sees it: an hour of cam-1, with a gap and a loss.
final class FakeRecordings: PlaybackPoint {
    private struct State {
        var calls: [String] = []
        var failure: RecordingError?
        var next: WallTime?
        var requests: Int?
        var ranges: [Range<WallTime>] = []
    }

    static let start = Neighbours.time
    private let state = Mutex(State())

    var calls: [String] { state.withLock(\.calls) }
    /// Of days that were asked for.
    var ranges: [Range<WallTime>] { state.withLock(\.ranges) }
    func fail(_ failure: RecordingError) { state.withLock { $0.failure = failure } }
    func goOn(at next: WallTime) { state.withLock { $0.next = next } }

    private func note(_ call: String) throws(RecordingError) {
        let failure = state.withLock { state in
            state.calls.append(call)
            return state.failure
        }
        if let failure { throw failure }
    }

    private static func name(_ recorded: RecordedChannel) -> String {
        "\(recorded.channel) of \(recorded.owner?.rawValue ?? "nobody")"
    }

    /// Requests that are let through; nil: all.
    func limit(_ requests: Int?) { state.withLock { $0.requests = requests } }

    func mayAsk(_ user: UserName) -> Bool {
        state.withLock { state in
            guard let left = state.requests else { return true }
            state.requests = max(0, left - 1)
            return left > 0
        }
    }

    func timeline(
        of recorded: RecordedChannel,
        in range: Range<WallTime>
    ) async throws(RecordingError) -> RecordedTimeline {
        try note("timeline \(Self.name(recorded)) \((range.upperBound - range.lowerBound).wholeMilliseconds)")
        return RecordedTimeline(
            ranges: [
                .init(start: Self.start, end: Self.start + .milliseconds(600_250), bytes: 1000),
                .init(start: Self.start + .seconds(1200), end: Self.start + .seconds(3600), bytes: 5),
            ],
            losses: [
                .init(
                    session: RecordSessionID(unchecked: "s1"),
                    begunAt: Self.start,
                    endedAt: nil,
                    segments: 2,
                    time: .milliseconds(20_500)
                )
            ],
            next: state.withLock(\.next),
            since: Self.start
        )
    }

    func amounts(of recorded: RecordedChannel) async throws(RecordingError) -> RecordedAmounts {
        try note("amounts \(Self.name(recorded))")
        guard recorded.channel.number == 0 else { return RecordedAmounts() }
        return RecordedAmounts(
            segments: 3,
            bytes: 99,
            duration: .milliseconds(30_500),
            span: Self.start..<(Self.start + .seconds(40))
        )
    }

    func recorded(
        _ recorded: RecordedChannel,
        on days: [Range<WallTime>]
    ) async throws(RecordingError) -> [Bool] {
        try note("days \(Self.name(recorded)) \(days.count)")
        state.withLock { $0.ranges = days }
        return days.map { $0.contains(Self.start) }
    }

    func openPlayback(
        of recorded: RecordedChannel,
        in range: Range<WallTime>,
        for user: UserName
    ) async throws(RecordingError) -> PlaybackGrant {
        try note("open \(Self.name(recorded)) for \(user)")
        return PlaybackGrant(ticket: Secret("t~1"), expiresAt: Self.start)
    }

    func picture(
        of recorded: RecordedChannel,
        at time: WallTime,
        width: Int?
    ) async throws(PictureError) -> Picture {
        do throws(RecordingError) { try note("picture \(Self.name(recorded)) \(time.milliseconds)") } catch {
            throw .none
        }
        return Picture(jpeg: [0xFF, 0xD8], width: width, takenAt: time)
    }
}
