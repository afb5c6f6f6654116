import HSSModel
import TestSupport
import Testing
import Vr

private func recorded(_ unit: String, of owner: UserName? = nil) -> RecordedChannel {
    RecordedChannel(ChannelAddress(unit: UnitID(unchecked: unit), number: 0), owner: owner)
}

@Suite("Retention") struct RetentionTests {
    private let now = WallTime(milliseconds: 1_000_000_000)

    private struct World {
        var rules = RetentionRules()
        var usage = RetentionUsage()
        var segments: [RetentionCandidate] = []

        init(_ random: inout SeededGenerator, now: WallTime) {
            func limit(_ most: Int64) -> Int64? {
                Bool.random(using: &random) ? Int64.random(in: 0...most, using: &random) : nil
            }
            rules.standard = .init(age: limit(1000).map { .seconds($0) }, bytes: limit(500))
            rules.totalBytes = limit(2000)
            for channel in 0..<4 {
                let owner = channel < 3 ? UserName(unchecked: "u\(channel / 2)") : nil
                let id = recorded("c\(channel)", of: owner)
                if Bool.random(using: &random) {
                    rules.channels[id] = .init(age: limit(500).map { .seconds($0) }, bytes: limit(300))
                }
                if let owner, let bytes = limit(600) { rules.ownerBytes[owner] = bytes }
                for _ in 0..<Int.random(in: 0...12, using: &random) {
                    let segment = RetentionCandidate(
                        id,
                        end: WallTime(
                            milliseconds: now.milliseconds - Int64.random(in: 0...1_000_000, using: &random)
                        ),
                        bytes: Int64.random(in: 1...60, using: &random),
                        isKept: Int.random(in: 0..<5, using: &random) == 0,
                        isFormer: Int.random(in: 0..<40, using: &random) == 0
                    )
                    segments.append(segment)
                    usage.add(segment.bytes, of: id)
                }
            }
            segments.sort { $0.end < $1.end }
            usage.shortage = limit(100) ?? 0
        }
    }

    /// After a walk each limit is kept, or only kept clips are in its way; what went had a reason, the oldest went first, and
    /// without the last one that went for a limit the limit was exceeded.
    @Test func retentionTakesTheOldestAndNoMoreThanNeeded() {
        var reasons: Set<RetentionPass.Reason> = []
        for seed in UInt64(0)..<500 {
            var random = SeededGenerator(seed: seed)
            let world = World(&random, now: now)
            var pass = RetentionPass(world.rules, usage: world.usage, at: now)
            var left: [RetentionCandidate] = []
            for segment in world.segments {
                let before = pass
                guard let reason = pass.judge(segment) else {
                    left.append(segment)
                    #expect(pass.usage == before.usage)
                    continue
                }
                reasons.insert(reason)
                #expect(!segment.isKept, "seed \(seed)")
                #expect([.age, .formerOwner].contains(reason) || !before.hasRoom, "seed \(seed)")
                #expect(pass.usage.total == before.usage.total - segment.bytes)
            }
            #expect(pass.usage.total == left.reduce(0) { $0 + $1.bytes }, "seed \(seed)")
            for segment in left where !segment.isKept {
                let rule = world.rules.rule(of: segment.recorded)
                #expect(!segment.isFormer, "seed \(seed)")
                #expect(rule.age.map { segment.end + $0 > now } ?? true, "too old, seed \(seed)")
                #expect((pass.usage.channels[segment.recorded] ?? 0) <= rule.bytes ?? .max, "seed \(seed)")
                if let owner = segment.recorded.owner {
                    let used = pass.usage.owners[owner] ?? 0
                    #expect(used <= world.rules.bytes(of: owner) ?? .max, "seed \(seed)")
                }
                #expect(pass.usage.total <= world.rules.totalBytes ?? .max, "seed \(seed)")
                #expect(pass.usage.shortage <= 0, "seed \(seed)")
            }
            // Walked again, nothing more goes.
            for segment in left { #expect(pass.judge(segment) == nil, "seed \(seed)") }
        }
        #expect(reasons == Set(RetentionPass.Reason.allCases))
    }

    /// Along one channel nothing goes for the sake of all of them: there the oldest of all has to go first.
    @Test func aWalkAlongOneChannelTakesForItsSakeOnly() {
        var reasons: [RetentionPass.Scope: Set<RetentionPass.Reason>] = [:]
        for seed in UInt64(0)..<200 {
            var random = SeededGenerator(seed: seed)
            let world = World(&random, now: now)
            for scope in RetentionPass.Scope.allCases {
                var pass = RetentionPass(world.rules, usage: world.usage, at: now)
                for segment in world.segments {
                    if let reason = pass.judge(segment, along: scope) {
                        reasons[scope, default: []].insert(reason)
                    }
                }
            }
        }
        #expect(reasons[.channel] == [.formerOwner, .age, .channelQuota])
        #expect(reasons[.owner] == [.formerOwner, .age, .channelQuota, .ownerQuota])
        #expect(reasons[.platform] == Set(RetentionPass.Reason.allCases))
    }

    @Test func ageIsCountedFromTheEndToTheMillisecond() {
        let rules = RetentionRules(standard: .init(age: .seconds(60)))
        var pass = RetentionPass(rules, usage: RetentionUsage(), at: now)
        func ending(_ milliseconds: Int64) -> RetentionCandidate {
            let end = WallTime(milliseconds: now.milliseconds - milliseconds)
            return RetentionCandidate(recorded("c"), end: end, bytes: 1)
        }
        #expect(pass.judge(ending(60_000)) == .age)
        #expect(pass.judge(ending(59_999)) == nil)
    }

    @Test func aSegmentIsAdmittedWhereItFits() {
        let owner = UserName(unchecked: "u")
        let (own, free) = (recorded("c", of: owner), recorded("c"))
        let rules = RetentionRules(standard: .init(bytes: 100), ownerBytes: [owner: 50], totalBytes: 200)
        var usage = RetentionUsage()
        usage.add(40, of: own)
        usage.channels[free] = 40
        usage.shortage = -1
        var pass = RetentionPass(rules, usage: usage, at: now)
        #expect(pass.admits(10, to: own) && !pass.admits(11, to: own))
        #expect(pass.admits(60, to: free) && !pass.admits(61, to: free))
        #expect(pass.hasRoom)
        #expect(pass.couldAdmit(50, to: own) && !pass.couldAdmit(51, to: own))
        pass.announce(11, to: own)
        #expect(!pass.hasRoom && pass.isFull(owner) && !pass.isFull(own))
        pass = RetentionPass(rules, usage: RetentionUsage(shortage: 1), at: now)
        #expect(!pass.admits(1, to: free) && !pass.hasRoom)
    }

    /// Room for eight, but no more than a sixteenth of the tightest limit; always for the one that is there.
    @Test(arguments: [(1, 8), (10, 62), (62, 62), (63, 63), (900, 900)] as [(Int64, Int64)])
    func roomIsMadeForSomeMore(bytes: Int64, room: Int64) {
        let rules = RetentionRules(standard: .init(bytes: 1000), totalBytes: 5000)
        let pass = RetentionPass(rules, usage: RetentionUsage(), at: now)
        #expect(pass.room(for: bytes, in: recorded("c")) == room)
    }
}
