package import Bus
package import HSSModel
import HostClock
package import Store

// Reference point Cs, recording: handed to the part that does it.

extension SignallingService: RecordControlPoint {
    package func startRecording(
        _ channel: ChannelAddress,
        _ order: RecordingOrder,
        by user: UserName
    ) async throws(RecordControlError) -> RecordingStatus {
        try await theRecorder.start(channel, order, by: user)
    }

    package func stopRecording(
        _ channel: ChannelAddress
    ) async throws(RecordControlError) -> RecordingStatus {
        try await theRecorder.stop(channel)
    }

    package func recordingStatus(
        of channel: ChannelAddress
    ) async throws(RecordControlError) -> RecordingStatus {
        try await theRecorder.status(of: channel)
    }

    package func recordingWishes(
        of channel: ChannelAddress
    ) async throws(RecordControlError) -> RecordingWishes {
        try await theRecorder.wishes(of: channel)
    }

    package func setPlan(
        _ plan: RecordingWishes.Plan?,
        segment: Duration?,
        of channel: ChannelAddress
    ) async throws(RecordControlError) -> RecordingWishes {
        try await theRecorder.setPlan(plan, segment: segment, of: channel)
    }

    package func setRule(
        _ rule: RecordingWishes.Rule?,
        segment: Duration?,
        of channel: ChannelAddress
    ) async throws(RecordControlError) -> RecordingWishes {
        try await theRecorder.setRule(rule, segment: segment, of: channel)
    }

    /// An alarm began, happened or ended (``AlarmDesk/onChange(_:)``).
    package func heard(_ alarm: AlarmRecord, _ change: AlarmChange) {
        recorder?.reports.heard(
            RecordAlarm(
                channel: alarm.channel,
                type: alarm.type,
                change: change,
                at: change == .end ? .now : alarm.receivedAt
            )
        )
    }

    private var theRecorder: RecordDirector {
        get throws(RecordControlError) {
            guard let recorder else { throw .unavailable("this platform records nothing") }
            return recorder
        }
    }
}
