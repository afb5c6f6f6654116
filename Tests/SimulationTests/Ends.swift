import HSSModel
import PremisesUnit
import Vd

@testable import ServiceControl

/// What has to hold when the network has been quiet for some minutes.
extension World {
    func checkTheEnd() {
        if registry.link(of: Self.unit) != .connected {
            violate(.newestConnectionOwnsTheUnit, "the unit does not find back")
        }
        checkCalls()
        checkConfiguration()
        for (channel, command) in heads.sorted(by: { $0.key < $1.key }) {
            if case .move = command { violate(.headsAreStopped, "head \(channel) still obeys \(command)") }
        }
        checkAlarms()
        let stream = machine.heartbeat.channels.first { $0.number == 0 }?.stream
        if viewers.isEmpty || publisher == nil || publisher?.stream != stream {
            let text = "\(viewers.count) viewers, published \(String(describing: publisher?.stream))"
            violate(.pictureIsWhatIsWanted, "wanted: \(text), unit pushes \(String(describing: stream))")
        }
    }

    /// Twenty seconds after the last fault nobody may wait any more.
    private func checkCalls() {
        if !calls.isEmpty {
            violate(.everyCallEndsOnce, "\(calls.count) calls never ended")
        }
    }

    /// What the unit has, not what the platform thinks that it has.
    private func checkConfiguration() {
        let answers = device.receive(.order(JobID(0), .configuration), at: now, time: wall)
        var actual: ConfigurationDocument?
        for case .answer(_, .configuration(let document)) in answers { actual = document }
        guard let actual else { return violate(.configurationIsReached, "the device does not tell") }
        for (path, value) in shadow.desired.fields
        where actual[path] != value && shadow.refusals[path]?.code != 13 {
            violate(
                .configurationIsReached,
                "\(path) shall be \(value), is \(String(describing: actual[path]))"
            )
        }
    }

    private func checkAlarms() {
        if !alarmsOnTheWay.isEmpty {
            violate(.alarmsAreHeard, "\(alarmsOnTheWay.count) alarms were never told")
        }
        if alarmsHeard != alarmsHeard.sorted() {
            violate(.alarmsAreHeard, "heard out of order: \(alarmsHeard.map(\.milliseconds))")
        }
    }
}
