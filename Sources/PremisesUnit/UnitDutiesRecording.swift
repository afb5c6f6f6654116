import HSSModel
import Vd
import Vs

/// Recording (§9.3.4.1), as far as the rest of the unit has to do with it.
extension UnitDuties {
    /// News of those that cut segments and bring them.
    mutating func recorded(_ news: UnitMachine.Input, at now: Instant) -> [Output] {
        switch news {
        case .recording(let id, let news):
            let clock = clock
            return take(recordings.receive(id, news, time: clock.time, at: now))
        case .vr(let id, let number, let reply):
            return take(recordings.receive(id, number: number, reply, at: now))
        default: return []
        }
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

    /// What is recorded is told by the unit's time.
    mutating func set(clockOffset offset: Duration) {
        recordings.clockMoved(by: offset - clock.offset)
        clock.offset = offset
    }

    /// Table I.3-4, by the rule of §9.3.1.1 step 3.
    private mutating func setClock(platform: WallTime, host: WallTime) -> [Output] {
        let unit = clock.time(host)
        guard let correction = ClockRule.correction(platform: platform, unit: unit) else { return [] }
        set(clockOffset: correction - host)
        return [.act(.setClock(clock.offset)), .act(.report(.clockSet(clock.offset)))]
    }
}
