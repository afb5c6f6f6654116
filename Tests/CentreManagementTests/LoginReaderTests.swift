import HSSModel
import HostClock
import Store
import Synchronization
import Testing
import Vd

@testable import CentreManagement

@Suite("Logins that arrive together") struct LoginReaderTests {
    private static let right = Secret("the right password of everybody")
    private static let verifier = LoginVerifier()
    private static let hash = verifier.stored(right, of: UnitID(unchecked: "any"))

    /// A store whose views stay open until the test lets them go. Units called `off…` are disabled, `no…` unknown, and
    /// the rows of `bad…` damaged.
    private final class SlowStore: Sendable {
        private struct State {
            var views: [[String]] = []
            var open: [CheckedContinuation<Void, Never>] = []
            var isSlow = true
            var failure: StoreError?
        }

        private let state = Mutex(State())

        /// What each view was opened for.
        var views: [[String]] { state.withLock { $0.views } }

        func fail(_ failure: StoreError) { state.withLock { $0.failure = failure } }

        /// The views that are open and all later ones return.
        func letGo() {
            let open = state.withLock { state in
                state.isSlow = false
                defer { state.open = [] }
                return state.open
            }
            for view in open { view.resume() }
        }

        func view(
            _ units: [UnitID],
            _ accepts: @Sendable (Int, DeviceCredential?) -> Bool
        ) async throws(StoreError) -> [Result<StoredDevice?, StoreError>] {
            await withCheckedContinuation { continuation in
                let isSlow = state.withLock { state in
                    state.views.append(units.map(\.rawValue))
                    if state.isSlow { state.open.append(continuation) }
                    return state.isSlow
                }
                if !isSlow { continuation.resume() }
            }
            if let failure = state.withLock({ $0.failure }) { throw failure }
            return units.enumerated().map { index, unit in
                let name = unit.rawValue
                if name.hasPrefix("bad") { return .failure(.corrupt("row")) }
                let credential = DeviceCredential(
                    passwordHash: LoginReaderTests.hash,
                    disabled: name.hasPrefix("off")
                )
                let isAccepted = accepts(index, name.hasPrefix("no") ? nil : credential)
                return .success(isAccepted ? LoginReaderTests.device(unit) : nil)
            }
        }
    }

    private static func device(_ unit: UnitID) -> StoredDevice {
        StoredDevice(
            unit: unit,
            macIdentity: MACIdentity(unchecked: unit.rawValue),
            name: unit.rawValue,
            channels: [:],
            passwordHash: hash,
            createdAt: WallTime(milliseconds: 0)
        )
    }

    /// Logs `first` in, and `names` while the view of `first` is open; then lets everything go.
    private func logIn(
        _ first: String,
        then names: [String],
        _ store: SlowStore,
        password: @escaping @Sendable (String) -> Secret = { _ in right }
    ) async -> [String: Result<StoredDevice?, StoreError>] {
        let reader = LoginReader(Self.verifier) { units, accepts async throws(StoreError) in
            try await store.view(units, accepts)
        }
        return await withTaskGroup(of: (String, Result<StoredDevice?, StoreError>).self) { group in
            for (number, name) in ([first] + names).enumerated() {
                group.addTask {
                    do throws(StoreError) {
                        let device = try await reader.device(
                            of: UnitID(unchecked: name),
                            .password(password(name))
                        )
                        return (name, .success(device))
                    } catch {
                        return (name, .failure(error))
                    }
                }
                if number == 0 { while store.views.isEmpty { await Task.yield() } }
            }
            while reader.waiting < names.count { await Task.yield() }
            store.letGo()
            var results: [String: Result<StoredDevice?, StoreError>] = [:]
            for await (name, result) in group { results[name] = result }
            return results
        }
    }

    @Test func shareOneViewAndEachGetsItsOwnAnswer() async {
        let store = SlowStore()
        let names = (0..<40).map { "\(["cam", "off", "no", "bad", "liar"][$0 % 5])\($0)" }
        let results = await logIn("first", then: names, store) {
            $0.hasPrefix("liar") ? Secret("something else") : Self.right
        }
        #expect(store.views.count == 2)
        #expect(store.views.first == ["first"] && store.views.last?.sorted() == names.sorted())
        for (name, result) in results {
            if name.hasPrefix("cam") || name == "first" {
                #expect(result == .success(Self.device(UnitID(unchecked: name))))
            } else if name.hasPrefix("bad") {
                #expect(result == .failure(.corrupt("row")))
            } else {
                #expect(result == .success(nil), "\(name)")
            }
        }
    }

    @Test func areReadInBoundedViews() async {
        let store = SlowStore()
        let names = (0..<(2 * LoginReader.largestBatch + 10)).map { "cam\($0)" }
        let results = await logIn("first", then: names, store)
        #expect(store.views.map(\.count) == [1, LoginReader.largestBatch, LoginReader.largestBatch, 10])
        #expect(results.count == names.count + 1)
    }

    @Test func hearAllOfThemThatTheStoreIsLost() async {
        let store = SlowStore()
        store.fail(.unavailable("gone"))
        let results = await logIn("first", then: ["a", "b"], store)
        #expect(results.count == 3)
        #expect(results.values.allSatisfy { $0 == .failure(.unavailable("gone")) })
    }
}
