import Vd

/// The factory settings of a simulated camera, as rich as those of a real one.
enum VirtualConfiguration {
    static func factory(_ settings: VirtualDeviceSettings) -> ConfigurationDocument {
        var document = ConfigurationDocument()
        func set(_ name: String, _ value: ConfigurationValue, channel: Int? = nil) {
            // A test reads every field back: none of these breaks a rule.
            try? document.set(value, at: ConfigurationPath(name, channel: channel))
        }
        for channel in 0..<settings.channels {
            for (name, value) in ofChannel { set(name, value, channel: channel) }
            for alarm in AlarmType.documented.compactMap(\.documentName) {
                set("alarms.\(alarm).on", .flag(true), channel: channel)
                set("alarms.\(alarm).sensitivity", .number(50), channel: channel)
            }
            if settings.abilities.contains(.player) { set("audio_out_volume", .number(80), channel: channel) }
        }
        for (name, value) in ofUnit { set(name, value) }
        return document
    }

    /// What the simulated encoder cannot do, though the document has a word for it.
    static func check(_ change: ConfigurationDocument) throws(RPCFailure) {
        for field in change.fields where field.path.name == "video_encoding.encoder" {
            guard field.value == .text("h264") else { throw .unsupportedConfiguration("\(field.path)") }
        }
    }

    private static let ofChannel: [(String, ConfigurationValue)] = [
        ("on", .flag(true)),
        ("video_encoding.encoder", .text("h264")), ("video_encoding.quality", .text("sd")),
        ("video_encoding.fps", .number(25)), ("video_encoding.bitrate", .number(400_000)),
        ("video_encoding.width", .number(640)), ("video_encoding.height", .number(360)),
        ("video_encoding.gop", .number(50)),
        ("audio_encoding.encoder", .text("aac")), ("audio_encoding.sample_rate", .number(48_000)),
        ("audio_encoding.channel", .number(1)),
        ("image.horflip", .flag(false)), ("image.verflip", .flag(false)),
        ("trace", .flag(false)),
        ("switch_schedule.on", .flag(false)), ("switch_schedule.start_time", .text("08:00:00")),
        ("switch_schedule.shutdown_time", .text("20:00:00")),
        ("switch_schedule.repeat", .list(ConfigurationField.weekdays)),
        ("osd.text", .text("")), ("osd.font", .number(1)), ("osd.pos", .text("top-left")),
    ]

    private static let ofUnit: [(String, ConfigurationValue)] = [
        ("log_level", .number(2)), ("tz", .number(0)), ("led", .flag(true)),
        ("auto_reboot.on", .flag(false)), ("auto_reboot.cycle", .number(604_800)),
        ("auto_reboot.start", .text("03:00:00")), ("auto_reboot.end", .text("04:00:00")),
    ]
}
