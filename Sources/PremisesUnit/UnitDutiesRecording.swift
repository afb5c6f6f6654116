import HSSModel
import Vd
import Vs

/// Recording (§9.3.4.1), as far as the rest of the unit has to do with it.
extension UnitDuties {
    mutating func receive(_ id: RecordingID, _ news: RecordNews, at now: Instant) -> [Output] {
        let clock = clock
        return take(recordings.receive(id, news, time: clock.time, at: now))
    }

    mutating func receive(
        _ id: RecordingID,
        number: UInt64,
        _ reply: VrReply,
        at now: Instant
    ) -> [Output] {
        take(recordings.receive(id, number: number, reply, at: now))
    }

    mutating func take(_ actions: [UnitRecordings.Action]) -> [Output] {
        actions.flatMap { action -> [Output] in
            switch action {
            case .start(let order): [.act(.startRecording(order))]
            case .stop(let id): [.act(.stopRecording(id))]
            case .vr(let order): [.act(.vr(order))]
            case .report(let event): [.act(.report(event))]
            case .tellPlatform: [.heartbeat]
            case .clock(let platform, let host): setClock(platform: platform, host: host)
            }
        }
    }

    /// Table I.3-4, by the rule of §9.3.1.1 step 3.
    private mutating func setClock(platform: WallTime, host: WallTime) -> [Output] {
        let unit = clock.time(host)
        guard let correction = ClockRule.correction(platform: platform, unit: unit) else { return [] }
        clock.offset = correction - host
        recordings.clockMoved(by: correction - unit)
        return [.act(.setClock(clock.offset)), .act(.report(.clockSet(clock.offset)))]
    }
}
