import HSSModel
import Store
import TestSupport
import Testing

/// Any sequence of calls leaves the store as a few dictionaries would be.
@Suite("The store against a model") struct CentreModelContract {
    private struct Model {
        var users: [String: Bool] = [:]
        var devices: [String: (owner: String?, disabled: Bool)] = [:]
        /// Code: user and end, in seconds after the start.
        var codes: [String: (user: String, end: Int)] = [:]

        mutating func redeem(_ code: String, _ device: String, at second: Int) -> Redemption {
            guard let (user, end) = codes[code], end > second else { return .unknownCode }
            guard let known = devices[device], !known.disabled else { return .unknownDevice }
            if let owner = known.owner, owner != user { return .boundToAnother }
            codes[code] = nil
            devices[device]?.owner = user
            return .bound(to: UserName(unchecked: user))
        }
    }

    @Test(arguments: Backend.available, 1...6 as ClosedRange<UInt64>)
    func agreesAfterEveryStep(_ backend: Backend, seed: UInt64) async throws {
        try await backend.withStore { store in
            var random = SeededGenerator(seed: seed)
            var model = Model()
            for second in 0..<300 {
                let place: Comment = "seed \(seed), step \(second)"
                let now = Sample.start + .seconds(second)
                let user = "u\(Int.random(in: 0..<4, using: &random))"
                let device = "d\(Int.random(in: 0..<6, using: &random))"
                let code = "c\(Int.random(in: 0..<second / 4 + 1, using: &random))"
                let unit = UnitID(unchecked: device)
                let name = UserName(unchecked: user)
                switch Int.random(in: 0..<12, using: &random) {
                case 0:
                    let added = await succeeds { try await store.add(Sample.user(user)) }
                    #expect(added == (model.users[user] == nil), place)
                    if added { model.users[user] = true }
                case 1, 2:
                    let added = await succeeds { try await store.add(Sample.device(device)) }
                    #expect(added == (model.devices[device] == nil), place)
                    if added { model.devices[device] = (nil, false) }
                case 3:
                    let removed = await succeeds { try await store.removeDevice(unit) }
                    #expect(removed == (model.devices[device] != nil), place)
                    model.devices[device] = nil
                case 4:
                    let disabled = Bool.random(using: &random)
                    let done = await succeeds { _ = try await store.setDevice(unit, disabled: disabled) }
                    #expect(done == (model.devices[device] != nil), place)
                    model.devices[device]?.disabled = disabled
                case 5:
                    let disabled = Bool.random(using: &random)
                    let done = await succeeds { _ = try await store.setUser(name, disabled: disabled) }
                    #expect(done == (model.users[user] != nil), place)
                    guard done else { break }
                    model.users[user] = !disabled
                    if disabled { model.codes = model.codes.filter { $0.value.user != user } }
                case 6, 7:
                    let issued = await succeeds {
                        guard
                            try await store.addBindCode(
                                hash: code,
                                for: name,
                                expiresAt: now + .seconds(40),
                                at: now,
                                limit: 1000
                            )
                        else { throw StoreError.conflict("limit") }
                    }
                    #expect(issued == (model.users[user] == true && model.codes[code] == nil), place)
                    if issued { model.codes[code] = (user, second + 40) }
                case 8, 9:
                    let outcome = try await store.redeem(codeHash: code, for: unit, at: now)
                    #expect(outcome == model.redeem(code, device, at: second), place)
                case 10:
                    let owner = model.devices[device]?.owner
                    let done = await succeeds { _ = try await store.unbind(unit, owner: name) }
                    #expect(done == (owner == user), place)
                    if done { model.devices[device]?.owner = nil }
                default:
                    let expired = model.codes.filter { $0.value.end <= second }.keys
                    #expect(try await store.dropExpired(at: now) == expired.count, place)
                    for code in expired { model.codes[code] = nil }
                }
                try await expectEqual(store, model, place)
            }
        }
    }

    private func expectEqual(_ store: any CentreStore, _ model: Model, _ place: Comment) async throws {
        for owner in [nil, "u0", "u1", "u2", "u3"] as [String?] {
            let page = try await store.devices(
                after: nil,
                limit: 100,
                owner: owner.map(UserName.init(unchecked:))
            )
            let expected = model.devices.filter { owner == nil || $0.value.owner == owner }.keys.sorted()
            #expect(page.map(\.unit.rawValue) == expected, place)
            for device in page {
                let known = model.devices[device.unit.rawValue]
                #expect(device.owner?.rawValue == known?.owner, place)
                #expect(device.disabled == known?.disabled, place)
            }
        }
        let users = try await store.users(after: nil, limit: 100)
        #expect(users.map(\.name.rawValue) == model.users.keys.sorted(), place)
        #expect(users.map { !$0.disabled } == model.users.keys.sorted().map { model.users[$0] }, place)
    }

    private func succeeds(_ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return true
        } catch { return false }
    }
}
