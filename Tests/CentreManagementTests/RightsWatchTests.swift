import Bus
import CentreManagement
import HSSModel
import HostClock
import Synchronization
import Testing

@Suite("What is watched ends with its right") struct RightsWatchTests {
    private static let watch = LiveWatch(
        user: UserName(unchecked: "bert"),
        channel: ChannelAddress(unit: UnitID(unchecked: "cam"), number: 0)
    )
    private static let start = WallTime(milliseconds: 1_763_942_400_000)

    /// One who watches, and what the registry says of it.
    private final class House: LiveAudience {
        struct State {
            var watching: Set<LiveWatch> = []
            var may = true
            var until: WallTime?
            var isDown = false
            var asked = 0
        }

        let state = Mutex(State())

        func watches() async -> [LiveWatch] { state.withLock { Array($0.watching) } }
        func dismiss(_ user: UserName, from channel: ChannelAddress) async -> Bool {
            state.withLock { $0.watching.remove(LiveWatch(user: user, channel: channel)) != nil }
        }
        func revoke(_ lease: LeaseID, of channel: ChannelAddress) async {}

        func judge() throws -> (may: Bool, until: WallTime?) {
            try state.withLock { state in
                state.asked += 1
                if state.isDown { throw ManagementError.unavailable("test") }
                return (state.may, state.until)
            }
        }
    }

    private static func house(_ state: House.State = .init()) -> (House, RightsWatch) {
        let house = House()
        house.state.withLock {
            $0 = state
            $0.watching = [watch]
        }
        return (house, RightsWatch(audience: house) { _, _ in try house.judge() })
    }

    @Test func aRightThatIsTakenBackEndsItAtOnce() async {
        let (house, rights) = Self.house()
        await rights.look(at: [], at: Self.start)
        #expect(await house.watches() == [Self.watch])
        house.state.withLock { $0.may = false }
        await rights.look(at: [UnitID(unchecked: "other")], at: Self.start)
        #expect(await house.watches() == [Self.watch], "another device changed")
        await rights.look(at: [UnitID(unchecked: "cam")], at: Self.start)
        #expect(await house.watches().isEmpty)
    }

    @Test func aRightThatRunsOutEndsItAtItsTime() async {
        var state = House.State()
        state.until = Self.start + .seconds(10)
        let (house, rights) = Self.house(state)
        await rights.look(at: [], at: Self.start)
        house.state.withLock { $0.may = false }
        await rights.look(at: [], at: Self.start + .milliseconds(9999))
        #expect(await house.watches() == [Self.watch])
        #expect(house.state.withLock { $0.asked } == 1, "nobody is asked twice before its time")
        await rights.look(at: [], at: Self.start + .seconds(10))
        #expect(await house.watches().isEmpty)
    }

    /// News that was lost is found out within a minute.
    @Test func everybodyIsJudgedAnewAfterAMinute() async {
        let (house, rights) = Self.house()
        await rights.look(at: [], at: Self.start)
        house.state.withLock { $0.may = false }
        await rights.look(at: [], at: Self.start + .seconds(60))
        #expect(await house.watches().isEmpty)
    }

    @Test func whatRunsGoesOnWhileTheRegistryIsDown() async {
        let (house, rights) = Self.house()
        house.state.withLock { $0.isDown = true }
        await rights.look(at: nil, at: Self.start)
        #expect(await house.watches() == [Self.watch])
        house.state.withLock {
            $0.isDown = false
            $0.may = false
        }
        await rights.look(at: [], at: Self.start)
        #expect(await house.watches().isEmpty, "asked again with the next look")
    }
}
