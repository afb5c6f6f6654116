import HSSModel
import Testing

@testable import ServerKit

@Suite("Connection gate") struct ConnectionGateTests {
    private func gate(_ connections: Int, _ perAddress: Int) -> (ConnectionGate, MetricRegistry) {
        let metrics = MetricRegistry()
        let limits = ListenerLimits(connections: connections, connectionsPerAddress: perAddress)
        return (ConnectionGate(limits: limits, listener: "t", metrics: metrics), metrics)
    }

    @Test func anAddressIsLimitedAndANeighbourIsNot() {
        let (gate, metrics) = gate(10, 2)
        #expect(gate.enter(NetworkPrefix("192.0.2.1")) == nil)
        #expect(gate.enter(NetworkPrefix("192.0.2.1")) == nil)
        #expect(gate.enter(NetworkPrefix("192.0.2.1")) == .address)
        #expect(gate.enter(NetworkPrefix("192.0.2.2")) == nil)
        gate.leave(NetworkPrefix("192.0.2.1"))
        #expect(gate.enter(NetworkPrefix("192.0.2.1")) == nil)
        #expect(
            metrics.exposition().contains(
                "vedette_connections_refused_total{listener=\"t\",reason=\"address\"} 1\n"
            )
        )
    }

    @Test func anIPv6NetworkCountsAsOneAddress() {
        let (gate, _) = gate(10, 1)
        #expect(gate.enter(NetworkPrefix("2001:db8::1")) == nil)
        #expect(gate.enter(NetworkPrefix("2001:db8::ffff:2")) == .address)
        #expect(gate.enter(NetworkPrefix("2001:db8:0:1::1")) == nil)
    }

    @Test func allTogetherAreLimitedAndTheTableEmptiesAgain() {
        let (gate, _) = gate(3, 3)
        let addresses = (1...3).map { NetworkPrefix("192.0.2.\($0)") }
        for address in addresses { #expect(gate.enter(address) == nil) }
        #expect(gate.enter(NetworkPrefix("192.0.2.9")) == .full)
        for address in addresses { gate.leave(address) }
        gate.leave(addresses[0])
        #expect(gate.open == 0)
    }
}

@Suite("Connection deadlines") struct ConnectionDeadlinesTests {
    private let start = Instant(nanoseconds: 0)
    private func at(_ seconds: Int) -> Instant { start + .seconds(seconds) }

    private func deadlines() -> ConnectionDeadlines {
        ConnectionDeadlines(headerTimeout: .seconds(10), idleTimeout: .seconds(60), openedAt: start)
    }

    @Test func theFirstHeaderIsDueFromTheOpeningWhateverArrives() {
        var deadlines = deadlines()
        deadlines.bytesArrived(at: at(9))
        #expect(deadlines.expired(at: at(9)) == nil)
        #expect(deadlines.expired(at: at(10)) == .header)
    }

    @Test func nothingIsDueDuringARequest() {
        var deadlines = deadlines()
        deadlines.requestBegan()
        #expect(deadlines.deadline == nil)
        #expect(deadlines.expired(at: at(100_000)) == nil)
    }

    @Test func afterTheLastOfSeveralRequestsTheIdleTimeBegins() {
        var deadlines = deadlines()
        deadlines.requestBegan()
        deadlines.requestBegan()
        deadlines.requestEnded(at: at(5))
        #expect(deadlines.isBusy)
        deadlines.requestEnded(at: at(6))
        #expect(deadlines.expired(at: at(65)) == nil)
        #expect(deadlines.expired(at: at(66)) == .idle)
        deadlines.requestEnded(at: at(90))
        #expect(deadlines.expired(at: at(66)) == .idle)
    }

    @Test(arguments: [(multiplexed: false, due: 16), (multiplexed: true, due: 66)])
    func bytesBeginAHeaderOnHTTP1Only(multiplexed: Bool, due: Int) {
        var deadlines = deadlines()
        deadlines.isMultiplexed = multiplexed
        deadlines.requestBegan()
        deadlines.requestEnded(at: at(6))
        deadlines.bytesArrived(at: at(6))
        #expect(deadlines.deadline == at(due))
    }
}
