import Bus
import HSSModel
import HostClock
import Synchronization

/// Kept pictures made smaller, for those who ask again: a grid of cameras that are asleep asks for the same ones at each
/// look, and each would cost the decoder its turn.
///
/// Equal requests that come together are made once. What is kept is bounded in octets, sources included: a picture is
/// known by all of its octets, so that none is ever shown in another's place. What was not asked for longest goes.
final class ResizedPictures: Sendable {
    struct Limits: Sendable {
        /// Sources and what was made of them, in octets.
        var sizeInBytes = 32 << 20
        /// Requests that wait for one that is being made.
        var waiters = 2000
        /// How long a source that broke the decoder is not tried again.
        var penalty: Duration = .seconds(10)
    }

    typealias Outcome = Result<Picture, PictureError>

    private struct Flight: Hashable {
        var source: [UInt8]
        var width: Int
    }

    private struct Entry {
        /// By the width that was asked for.
        var made: [Int: Picture] = [:]
        var failure: (error: PictureError, until: Instant)?
        var usedAt: Instant

        func sizeInBytes(with source: [UInt8]) -> Int {
            made.values.reduce(source.count) { $0 + $1.jpeg.count }
        }
    }

    private struct State {
        var entries: [[UInt8]: Entry] = [:]
        var sizeInBytes = 0
        var flights: [Flight: [CheckedContinuation<Outcome, Never>]] = [:]
        var waiters = 0
    }

    private let limits: Limits
    private let state = Mutex(State())

    init(_ limits: Limits = Limits()) {
        self.limits = limits
    }

    /// In octets, of sources and what was made of them.
    var sizeInBytes: Int { state.withLock { $0.sizeInBytes } }

    /// What was made before, or what `make` makes now. `onHit` is called where nothing had to be made.
    ///
    /// `make` says whether what it fails with would fail again: then it is not tried again for a while.
    func picture(
        _ source: [UInt8],
        width: Int,
        make: () async -> (Outcome, isSevere: Bool),
        onHit: () -> Void
    ) async -> Outcome {
        let flight = Flight(source: source, width: width)
        switch state.withLock({ enter(flight, &$0) }) {
        case .known(let outcome):
            onHit()
            return outcome
        case .refused: return .failure(.busy)
        case .wait:
            onHit()
            return await wait(for: flight)
        case .make: break
        }
        let (outcome, isSevere) = await make()
        let waiters = state.withLock { state in
            keep(outcome, isSevere: isSevere, of: flight, &state)
            let waiters = state.flights.removeValue(forKey: flight) ?? []
            state.waiters -= waiters.count
            return waiters
        }
        for waiter in waiters { waiter.resume(returning: outcome) }
        return outcome
    }

    private enum Entrance {
        case known(Outcome)
        case wait, make, refused
    }

    private func enter(_ flight: Flight, _ state: inout State) -> Entrance {
        let now = Instant.now
        if var entry = state.entries[flight.source] {
            entry.usedAt = now
            state.entries[flight.source] = entry
            if let failure = entry.failure, failure.until > now { return .known(.failure(failure.error)) }
            if let made = entry.made[flight.width] { return .known(.success(made)) }
        }
        guard state.flights[flight] != nil else {
            state.flights[flight] = []
            return .make
        }
        return state.waiters < limits.waiters ? .wait : .refused
    }

    /// It may have landed since.
    private func wait(for flight: Flight) async -> Outcome {
        await withCheckedContinuation { continuation in
            let landed = state.withLock { state -> Outcome? in
                guard state.flights[flight] != nil else {
                    return state.entries[flight.source]?.made[flight.width].map { .success($0) }
                        ?? .failure(.busy)
                }
                state.flights[flight]?.append(continuation)
                state.waiters += 1
                return nil
            }
            if let landed { continuation.resume(returning: landed) }
        }
    }

    private func keep(_ outcome: Outcome, isSevere: Bool, of flight: Flight, _ state: inout State) {
        var entry = state.entries[flight.source] ?? Entry(usedAt: .now)
        let isNew = state.entries[flight.source] == nil
        let before = isNew ? 0 : entry.sizeInBytes(with: flight.source)
        switch outcome {
        case .success(let picture):
            guard entry.made[flight.width] != nil || entry.made.count < PictureCache.mostWidths else {
                return
            }
            entry.made[flight.width] = picture
        case .failure(let error):
            guard isSevere else { return }
            entry.failure = (error, .now + limits.penalty)
        }
        state.sizeInBytes += entry.sizeInBytes(with: flight.source) - before
        state.entries[flight.source] = entry
        while state.sizeInBytes > limits.sizeInBytes,
            let (source, oldest) = state.entries.min(by: { $0.value.usedAt < $1.value.usedAt })
        {
            state.sizeInBytes -= oldest.sizeInBytes(with: source)
            state.entries[source] = nil
        }
    }
}
