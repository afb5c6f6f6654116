import HSSModel
import Testing

@testable import Vm

@Suite("How fast a stream is now") struct ThroughputMeterTests {
    private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

    @Test func aSteadyStreamHasItsRateWheneverOneLooks() {
        var meter = ThroughputMeter(at: at(0))
        for tick in 1...40 {
            let now = at(Double(tick) / 2)
            meter.look(at: UInt64(tick) * 125_000, now: now)
            #expect(meter.bitrate(at: UInt64(tick) * 125_000, now: now) == 2_000_000)
        }
    }

    @Test func whatWasLongAgoDoesNotCount() {
        var meter = ThroughputMeter(at: at(0))
        for second in 1...20 { meter.look(at: 10_000_000, now: at(Double(second))) }
        #expect(meter.bitrate(at: 10_000_000, now: at(20)) == 0)
        #expect(meter.bitrate(at: 10_000_000, now: at(20.1)) == 0)
    }

    @Test func theFirstMomentsSayNothing() {
        let meter = ThroughputMeter(at: at(5))
        #expect(meter.bitrate(at: 1_000_000, now: at(5.1)) == 0)
        #expect(meter.bitrate(at: 125_000, now: at(6)) == 1_000_000)
    }

    @Test func aCounterThatGoesBackIsNoRate() {
        let meter = ThroughputMeter(octets: 100, at: at(0))
        #expect(meter.bitrate(at: 50, now: at(2)) == 0)
    }
}
