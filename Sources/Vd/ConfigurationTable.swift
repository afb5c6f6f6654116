import HSSModel

/// One field of the configuration that units in the field keep (`GetConfig`, `SetConfig`): where it stands, what it
/// may hold, and whether the platform may set it.
package struct ConfigurationField: Sendable {
    package enum Rule: Sendable, Equatable {
        case flag
        case number(ClosedRange<Int>)
        case oneOf([Int])
        /// Bytes of UTF-8.
        case text(most: Int)
        case choice([String])
        /// `HH:MM:SS`.
        case timeOfDay
        /// Some of Mon, Tue, … Sun, none twice; kept in the order of the week.
        case weekdays
        /// A point in time in whichever form the unit writes it: text or seconds since the epoch.
        case moment
        /// The manufacturer's own JSON, at most that many bytes.
        case manufacturer(most: Int)
    }

    /// Inside the channel or the document: `image.horflip`.
    package let name: String
    package let rule: Rule
    /// The platform may set it. Where the documents do not say, it may.
    package let isWritable: Bool

    fileprivate init(_ name: String, _ rule: Rule, readOnly: Bool = false) {
        self.name = name
        self.rule = rule
        isWritable = !readOnly
    }

    // MARK: The table

    package static let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    private static let manufacturersOwn = ConfigurationField("extension", .manufacturer(most: 4096))

    /// Below `channels.<number>`. Fields of one object stand together.
    package static let ofChannel: [ConfigurationField] =
        [
            ConfigurationField("on", .flag),
            ConfigurationField("video_encoding.encoder", .choice(["h264", "h265"])),
            ConfigurationField("video_encoding.quality", .choice(["ld", "sd", "hd", "fhd"])),
            ConfigurationField("video_encoding.fps", .number(0...1000), readOnly: true),
            ConfigurationField("video_encoding.bitrate", .number(0...Int(Int32.max)), readOnly: true),
            ConfigurationField("video_encoding.width", .number(0...65_535), readOnly: true),
            ConfigurationField("video_encoding.height", .number(0...65_535), readOnly: true),
            ConfigurationField("video_encoding.gop", .number(0...65_535), readOnly: true),
            ConfigurationField("video_encoding.encrypt", .flag),
            ConfigurationField("audio_encoding.encoder", .choice(["aac"])),
            ConfigurationField(
                "audio_encoding.sample_rate",
                .oneOf([8000, 16_000, 32_000, 44_100, 48_000]),
                readOnly: true
            ),
            ConfigurationField("audio_encoding.bitrate", .number(0...Int(Int32.max)), readOnly: true),
            ConfigurationField("audio_encoding.bits_per_sample", .number(0...64), readOnly: true),
            ConfigurationField("audio_encoding.sample_per_frame", .number(0...65_535), readOnly: true),
            ConfigurationField("audio_encoding.channel", .number(0...64), readOnly: true),
            ConfigurationField("image.horflip", .flag),
            ConfigurationField("image.verflip", .flag),
        ]
        + AlarmType.documented.compactMap(\.documentName).flatMap {
            [
                ConfigurationField("alarms.\($0).on", .flag),
                ConfigurationField("alarms.\($0).sensitivity", .number(0...100)),
            ]
        }
        + [
            ConfigurationField("audio_out_volume", .number(0...100)),
            ConfigurationField("trace", .flag),
            ConfigurationField("switch_schedule.on", .flag),
            ConfigurationField("switch_schedule.start_time", .timeOfDay),
            ConfigurationField("switch_schedule.shutdown_time", .timeOfDay),
            ConfigurationField("switch_schedule.repeat", .weekdays),
            ConfigurationField("osd.text", .text(most: 256)),
            ConfigurationField("osd.font", .number(1...2)),
            ConfigurationField(
                "osd.pos",
                .choice(["top-left", "top-right", "bottom-left", "bottom-right"])
            ),
            manufacturersOwn,
        ]

    /// Of the unit as a whole.
    package static let ofUnit: [ConfigurationField] = [
        // 0 trace … 5 fatal.
        ConfigurationField("log_level", .number(0...5)),
        ConfigurationField("tz", .number(UnitDateTime.zones)),
        ConfigurationField("led", .flag),
        ConfigurationField("auto_reboot.on", .flag),
        ConfigurationField("auto_reboot.cycle", .number(0...Int(Int32.max))),
        ConfigurationField("auto_reboot.start", .timeOfDay),
        ConfigurationField("auto_reboot.end", .timeOfDay),
        ConfigurationField("auto_reboot.last_reboot", .moment, readOnly: true),
        manufacturersOwn,
    ]

    private struct Place: Sendable {
        var position: Int
        var field: ConfigurationField
    }
    private static let channelPlaces = places(ofChannel)
    private static let unitPlaces = places(ofUnit)

    private static func places(_ fields: [ConfigurationField]) -> [String: Place] {
        Dictionary(
            uniqueKeysWithValues: fields.enumerated().map { ($1.name, Place(position: $0, field: $1)) }
        )
    }

    /// Nil for a path that no document has.
    package static func at(_ path: ConfigurationPath) -> ConfigurationField? { place(of: path)?.field }

    /// Its place in the order of the document; what is unknown comes last.
    static func position(of path: ConfigurationPath) -> Int { place(of: path)?.position ?? .max }

    private static func place(of path: ConfigurationPath) -> Place? {
        (path.channel == nil ? unitPlaces : channelPlaces)[path.name]
    }
}

/// Where a field of a configuration stands: `led`, `channels.0.image.horflip`.
package struct ConfigurationPath: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Nil: of the unit as a whole.
    package let channel: Int?
    package let name: String

    package init(_ name: String, channel: Int? = nil) {
        self.channel = channel
        self.name = name
    }

    /// Reads what ``description`` writes. Nil for anything that is no field of ``ConfigurationField``.
    package init?(parsing text: String) {
        let parts = text.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        if parts.count == 3, parts[0] == "channels" {
            guard let number = Self.channel(parts[1]) else { return nil }
            self.init(String(parts[2]), channel: number)
        } else {
            self.init(text)
        }
        guard ConfigurationField.at(self) != nil else { return nil }
    }

    /// A channel's number as the key that it is in a document: digits, no leading zero.
    static func channel(_ key: some StringProtocol) -> Int? {
        guard let number = Int(key), (0...ChannelAddress.highestNumber).contains(number), "\(number)" == key
        else { return nil }
        return number
    }

    package var description: String { channel.map { "channels.\($0).\(name)" } ?? name }

    /// The order of the document: channels first, each with its fields in the order of the table.
    package static func < (left: ConfigurationPath, right: ConfigurationPath) -> Bool {
        guard left.channel == right.channel else {
            return (left.channel ?? .max) < (right.channel ?? .max)
        }
        let (leftPosition, rightPosition) = (
            ConfigurationField.position(of: left), ConfigurationField.position(of: right)
        )
        return leftPosition == rightPosition ? left.name < right.name : leftPosition < rightPosition
    }
}
