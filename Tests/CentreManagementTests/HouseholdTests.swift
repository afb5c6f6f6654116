import Bus
import CentreManagement
import HSSModel
import HostClock
import Testing

@Suite("Households and groups") struct HouseholdTests {
    private struct Home {
        var centre: Centre
        var anna, bert, carl: Principal
        var id: String
        var registry: Registry { centre.registry }

        /// `anna` has `cam`, and a household with `bert` in it.
        static func run(
            limits: Registry.Limits = .init(),
            _ body: (Home) async throws -> Void
        ) async throws {
            try await Centre.run(limits: limits) { centre async throws in
                let anna = try await centre.customer("anna")
                let bert = try await centre.customer("bert")
                let carl = try await centre.customer("carl")
                try await centre.bind(try await centre.device("cam"), to: anna)
                let made = try await centre.registry.addHousehold("Home", by: anna)
                #expect(made.members.map(\.role) == [.admin])
                let home = Home(centre: centre, anna: anna, bert: bert, carl: carl, id: made.id.rawValue)
                #expect(try await home.join("bert", [.live, .playback]).isNew)
                _ = try await home.registry.addDevice("cam", to: home.id, by: anna)
                try await body(home)
            }
        }

        func join(
            _ user: String,
            _ rights: Rights = .live,
            as role: Household.MemberRole = .member,
            by caller: Principal? = nil
        ) async throws(ManagementError) -> (household: Household, isNew: Bool) {
            try await registry.setMember(user, role, rights, of: id, by: caller ?? anna)
        }

        func rights(of user: Principal, on device: String = "cam") async throws -> Rights? {
            do {
                return try await registry.device(device, visibleTo: user).rights
            } catch .notFound {
                return nil
            }
        }
    }

    @Test func membersHaveTheirRightsOnItsDevices() async throws {
        try await Home.run { home async throws in
            #expect(try await home.rights(of: home.bert) == [.live, .playback])
            #expect(try await home.rights(of: home.anna) == .owner)
            #expect(try await home.rights(of: home.carl) == nil)
            // A share adds to it.
            _ = try await home.registry.share("cam", with: "bert", DeviceGrant(rights: .talk), by: home.anna)
            #expect(try await home.rights(of: home.bert) == [.live, .playback, .talk])
            let listed = try await home.registry.devices(after: nil, limit: 5, visibleTo: home.bert)
            #expect(listed.map(\.rights) == [[.live, .playback, .talk]])
            #expect(try await !home.join("bert", .control).isNew)
            #expect(try await home.rights(of: home.bert) == [.control, .talk])
        }
    }

