import Bus
import HSSModel
import TestSupport
import Testing
import Vr

/// One rule for every door: what a user may do with a device at a time.
@Suite("Rights on a device") struct DeviceAccessTests {
    private static let anna = UserName(unchecked: "anna")
    private static let bert = UserName(unchecked: "bert")
    /// A Monday, 00:00 UTC.
    private static let monday = WallTime(milliseconds: 1_763_942_400_000)

    private static func plan(_ hours: WeeklyHours) -> RecordingPlan? {
        switch hours.zone {
        case "UTC": RecordingPlan(hours, zone: .utc)
        // An hour ahead of Greenwich.
        case "East": RecordingPlan(hours, zone: ZoneOffsets(first: 3600, changes: []))
        default: nil
        }
    }

    private static func hours(_ zone: String, from: Int, to: Int) -> WeeklyHours {
        WeeklyHours(zone: zone, windows: [.init(weekday: 0, from: from * 60, to: to * 60)])
    }

    private struct Case: CustomTestStringConvertible {
        var name: String
        var user = bert
        var role = Role.customer
        var owner: UserName? = anna
        var grants: [DeviceGrant] = []
        /// Hours after midnight of the Monday.
        var hour = 12
        var expected: DeviceAccessWords?
        var testDescription: String { name }
    }

    struct DeviceAccessWords: Equatable {
        var role: DeviceRole
        var rights: Rights
    }

    private static let cases = [
        Case(name: "the owner", user: anna, expected: .init(role: .owner, rights: .owner)),
        Case(name: "a stranger"),
        Case(name: "an operator", role: .operator, expected: .init(role: .operator, rights: .owner)),
        Case(
            name: "an operator on its own device",
            role: .operator,
            owner: bert,
            expected: .init(role: .owner, rights: .owner)
        ),
        Case(
            name: "a guest",
            grants: [DeviceGrant(rights: .live)],
            expected: .init(role: .guest, rights: .live)
        ),
        Case(
            name: "two grants add up",
            grants: [DeviceGrant(rights: .live), DeviceGrant(rights: [.control, .talk])],
            expected: .init(role: .guest, rights: [.live, .control, .talk])
        ),
        Case(name: "nobody's device", owner: nil),
        Case(
            name: "within its hours",
            grants: [DeviceGrant(rights: .live, hours: hours("UTC", from: 8, to: 18))],
            expected: .init(role: .guest, rights: .live)
        ),
        Case(
            name: "at the first moment",
            grants: [DeviceGrant(rights: .live, hours: hours("UTC", from: 12, to: 18))],
            expected: .init(role: .guest, rights: .live)
        ),
        Case(
            name: "at the end",
            grants: [DeviceGrant(rights: .live, hours: hours("UTC", from: 8, to: 12))]
        ),
        Case(
            name: "by the clock of the zone",
            grants: [DeviceGrant(rights: .live, hours: hours("East", from: 8, to: 13))]
        ),
        Case(
            name: "a zone that nobody knows",
            grants: [DeviceGrant(rights: .live, hours: hours("Nowhere", from: 0, to: 24))]
        ),
        Case(
            name: "before it runs out",
            grants: [DeviceGrant(rights: .live, expiresAt: monday + .seconds(12 * 3600 + 1))],
            expected: .init(role: .guest, rights: .live)
        ),
        Case(
            name: "when it runs out",
            grants: [DeviceGrant(rights: .live, expiresAt: monday + .seconds(12 * 3600))]
        ),
        Case(
            name: "outside of the hours the other grant is left",
            grants: [
                DeviceGrant(rights: .owner, hours: hours("UTC", from: 8, to: 9)),
                DeviceGrant(rights: .playback),
            ],
            expected: .init(role: .guest, rights: .playback)
        ),
    ]

    @Test(arguments: cases) private func isWhatTheTableSays(of example: Case) {
        let access = DeviceAccess(
            of: example.user,
            example.role,
            owner: example.owner,
            grants: example.grants,
            at: Self.monday + .seconds(example.hour * 3600),
            plan: Self.plan
        )
        #expect(access.map { .init(role: $0.role, rights: $0.rights) } == example.expected)
    }

    /// Whatever the grants: between now and the next change the answer stays what it is.
    @Test(arguments: 1...200 as ClosedRange<UInt64>) func staysTheSameUntilTheNextChange(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let week = 7 * 86_400
        let grants = (0..<Int.random(in: 0...3, using: &random)).map { _ in
            var grant = DeviceGrant(rights: Rights(rawValue: Int.random(in: 1...15, using: &random)))
            if Bool.random(using: &random) {
                let zone = Bool.random(using: &random) ? "UTC" : "East"
                grant.hours = WeeklyHours(
                    zone: zone,
                    windows: (0..<Int.random(in: 1...3, using: &random)).map { _ in
                        .init(
                            weekday: Int.random(in: 0...6, using: &random),
                            from: Int.random(in: 0..<1440, using: &random),
                            to: Int.random(in: 1...1440, using: &random)
                        )
                    }
                )
            }
            if Bool.random(using: &random) {
                grant.expiresAt = Self.monday + .seconds(Int.random(in: 0..<week, using: &random))
            }
            return grant
        }
        func access(at time: WallTime) -> DeviceAccess? {
            DeviceAccess(
                of: Self.bert,
                .customer,
                owner: Self.anna,
                grants: grants,
                at: time,
                plan: Self.plan
            )
        }
        let now = Self.monday + .seconds(Int.random(in: 0..<week, using: &random))
        let next = DeviceAccess.nextChange(of: grants, after: now, plan: Self.plan)
        let end = next ?? now + .seconds(2 * week)
        #expect(end > now, "seed \(seed)")
        for _ in 0..<50 {
            let span = (end - now).wholeMilliseconds
            let time = now + .milliseconds(Int64.random(in: 0..<span, using: &random))
            #expect(access(at: time) == access(at: now), "seed \(seed), \(time), \(grants)")
        }
        #expect(access(at: end + .milliseconds(-1)) == access(at: now), "seed \(seed)")
    }
}
