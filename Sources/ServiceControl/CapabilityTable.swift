import Vd

/// What a unit has to be able to do for a message (`device-documents.md`, Capabilities). A message that is not here
/// asks for nothing that a unit could announce.
enum CapabilityTable {
    private static let needed: [String: Capability] = [
        CtrlPTZ.name: .ptz,
        GetPTZPresetList.name: .ptz,
        PlayVideo.name: .audioOut,
        CtrlVideo.name: .audioOut,
        QueryVideoStatus.name: .audioOut,
        StartRecord.name: .cloudRecord,
        StopRecord.name: .cloudRecord,
    ]

    static func capability(for message: String) -> Capability? { needed[message] }

    private static let neededByField: [String: Capability] = [
        "video_encoding.encrypt": .videoEncryption,
        "audio_out_volume": .audioOut,
        "trace": .trace,
        "switch_schedule": .switchSchedule,
        "led": .led,
        "auto_reboot": .autoReboot,
    ]

    /// Of a field of the configuration, or of the object in which it stands.
    static func capability(for path: ConfigurationPath) -> Capability? {
        neededByField[path.name] ?? neededByField[String(path.name.prefix { $0 != "." })]
    }
}

/// A message to one channel of a unit.
protocol ChannelMessage {
    var channel: Int { get }
}

extension RebootChannel: ChannelMessage {}
extension PushLive: ChannelMessage {}
extension StopLive: ChannelMessage {}
extension StartRecord: ChannelMessage {}
extension StopRecord: ChannelMessage {}
extension CtrlPTZ: ChannelMessage {}
extension GetPTZPresetList: ChannelMessage {}
extension Snapshot: ChannelMessage {}
extension PlayVideo: ChannelMessage {}
extension CtrlVideo: ChannelMessage {}
extension QueryVideoStatus: ChannelMessage {}
extension KeepAwaken: ChannelMessage {}
