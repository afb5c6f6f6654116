package import NIOCore
import Synchronization

/// Counts the open connections of a listener, or of several that share their limits, and refuses more than
/// allowed before anything is spent on them.
///
/// The table holds addresses with open connections only, so that it never outgrows `connections`.
package final class ConnectionGate: Sendable {
    package enum Refusal: String, CaseIterable, Sendable {
        case full, address
    }

    private struct State {
        var open = 0
        var byAddress: [NetworkPrefix: Int] = [:]
    }

    private let connections: Int
    private let connectionsPerAddress: Int
    private let state = Mutex(State())
    private let openGauge: Gauge
    private let accepted: Counter
    private let refused: [Refusal: Counter]

    package init(limits: ListenerLimits, listener: String, metrics: MetricRegistry) {
        connections = limits.connections
        connectionsPerAddress = limits.connectionsPerAddress
        let label = ("listener", listener)
        openGauge = metrics.gauge("vedette_connections_open", "Open connections.", labels: [label])
        accepted = metrics.counter(
            "vedette_connections_accepted_total",
            "Connections let in.",
            labels: [label]
        )
        refused = Dictionary(
            uniqueKeysWithValues: Refusal.allCases.map {
                let labels = [label, ("reason", $0.rawValue)]
                let help = "Connections refused because of a limit."
                return ($0, metrics.counter("vedette_connections_refused_total", help, labels: labels))
            }
        )
    }

    /// The connections that are open now.
    package var open: Int { state.withLock { $0.open } }

    /// Called by a child channel's initializer, before TLS. True: counted until the channel closes. False:
    /// the caller closes the channel and adds nothing to it.
    package func admit(_ channel: any Channel) -> Bool {
        let address = NetworkPrefix(channel.remoteAddress?.ipAddress ?? "local")
        guard enter(address) == nil else { return false }
        channel.closeFuture.whenComplete { _ in self.leave(address) }
        return true
    }

    /// For whoever has no channel. Nil: admitted, to be given back by ``leave(_:)`` exactly once.
    package func enter(_ address: NetworkPrefix) -> Refusal? {
        let refusal = state.withLock { state -> Refusal? in
            guard state.open < connections else { return .full }
            let ofAddress = state.byAddress[address] ?? 0
            guard ofAddress < connectionsPerAddress else { return .address }
            state.byAddress[address] = ofAddress + 1
            state.open += 1
            return nil
        }
        if let refusal {
            refused[refusal]?.add()
        } else {
            accepted.add()
            openGauge.add(1)
        }
        return refusal
    }

    package func leave(_ address: NetworkPrefix) {
        let counted = state.withLock { state -> Bool in
            guard let ofAddress = state.byAddress[address] else { return false }
            state.byAddress[address] = ofAddress > 1 ? ofAddress - 1 : nil
            state.open -= 1
            return true
        }
        if counted { openGauge.add(-1) }
    }
}
