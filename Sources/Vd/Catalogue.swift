/// The 32 messages of Table 9-4, in the order of Appendix I.2.
package enum VdCatalogue {
    package enum Kind: Sendable { case request, event }

    package enum Direction: Sendable { case toPlatform, toUnit }

    package struct Entry: Sendable {
        package let type: any VdMessage.Type
        /// The name that units in the field use.
        package let deployedName: String
        package let direction: Direction
        /// The number of its table in Appendix I.2.
        package let table: Int

        fileprivate init(
            _ type: any VdMessage.Type,
            deployed: String? = nil,
            _ direction: Direction,
            _ table: Int
        ) {
            self.type = type
            deployedName = deployed ?? type.name
            self.direction = direction
            self.table = table
        }

        package var name: String { type.name }
        package var kind: Kind { type is any VdEvent.Type ? .event : .request }
        /// What a request is answered with; nil for events.
        package var answer: (any VdBody.Type)? {
            (type as? any VdRequest.Type).map { answerType(of: $0) }
        }
    }

    package static let messages: [Entry] = [
        Entry(Keepalive.self, .toPlatform, 1),
        Entry(GetServerInfo.self, .toPlatform, 2),
        Entry(Bind.self, .toPlatform, 3),
        Entry(RebootChannel.self, .toUnit, 4),
        Entry(RebootDevice.self, .toUnit, 5),
        Entry(Reschedule.self, .toUnit, 6),
        Entry(UpgradeFirmware.self, .toUnit, 7),
        Entry(QueryUpgrade.self, .toUnit, 8),
        Entry(SetTime.self, deployed: "SyncTime", .toUnit, 9),
        Entry(QueryTime.self, .toUnit, 10),
        Entry(DevStatus.self, deployed: "DevInfo", .toUnit, 11),
        Entry(PushLive.self, deployed: "LivePublish", .toUnit, 12),
        Entry(StopLive.self, deployed: "LiveStop", .toUnit, 13),
        Entry(StartRecord.self, deployed: "StartCloudRecord", .toUnit, 14),
        Entry(StopRecord.self, deployed: "StopCloudRecord", .toUnit, 15),
        Entry(AlarmNotify.self, .toPlatform, 16),
        Entry(CtrlPTZ.self, .toUnit, 17),
        Entry(GetPTZPresetList.self, .toUnit, 18),
        Entry(GetConfig.self, .toUnit, 19),
        Entry(SetConfig.self, .toUnit, 20),
        Entry(ResetConfig.self, .toUnit, 21),
        Entry(Snapshot.self, .toUnit, 22),
        Entry(PlayVideo.self, deployed: "AudioOutPlay", .toUnit, 23),
        Entry(CtrlVideo.self, deployed: "AudioOutCtrl", .toUnit, 24),
        Entry(QueryVideoStatus.self, deployed: "AudioOutQuery", .toUnit, 25),
        Entry(KeepAwaken.self, .toUnit, 26),
        Entry(BatteryChange.self, .toPlatform, 27),
        Entry(GetCap.self, .toUnit, 28),
        Entry(LogUploadAsync.self, .toUnit, 29),
        Entry(LogDone.self, .toPlatform, 30),
        Entry(GetDiskInfo.self, .toUnit, 31),
        Entry(FormatDisk.self, .toUnit, 32),
    ]
}

private func answerType<Request: VdRequest>(of type: Request.Type) -> any VdBody.Type { Request.Answer.self }
