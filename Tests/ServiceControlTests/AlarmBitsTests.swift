import ServiceControl
import TestSupport
import Testing
import Vd

@Suite("Alarms in heartbeats, Table I.2-1") struct AlarmBitsTests {
    @Test func aDifferenceCountsTheSecondTime() {
        var bits = AlarmBits()
        #expect(bits.heard(AlarmType.motion.bit) == ([], []))
        #expect(bits.heard(AlarmType.motion.bit) == ([.motion], []))
        bits.began(.motion)
        #expect(bits.heard(AlarmType.motion.bit) == ([], []))
        #expect(bits.heard(0) == ([], []))
        #expect(bits.heard(0) == ([], [.motion]))
        bits.ended(.motion)
        #expect(bits.heard(0) == ([], []))
        #expect(bits.isEmpty)
    }

    /// The report was on its way while the heartbeat was served.
    @Test func aReportBetweenTwoHeartbeatsSettlesIt() {
        var bits = AlarmBits()
        #expect(bits.heard(AlarmType.cry.bit) == ([], []))
        bits.began(.cry)
        #expect(bits.heard(AlarmType.cry.bit) == ([], []))
        #expect(bits.heard(0) == ([], []))
        bits.ended(.cry)
        #expect(bits.heard(0) == ([], []))
        #expect(bits.isEmpty)
    }

    @Test func oneHeartbeatThatLiesChangesNothing() {
        var bits = AlarmBits()
        bits.began(.human)
        #expect(bits.heard(0) == ([], []))
        #expect(bits.heard(AlarmType.human.bit) == ([], []))
        #expect(bits.heard(0) == ([], []))
    }

    /// Single alarms and bits that no alarm has.
    @Test func onlyAlarmsThatLastAreCompared() {
        var bits = AlarmBits()
        let others = ~AlarmType.allCases.filter { !$0.isSingle }.reduce(UInt32(0)) { $0 | $1.bit }
        for _ in 0..<3 { #expect(bits.heard(others) == ([], [])) }
        #expect(bits.isEmpty)
    }

    /// Whatever is lost on the way: a state that stays is known after two heartbeats.
    @Test func whatStaysIsKnownAfterTwoHeartbeats() {
        for seed in UInt64(0)..<500 {
            var random = SeededGenerator(seed: seed)
            var bits = AlarmBits()
            var known: Set<AlarmType> = []
            var truth: UInt32 = 0
            func apply(_ news: (begun: [AlarmType], ended: [AlarmType])) {
                for type in news.begun {
                    #expect(known.insert(type).inserted, "seed \(seed)")
                    bits.began(type)
                }
                for type in news.ended {
                    #expect(known.remove(type) != nil, "seed \(seed)")
                    bits.ended(type)
                }
            }
            for _ in 0..<50 {
                truth = UInt32.random(in: 0...UInt32.max, using: &random)
                for _ in 0..<Int.random(in: 1...3, using: &random) { apply(bits.heard(truth)) }
            }
            for _ in 0..<3 { apply(bits.heard(truth)) }
            let lasting = Set(AlarmType.all(in: truth).filter { !$0.isSingle })
            #expect(known == lasting, "seed \(seed)")
        }
    }
}
