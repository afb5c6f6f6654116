import Foundation
import HSSModel
import HostClock
import Synchronization

/// How often a fragment begins in what a player of HLS hands on.
final class RequestCount: Sendable {
    private struct State {
        var fragments = 0
        var first: Instant?
        var last: Instant?
    }

    private static let fragment = Array("moof".utf8)
    private let state = Mutex(State())

    /// Since the first one, in a second.
    var rate: Double {
        state.withLock { state in
            guard let first = state.first, let last = state.last, last > first else { return 0 }
            return Double(state.fragments - 1) / (last - first).inSeconds
        }
    }

    /// Each fragment comes in an answer of its own, so that its name stands behind the length of its box.
    func look(at octets: UnsafeRawBufferPointer) {
        guard octets.count >= 8, octets[4..<8].elementsEqual(Self.fragment) else { return }
        let now = Instant.now
        state.withLock { state in
            state.fragments += 1
            state.first = state.first ?? now
            state.last = now
        }
    }
}
