import Testing

@testable import Vd

/// What units answer, as sloppy ones write it: a field that breaks its rule is left out, and the rest counts.
@Suite("Reports of sloppy units, Tables I.2-11, I.2-19, I.2-28, I.2-31") struct ReportTests {
    private static func object(_ text: String) throws -> JSONObject {
        try JSONObject(parsing: Array(text.utf8))
    }

    /// What is left, and the names of what was left out.
    private static func read<Body: VdBody>(
        _ type: Body.Type,
        _ text: String
    ) throws -> (Body, [String]) {
        var flaws = Flaws.tolerated
        let body = try Body(reported: try object(text), &flaws)
        return (body, flaws.found.map(\.field))
    }

    @Test func aStatusWithASignalInDecibels() throws {
        let text = #"""
            {"dev_id":"cam","hardware_model":"H","firmware_model":"1.0","last_upgrade_datetime":"yesterday",
             "wifi_ssid":7,"wifi_signal":-61,"up_bandwidth":1.5e6,"ip_addr":"10.0.0.7","battery":"87"}
            """#
        let (status, flaws) = try Self.read(DeviceStatus.self, text)
        #expect(status.hardwareModel == "H" && status.address == "10.0.0.7" && status.wifiSignal == nil)
        let broken = ["last_upgrade_datetime", "wifi_ssid", "wifi_signal", "up_bandwidth", "battery"]
        #expect(flaws == broken)
        // What the platform or a maker's unit would send keeps every rule.
        #expect(throws: FieldError.self) { try DeviceStatus(try Self.object(text)) }
    }

    @Test func aStatusThatNamesNobodyIsNone() throws {
        let (status, flaws) = try Self.read(DeviceStatus.self, #"{"dev_id":"","firmware_model":"1.0"}"#)
        #expect(status.deviceID.isEmpty && status.firmwareModel == "1.0")
        #expect(flaws == ["dev_id", "hardware_model", "last_upgrade_datetime"])
        #expect(throws: FieldError.self) { try Self.read(DeviceStatus.self, #"{"battery":50}"#) }
    }

    @Test func aConfigurationWithOneBrokenField() throws {
        let text = #"""
            {"channels":{"0":{"on":true,"video_encoding":{"encoder":"mjpeg","quality":"hd"},"image":[],
             "osd":{"text":"Door","font":9}},"x":{"on":true},"1":7,"2":{"on":"no","trace":true}}}
            """#
        let (document, flaws) = try Self.read(ConfigurationDocument.self, text)
        #expect(document.flag("on", channel: 0) == true)
        #expect(document.text("video_encoding.quality", channel: 0) == "hd")
        #expect(document.text("osd.text", channel: 0) == "Door")
        #expect(document.flag("trace", channel: 2) == true)
        #expect(document.text("video_encoding.encoder", channel: 0) == nil && document.channels == [0, 2])
        let broken = [
            "channels.0.video_encoding.encoder", "channels.0.image", "channels.0.osd.font", "channels.x",
            "channels.1", "channels.2.on",
        ]
        #expect(flaws.sorted() == broken.sorted())
        #expect(throws: FieldError.self) { try ConfigurationDocument(try Self.object(text)) }
    }

    @Test func channelsOfTheWrongKindAreLeftOut() throws {
        let (nothing, flaws) = try Self.read(ConfigurationDocument.self, #"{"channels":[]}"#)
        #expect(nothing.isEmpty && flaws == ["channels"])
        let both = #"{"channels":{"0":{"on":true}},"channls":{"0":{"on":false}}}"#
        let (document, other) = try Self.read(ConfigurationDocument.self, both)
        #expect(document.flag("on", channel: 0) == true && other == ["channls"])
    }

    /// A hostile unit cannot make the list of its faults long.
    @Test func onlySomeFlawsAreNoted() throws {
        let channels = (0..<100).map { #""\#($0)":{"on":"x"}"# }.joined(separator: ",")
        let (_, flaws) = try Self.read(ConfigurationDocument.self, #"{"channels":{\#(channels)}}"#)
        #expect(flaws.count == Flaws.most)
    }

    /// An ability that cannot be read shuts nobody out.
    @Test func abilitiesAsNumbers() throws {
        let text =
            #"{"ptz":1,"battery":0,"led":"yes","media_protocol":"webrtc","alarms":{"io":1,"face":"y"}}"#
        let (capabilities, flaws) = try Self.read(Capabilities.self, text)
        #expect(capabilities.abilities == [.ptz, .led] && capabilities.mediaProtocol == .srt)
        #expect(capabilities.alarms == [.external])
        #expect(flaws == ["ptz", "battery", "led", "media_protocol", "alarms.io", "alarms.face"])
        #expect(throws: FieldError.self) { try Capabilities(try Self.object(text)) }
    }

    @Test func aCardThatIsNotThereHasNoSize() throws {
        let (disk, flaws) = try Self.read(DiskInfo.self, #"{"state":1}"#)
        #expect(disk == DiskInfo(state: .noCard, total: 0, free: 0) && flaws == ["total", "free"])
        #expect(throws: FieldError.self) { try Self.read(DiskInfo.self, #"{"state":0,"total":32000}"#) }
        #expect(throws: FieldError.self) { try Self.read(DiskInfo.self, #"{"state":9,"total":1,"free":1}"#) }
        #expect(throws: FieldError.self) { try DiskInfo(try Self.object(#"{"state":1}"#)) }
    }
}
