import HSSModel
import Testing
import Vs

@Suite("Clock of the unit, §9.3.1.1 step 3") struct ClockRuleTests {
    @Test(arguments: [
        (aheadBy: 0, set: false), (aheadBy: 9_999, set: false), (aheadBy: 10_000, set: false),
        (aheadBy: 10_001, set: true), (aheadBy: -10_000, set: false), (aheadBy: -10_001, set: true),
        (aheadBy: 1_700_000_000_000, set: true),
    ]) func isSetBeyondTenSeconds(aheadBy: Int64, set: Bool) {
        let unit = WallTime(milliseconds: 1_700_000_000_000)
        let platform = WallTime(milliseconds: unit.milliseconds + aheadBy)
        #expect(ClockRule.correction(platform: platform, unit: unit) == (set ? platform : nil))
    }
}
