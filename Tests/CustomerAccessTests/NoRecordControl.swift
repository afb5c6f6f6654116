import Bus
import HSSModel
import Vr

/// Nothing can be recorded or checked here: the routes are there, and say so.
struct NoRecordControl: RecordControlPoint, RecordCheckPoint {
    private static let reason = RecordControlError.unavailable("not in this test")

    func startRecording(
        _ channel: ChannelAddress,
        _ order: RecordingOrder,
        by user: UserName
    ) async throws(RecordControlError) -> RecordingStatus { throw Self.reason }

    func stopRecording(_ channel: ChannelAddress) async throws(RecordControlError) -> RecordingStatus {
        throw Self.reason
    }

    func recordingStatus(of channel: ChannelAddress) async throws(RecordControlError) -> RecordingStatus {
        throw Self.reason
    }

    func recordingWishes(of channel: ChannelAddress) async throws(RecordControlError) -> RecordingWishes {
        throw Self.reason
    }

    func setPlan(
        _ plan: RecordingWishes.Plan?,
        segment: Duration?,
        of channel: ChannelAddress
    ) async throws(RecordControlError) -> RecordingWishes { throw Self.reason }

    func setRule(
        _ rule: RecordingWishes.Rule?,
        segment: Duration?,
        of channel: ChannelAddress
    ) async throws(RecordControlError) -> RecordingWishes { throw Self.reason }

    func startCheck(
        depth: RecordCheck.Depth,
        repair: Bool
    ) async throws(RecordingError) -> RecordCheckReport { throw .unavailable("not in this test") }

    func lastCheck() async -> RecordCheckReport? { nil }
    func stopCheck() async {}
}
