import HSSModel
import Testing
import Vm

/// Table I.2-12, `max_bitrate`: "bit/s, 0 = no limit".
@Suite("max_bitrate, Table I.2-12") struct BitrateMeterTests {
    private let start = Instant(nanoseconds: 0)
    private let limit = 800_000

    /// When a stream of `octets(tick)` in each half second is refused, in half seconds.
    private func refusal(within ticks: Int = 200, _ octets: (Int) -> Int) throws -> Int? {
        var meter = try #require(BitrateMeter(limit: limit, at: start))
        var total = 0
        for tick in 1...ticks {
            total += octets(tick)
            if meter.isExceeded(by: total, at: start + .milliseconds(500 * tick)) { return tick }
        }
        return nil
    }

    @Test func zeroIsNoLimit() {
        #expect(BitrateMeter(limit: 0, at: start) == nil)
    }

    /// 100,000 octets in a second are the limit; a tenth more is let pass.
    @Test(arguments: [(50_000, nil), (54_900, nil), (55_200, 20), (100_000, 12), (600_000, 2)])
    func whatIsMoreOnAverageIsRefused(octets: Int, after ticks: Int?) throws {
        #expect(try refusal { _ in octets } == ticks)
    }

    /// A key frame of a second's worth each two seconds.
    @Test func aBurstIsNoExcess() throws {
        #expect(try refusal { $0 % 4 == 0 ? 110_000 : 30_000 } == nil)
    }

    /// Quiet times are not saved up.
    @Test func afterAQuietHourTheLimitIsTheSame() throws {
        let refused = try refusal(within: 8000) { $0 < 7200 ? 0 : 120_000 }
        #expect(refused == 7209)
    }

    /// However often one looks, it remembers no more than its window.
    @Test func itsMemoryIsBounded() throws {
        var meter = try #require(BitrateMeter(limit: limit, at: start))
        for millisecond in 1...100_000 {
            let isExceeded = meter.isExceeded(by: millisecond * 100, at: start + .milliseconds(millisecond))
            #expect(!isExceeded)
        }
        let isFlood = meter.isExceeded(by: 100_000 * 100 + 1_200_000, at: start + .milliseconds(100_001))
        #expect(isFlood)
    }
}
