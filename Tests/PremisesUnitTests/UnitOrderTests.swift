import HSSModel
import PremisesUnit
import Testing
import Vd

@Suite("What happens on command") struct UnitOrderTests {
    @Test(
        arguments: [
            ("alarm motion", UnitOrder.alarm(.motion, .start, channel: 0), nil),
            ("  alarm bell 3 ", .alarm(.bellRing, .pulse, channel: 3), nil),
            ("@cam-1 alarm pir end 255", .alarm(.infraredMotion, .end, channel: 255), "cam-1"),
            ("bind V9VK-8655", .bind("V9VK-8655"), nil), ("channel 2 disabled", .channel(2, .disabled), nil),
        ]
    )
    func isRead(line: String, order: UnitOrder, unit: String?) throws {
        let read = try #require(try UnitOrder.parse(line))
        #expect(read.order == order && read.unit?.rawValue == unit)
    }

    @Test(arguments: ["", "   ", "# alarm motion"]) func saysNothing(line: String) throws {
        #expect(try UnitOrder.parse(line) == nil)
    }

    @Test(
        arguments: [
            "alarm", "alarm smoke", "alarm motion 256", "alarm motion start 1 2", "alarm motion 1 start",
            "@ bind x",
            "@a/b bind x", "@cam", "bind", "bind a b", "channel 1", "channel x online", "channel 1 asleep",
            "reboot",
        ]
    )
    func isRefused(line: String) {
        #expect(throws: UnitSetupError.self) { try UnitOrder.parse(line) }
    }

    @Test func abilitiesAndBattery() throws {
        var settings = VirtualDeviceSettings()
        try settings.setAbilities("ptz,log")
        #expect(settings.abilities == [.ptz, .log])
        try settings.setAbilities("none")
        #expect(settings.abilities == [])
        try settings.setBattery("80:10s")
        #expect(settings.battery == 80 && settings.batteryStep == .seconds(10))
        for text in ["101", "x", "5:", "5:x", ""] {
            #expect(throws: UnitSetupError.self) { try settings.setBattery(text) }
        }
        #expect(throws: UnitSetupError.self) { try settings.setAbilities("ptz,fly") }
    }
}
