import HSSModel
import Store
import Synchronization
import Vd

/// Checks logins of units against the store, those that arrive together with one view of it.
///
/// As in a group commit, whoever comes while a view is open goes into the next one. The first of them opens it for all:
/// there is no task besides those that log in, and a login that comes alone waits for nobody.
final class LoginReader: Sendable {
    /// Logins in one view; others wait for the view after it. Their number has its bound where connections have theirs.
    static let largestBatch = 256

    private struct Login {
        var unit: UnitID
        var proof: LoginProof
        var turn: CheckedContinuation<Turn, Never>
    }

    /// How a wait ends, exactly once.
    private enum Turn: Sendable {
        case answered(Result<StoredDevice?, StoreError>)
        /// Open the view for these, and for oneself.
        case lead([Login])
    }

    private struct State {
        var isReading = false
        var waiting: [Login] = []
    }

    /// ``DeviceStore/devices(_:where:)``.
    typealias View =
        @Sendable ([UnitID], @escaping @Sendable (Int, DeviceCredential?) -> Bool) async throws(StoreError) ->
        [Result<StoredDevice?, StoreError>]

    private let verifier: LoginVerifier
    private let view: View
    private let state = Mutex(State())

    init(_ verifier: LoginVerifier, _ view: @escaping View) {
        self.verifier = verifier
        self.view = view
    }

    /// Logins that wait for the next view.
    var waiting: Int { state.withLock { $0.waiting.count } }

    /// Nil alike for an unknown device, a wrong proof and a disabled device, each after one look-up and one check.
    func device(of unit: UnitID, _ proof: LoginProof) async throws(StoreError) -> StoredDevice? {
        let isFree = state.withLock { state in
            guard !state.isReading else { return false }
            state.isReading = true
            return true
        }
        if isFree { return try await read(unit, proof, for: []).get() }
        let turn = await withCheckedContinuation { continuation in
            enter(Login(unit: unit, proof: proof, turn: continuation))
        }
        switch turn {
        case .answered(let result): return try result.get()
        case .lead(let others): return try await read(unit, proof, for: others).get()
        }
    }

    private func enter(_ login: Login) {
        let isFree = state.withLock { state in
            guard state.isReading else {
                state.isReading = true
                return true
            }
            state.waiting.append(login)
            return false
        }
        // The view has been closed since.
        if isFree { login.turn.resume(returning: .lead([])) }
    }

    /// One view for one's own login and `others`, who are told; then the next in line leads.
    private func read(
        _ unit: UnitID,
        _ proof: LoginProof,
        for others: [Login]
    ) async -> Result<StoredDevice?, StoreError> {
        let units = [unit] + others.map(\.unit)
        let proofs = [proof] + others.map(\.proof)
        let results: [Result<StoredDevice?, StoreError>]
        do throws(StoreError) {
            // What is read of a device beyond its credential waits for the proof: a refusal must not tell how many
            // channels there are.
            results = try await view(units) { [verifier] index, credential in
                let isRight = verifier.accepts(proofs[index], of: units[index], credential?.passwordHash)
                return isRight && credential?.disabled == false
            }
        } catch {
            results = units.map { _ in .failure(error) }
        }
        passOn()
        for (index, login) in others.enumerated() {
            login.turn.resume(returning: .answered(results[index + 1]))
        }
        return results[0]
    }

    private func passOn() {
        let next: (leader: Login, others: [Login])? = state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isReading = false
                return nil
            }
            let batch = state.waiting.prefix(Self.largestBatch)
            state.waiting.removeFirst(batch.count)
            return (batch[0], Array(batch.dropFirst()))
        }
        if let next { next.leader.turn.resume(returning: .lead(next.others)) }
    }
}
