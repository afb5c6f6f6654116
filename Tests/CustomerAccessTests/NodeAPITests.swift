import Bus
import HSSModel
import Synchronization
import Testing

/// A node `scu-1`, alone or with `scu-2` beside it.
final class FakeNodes: NodeControlPoint {
    private struct State {
        var drain: DrainProgress?
        var hasOther = false
    }

    private let state = Mutex(State())

    func addOther() { state.withLock { $0.hasOther = true } }

    private func status(_ name: String) -> NodeStatus {
        let drain = name == "scu-1" ? state.withLock { $0.drain } : nil
        return NodeStatus(
            node: SignallingNode(
                name: NodeName(unchecked: name),
                domain: "\(name).example",
                plainPort: 0,
                securePort: 8444,
                connectedUnits: 7,
                capacity: 20_000,
                draining: drain.map { !$0.returning } ?? false
            ),
            asleepUnits: 2,
            drain: drain
        )
    }

    func nodes() async -> [NodeStatus] {
        (state.withLock { $0.hasOther } ? ["scu-1", "scu-2"] : ["scu-1"]).map { status($0) }
    }

    func drain(_ name: String, rate: Int, force: Bool) async throws(NodeError) -> NodeStatus {
        guard (1...10_000).contains(rate) else { throw .invalidRate(allowed: 1...10_000) }
        guard name == "scu-1" else { throw .noSuchNode(name) }
        let hasOther = state.withLock { $0.hasOther }
        guard force || hasOther else { throw .nowhereToGo(NodeName(unchecked: name)) }
        state.withLock {
            $0.drain = DrainProgress(
                since: WallTime(milliseconds: 0),
                rate: rate,
                returning: !hasOther,
                told: 1,
                moved: 0,
                left: 7
            )
        }
        return status(name)
    }

    func undrain(_ name: String) async throws(NodeError) -> NodeStatus {
        guard name == "scu-1" else { throw .noSuchNode(name) }
        state.withLock { $0.drain = nil }
        return status(name)
    }
}

@Suite("Nodes, CONTRACT: GET /admin/nodes") struct NodeAPITests {
    private static let open =
        #""asleep":2,"capacity":20000,"domain":"scu-1.example","draining":false,"node":"scu-1","units":7"#

    @Test(
        arguments: [
            ("GET /admin/nodes", nil), ("POST /admin/nodes/scu-1/drain", #"{"force":true}"#),
            ("DELETE /admin/nodes/scu-1/drain", nil),
        ] as [(String, String?)]
    ) func isForOperatorsOnly(call: String, body: String?) async throws {
        try await APIClient.run { api in
            #expect(try await api.send(call, as: "anna", body).status == 403)
            let allowed = try await api.send(call, as: "root", body)
            #expect((200..<300).contains(allowed.status), "\(allowed)")
        }
    }

    @Test func nodesAreListedInPages() async throws {
        try await APIClient.run { api in
            #expect(try await api.send("GET /admin/nodes", as: "root").json == "{\"items\":[{\(Self.open)}]}")
            api.nodes.addOther()
            let page = try await api.send("GET /admin/nodes?limit=1", as: "root")
            #expect(page.json.contains(#""next_cursor":"scu-1""#))
            let next = try await api.send("GET /admin/nodes?limit=1&cursor=scu-1", as: "root")
            #expect(next.json.contains("scu-2") && !next.json.contains("next_cursor"))
        }
    }

    /// One node: "units that are told to go would come back at once".
    @Test func theOnlyNodeIsNotEmptiedUnlessForced() async throws {
        try await APIClient.run { api in
            let refused = try await api.send("POST /admin/nodes/scu-1/drain", as: "root", "{}")
            #expect(refused.status == 409 && refused.json.contains("nowhere-to-go"))
            let forced = try await api.send(
                "POST /admin/nodes/scu-1/drain",
                as: "root",
                #"{"force":true,"rate":5}"#
            )
            #expect(forced.status == 202 && forced.json.contains(#""draining":false"#))
            #expect(
                forced.json.contains(
                    #""drain":{"left":7,"moved":0,"rate":5,"returning":true,"#
                        + #""since":"1970-01-01T00:00:00Z","told":1}"#
                )
            )
            let ended = try await api.send("DELETE /admin/nodes/scu-1/drain", as: "root")
            #expect(ended.json == "{\(Self.open)}")
        }
    }

    @Test func whatIsWrongIsSaid() async throws {
        try await APIClient.run { api in
            let rate = try await api.send("POST /admin/nodes/scu-1/drain", as: "root", #"{"rate":0}"#)
            #expect(rate.status == 400 && rate.json.contains(#""field":"rate""#))
            let absent = try await api.send("POST /admin/nodes/scu-9/drain", as: "root", "{}")
            #expect(absent.status == 404)
            #expect(try await api.send("DELETE /admin/nodes/scu-9/drain", as: "root").status == 404)
        }
    }
}
