import CustomerUnit
import Foundation
import HSSModel
import HostClock
import Measurement
import Synchronization

/// How a viewer of the soak watches.
enum SoakOutput: String, CaseIterable, Sendable { case srt, ts, hls }

/// One customer's picture for the whole run: asks for it, counts what comes, and asks again when it ended.
final class SoakViewer: Sendable {
    struct Tally: Sendable {
        var pictures = 0
        var missing = 0
        var discontinuities = 0
        var connections = 0
        /// Ends for which there was no reason.
        var drops = 0
        /// Calls and connections that came to nothing, of healthy cameras.
        var refusals = 0
        /// From the return of the camera to the next octets, in seconds.
        var returns: [Double] = []
        var missedReturns = 0
        var longestPause = 0.0
    }

    private struct State {
        var tally = Tally()
        var stream = PictureCount()
        var file = FragmentCount()
        var lastOctets: Instant?
        /// The camera is back since then, and no octets have come yet.
        var awaitsSince: Instant?
        /// What was missing when it was last told.
        var toldMissing = 0

        var missing: Int { stream.missingPictures + stream.holes + file.missingPictures }
    }

    let stream: SoakStream
    let output: SoakOutput
    private let state = Mutex(State())

    init(_ stream: SoakStream, _ output: SoakOutput) {
        self.stream = stream
        self.output = output
    }

    /// With what the connection that is open has brought so far.
    var tally: Tally { state.withLock { Self.closed($0).tally } }

    func awaitReturn() {
        state.withLock {
            if $0.awaitsSince != nil { $0.tally.missedReturns += 1 }
            $0.awaitsSince = .now
            $0.lastOctets = nil
        }
    }

    /// Watches until the task is cancelled. `client` is its own, as a player has its own connection.
    func watch(_ customer: PlatformClient, _ client: PlatformClient, _ audience: SRTAudience) async {
        while !Task.isCancelled {
            let absences = stream.absences
            do {
                let live: LiveAnswer = try await customer.call(
                    .post,
                    "/devices/\(stream.device)/channels/0/live"
                )
                state.withLock { $0.tally.connections += 1 }
                try await open(live, client, audience)
                guard !Task.isCancelled else { break }
                if !stream.mayHaveEnded(since: absences) {
                    let hadPicture = state.withLock { state in
                        let hadPicture = state.lastOctets != nil
                        if hadPicture { state.tally.drops += 1 } else { state.tally.refusals += 1 }
                        return hadPicture
                    }
                    tell(hadPicture ? "was dropped" : "could not connect")
                }
            } catch {
                guard !Task.isCancelled else { break }
                if stream.isHealthy {
                    state.withLock { $0.tally.refusals += 1 }
                    tell("\(error)")
                }
                try? await Task.sleep(for: .seconds(1))
            }
            state.withLock { $0 = Self.closed($0) }
        }
    }

    private func open(_ live: LiveAnswer, _ client: PlatformClient, _ audience: SRTAudience) async throws {
        let player = LivePlayer(deadline: nil) { (octets) throws(CustomerError) in
            self.take(octets)
            return !Task.isCancelled
        }
        switch output {
        case .srt: try await audience.watch(live.play.srt) { self.take($0) }
        case .ts: _ = try await player.play(ts: Secret(live.play.ts), with: client)
        case .hls: _ = try await player.play(hls: Secret(live.play.hls), with: client)
        }
    }

    private func take(_ octets: UnsafeRawBufferPointer) {
        state.withLock { state in
            let now = Instant.now
            if output == .hls { state.file.take(octets) } else { state.stream.take(octets) }
            if let last = state.lastOctets {
                state.tally.longestPause = max(state.tally.longestPause, (now - last).inSeconds)
            }
            if stream.isHealthy, state.missing > state.toldMissing {
                tell("misses \(state.missing - state.toldMissing)")
                state.toldMissing = state.missing
            }
            state.lastOctets = now
            if let since = state.awaitsSince {
                state.awaitsSince = nil
                state.tally.returns.append((now - since).inSeconds)
            }
        }
    }

    /// At once, with the time: the log of the platform tells the rest.
    private func tell(_ what: String) {
        say("  ! \(Instant.now.nanoseconds / 1_000_000) ms \(stream.device) \(output): \(what)")
    }

    /// What the connection brought goes to the sum.
    private static func closed(_ state: borrowing State) -> State {
        var closed = copy state
        closed.tally.pictures += state.stream.pictures + state.file.pictures
        closed.tally.missing += state.missing
        closed.tally.discontinuities += state.stream.discontinuities
        closed.stream = PictureCount()
        closed.file = FragmentCount()
        closed.lastOctets = nil
        closed.toldMissing = 0
        return closed
    }
}