    @Test func leavingEndsBothSides() async throws {
        try await Home.run { home async throws in
            try await home.centre.bind(try await home.centre.device("bell"), to: home.bert)
            _ = try await home.registry.addDevice("bell", to: home.id, by: home.bert)
            #expect(try await home.rights(of: home.anna, on: "bell") == .owner)
            try await home.registry.removeMember("bert", of: home.id, by: home.bert)
            #expect(try await home.rights(of: home.bert) == nil)
            #expect(try await home.rights(of: home.anna, on: "bell") == nil, "its devices went with it")
            #expect(
                try await home.registry.household(home.id, by: home.anna).devices.map(\.unit.rawValue) == [
                    "cam"
                ]
            )
            await #expect(throws: ManagementError.notFound("household \(home.id)")) {
                try await home.registry.household(home.id, by: home.bert)
            }
        }
    }

    /// Unbinding, removal and the end of the household take the rights with them.
    @Test func devicesThatLeaveTakeTheirRightsAlong() async throws {
        try await Home.run { home async throws in
            try await home.registry.unbind("cam", by: home.anna)
            #expect(try await home.rights(of: home.bert) == nil)
            #expect(try await home.registry.household(home.id, by: home.anna).devices.isEmpty)
        }
        try await Home.run { home async throws in
            try await home.registry.removeDevice("cam", from: home.id, by: home.anna)
            #expect(try await home.rights(of: home.bert) == nil)
        }
        try await Home.run { home async throws in
            try await home.registry.removeHousehold(home.id, by: home.anna)
            #expect(try await home.rights(of: home.bert) == nil)
        }
    }

    @Test func onlyAdminsSayWhoBelongsAndOwnersWhatIsThere() async throws {
        try await Home.run { home async throws in
            await #expect(throws: ManagementError.noRight("Only an admin of the household may do this.")) {
                try await home.join("carl", by: home.bert)
            }
            await #expect(throws: ManagementError.notFound("household \(home.id)")) {
                try await home.join("carl", by: home.carl)
            }
            // Not even with all rights does a guest put somebody else's camera anywhere.
            _ = try await home.join("bert", .owner, as: .admin)
            await #expect(
                throws: ManagementError.noRight("Only the owner may put this device into a household.")
            ) {
                try await home.registry.addDevice("cam", to: home.id, by: home.bert)
            }
            // An admin may take one out.
            try await home.registry.removeDevice("cam", from: home.id, by: home.bert)
            #expect(try await home.rights(of: home.bert) == nil)
        }
    }

    @Test func aHouseholdHasAnAdmin() async throws {
        try await Home.run { home async throws in
            for change in 0..<2 {
                let error = await #expect(throws: ManagementError.self) {
                    if change == 0 {
                        _ = try await home.join("anna", .owner, as: .member)
                    } else {
                        try await home.registry.removeMember("anna", of: home.id, by: home.anna)
                    }
                }
                guard case .conflict? = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
            }
            // Disabled: whoever is there longest follows.
            _ = try await home.join("carl")
            _ = try await home.registry.setUser("anna", disabled: true, by: Centre.root)
            let left = try await home.registry.household(home.id, by: home.bert)
            #expect(left.members.map(\.user.rawValue) == ["bert", "carl"])
            #expect(left.member(home.bert.user)?.role == .admin && left.devices.isEmpty)
            try await home.registry.removeMember("carl", of: home.id, by: home.bert)
            try await home.registry.removeMember("bert", of: home.id, by: home.bert)
            await #expect(throws: ManagementError.notFound("household \(home.id)")) {
                try await home.registry.household(home.id, by: Centre.root)
            }
        }
    }

    @Test func everyTableHasItsBound() async throws {
        var limits = Registry.Limits()
        limits.householdsPerUser = 1
        limits.householdMembers = 2
        limits.householdDevices = 1
        limits.groupsPerUser = 1
        limits.groupDevices = 1
        try await Home.run(limits: limits) { home async throws in
            await #expect(throws: ManagementError.limit("1 households of one user")) {
                try await home.registry.addHousehold("Second", by: home.anna)
            }
            await #expect(throws: ManagementError.limit("2 members of one household")) {
                try await home.join("carl")
            }
            try await home.centre.bind(try await home.centre.device("cam-2"), to: home.anna)
            await #expect(throws: ManagementError.limit("1 devices of one household")) {
                try await home.registry.addDevice("cam-2", to: home.id, by: home.anna)
            }
            let group = try await home.registry.addGroup("All", by: home.anna).id.rawValue
            await #expect(throws: ManagementError.limit("1 groups of one user")) {
                try await home.registry.addGroup("More", by: home.anna)
            }
            _ = try await home.registry.addDevice("cam", toGroup: group, by: home.anna)
            _ = try await home.registry.addDevice("cam", toGroup: group, by: home.anna)
            await #expect(throws: ManagementError.limit("1 devices of one group")) {
                try await home.registry.addDevice("cam-2", toGroup: group, by: home.anna)
            }
            for name in ["", "a\nb", String(repeating: "x", count: 129)] {
                await #expect(throws: ManagementError.self) {
                    try await home.registry.renameHousehold(home.id, name, by: home.anna)
                }
            }
        }
    }

    /// A user's own arrangement: the order is kept, what is not seen is not shown, and nothing is given by it.
    @Test func groupsArrangeWhatIsSeen() async throws {
        try await Home.run { home async throws in
            for name in ["zoo", "arc"] {
                try await home.centre.bind(try await home.centre.device(name), to: home.bert)
            }
            let group = try await home.registry.addGroup("Mine", by: home.bert).id.rawValue
            for name in ["zoo", "cam", "arc"] {
                _ = try await home.registry.addDevice(name, toGroup: group, by: home.bert)
            }
            func shown() async throws -> [[String]] {
                try await home.registry.groups(of: home.bert).map { $0.units.map(\.rawValue) }
            }
            #expect(try await shown() == [["zoo", "cam", "arc"]])
            _ = try await home.registry.removeMember("bert", of: home.id, by: home.anna)
            #expect(try await shown() == [["zoo", "arc"]])
            _ = try await home.join("bert")
            #expect(try await shown() == [["zoo", "cam", "arc"]], "it comes back with the right")
            try await home.registry.removeDevice("zoo", fromGroup: group, by: home.bert)
            #expect(try await home.registry.renameGroup(group, "Ours", by: home.bert).name == "Ours")
            for call in 0..<3 {
                await #expect(throws: ManagementError.notFound("group \(group)")) {
                    switch call {
                    case 0: _ = try await home.registry.addDevice("cam", toGroup: group, by: home.anna)
                    case 1: try await home.registry.removeGroup(group, by: home.anna)
                    default: _ = try await home.registry.renameGroup(group, "x", by: home.anna)
                    }
                }
            }
            try await home.registry.removeGroup(group, by: home.bert)
            #expect(try await shown().isEmpty)
        }
    }
}
