import Bus
import HSSModel
import PremisesUnit
import Vd
import Vm
import Vs

/// The unit: its machine, a virtual device, and what the host around them would do.
extension World {
    var servers: SchedulingAnswer {
        SchedulingAnswer(
            signalling: .init(domain: "vd.example", port: 0),
            signallingSecurePort: 8444,
            peerToPeer: .none,
            relay: .none,
            hibernationDomain: "",
            syncTime: wall
        )
    }

    static var settings: VirtualDeviceSettings {
        var settings = VirtualDeviceSettings()
        settings.channels = 2
        return settings
    }

    static func machine() -> UnitMachine {
        var profile = UnitProfile(
            credentials: UnitCredentials(
                device: unit,
                macIdentity: LinkMaker.registration.macIdentity,
                password: Secret("p")
            ),
            hardwareModel: "h",
            firmwareModel: "1",
            sdk: nil,
            channels: [0: .init(bitrate: 1_000_000), 1: .init(bitrate: 1_000_000)]
        )
        profile.abilities = settings.abilities
        profile.alarms = Set(AlarmType.allCases)
        return UnitMachine(profile)
    }

    /// The power is off and on again: what was not told is forgotten, the configuration is that of the factory.
    func cutPower() {
        life += 1
        for (id, connection) in connections where connection.isOpenAtUnit {
            connections[id]?.isOpenAtUnit = false
            if !connection.losesToPlatform, Bool.random(using: &random) {
                timeline.add(.platformHearsTheEnd(id), in: delay(1...900))
            }
            connections[id]?.losesToUnit = true
            connections[id]?.losesToPlatform = true
        }
        machine = Self.machine()
        device = VirtualDevice(Self.settings, at: now)
        (unitWakeAt, deviceWakeAt) = (nil, nil)
        heads = [:]
        alarmsOnTheWay = []
        pushes = []
        endPublisher()
        tell(.start)
    }

    func raiseAlarm() {
        lastAlarm += 1
        let time = WallTime(milliseconds: wall.milliseconds + lastAlarm)
        let type = AlarmType.allCases.first { $0.isSingle } ?? .motion
        alarmsOnTheWay.append(time)
        tell(.alarm(UnitAlarm(channel: 0, type: type, phase: .pulse, time: time)))
    }

    func tell(_ input: UnitMachine.Input) {
        for action in machine.receive(input, at: now, using: &random) { carryOut(action) }
    }

    private func carryOut(_ action: UnitMachine.Action) {
        switch action {
        case .schedule(let attempt, _):
            // Without an answer the machine gives the attempt up.
            if !chance(10) { timeline.add(.scheduled(life: life, attempt), in: delay(1...500)) }
        case .connect(let attempt, _): connect(attempt)
        case .send(let attempt, let message):
            if let id = connection(of: attempt) { sendToPlatform(message, on: id) }
        case .close(let attempt):
            guard let id = connection(of: attempt) else { return }
            connections[id]?.isOpenAtUnit = false
            endOnTheWire(id)
        case .readClock(let job): tell(.clock(job, host: wall))
        case .device(let job, let order):
            if case .turn(let channel, let command) = order { heads[channel] = command }
            take(device.receive(.order(job, order), at: now, time: wall))
        case .upload(let order): timeline.add(.transfer(life: life, order.id), in: delay(1...500))
        case .startPush(let order):
            pushes.insert(order.id)
            timeline.add(
                chance(15) ? .pushEnded(life: life, order.id) : .publishes(life: life, order),
                in: delay(10...800)
            )
        case .stopPush(let id):
            pushes.remove(id)
            if publisher?.push == id { endPublisher() }
        case .wake(let instant):
            unitWakeAt = max(instant, now)
            timeline.add(.unitWake, at: instant)
        case .report(.alarmTold(let alarm)): alarmsOnTheWay.removeAll { $0 == alarm.time }
        // Nobody orders recordings in this world.
        case .startRecording, .stopRecording, .vr: break
        case .setClock, .report, .download, .hibernate, .sendBytes, .sendMalformed: break
        }
    }

    func take(_ actions: [VirtualDevice.Action]) {
        for action in actions {
            switch action {
            case .answer(let job, let answer):
                timeline.add(.device(life: life, job, answer), in: delay(0...200))
            case .news(let news): tell(.news(news))
            case .wake(let instant):
                deviceWakeAt = max(instant, now)
                timeline.add(.deviceWake, at: instant)
            }
        }
    }

    private func connection(of attempt: AttemptID) -> ConnectionID? {
        connections.first { $0.value.attempt?.life == life && $0.value.attempt?.id == attempt }?.key
    }

    /// The network lets a login through, delays it past the unit's patience, loses it, or repeats it.
    private func connect(_ attempt: AttemptID) {
        if chance(15) {
            timeline.add(.notLoggedIn(life: life, attempt), in: delay(1...500))
            return
        }
        lastConnection += 1
        let id = ConnectionID(number: lastConnection)
        connections[id] = Connection(attempt: (life, attempt))
        timeline.add(.login(id), in: chance(10) ? delay(20_000...45_000) : delay(1...500))
        if chance(10) {
            lastConnection += 1
            let ghost = ConnectionID(number: lastConnection)
            connections[ghost] = Connection(attempt: nil, isOpenAtUnit: false, losesToUnit: true)
            timeline.add(.login(ghost), in: delay(1...30_000))
            timeline.add(.platformHearsTheEnd(ghost), in: delay(30_000...80_000))
        }
    }

    // MARK: Its streams at the media server

    func publish(_ order: PushOrder) {
        guard pushes.contains(order.id) else { return }
        let epoch = tickets.removeValue(forKey: order.address.streamID ?? "")
        guard let epoch, !closedStreams.contains(order.stream) else {
            return tell(.pushEnded(order.id, .refused("the ticket does not count")))
        }
        if let current = publisher {
            guard current.epoch < epoch else {
                return tell(.pushEnded(order.id, .refused("a newer one is there")))
            }
            endPublisher()
        }
        publisher = (order.stream, epoch, order.id)
        timeline.add(.media(run: run, .published(order.stream, epoch)), in: .milliseconds(2))
        tell(.pushStarted(order.id))
    }

    func endPublisher() {
        guard let gone = publisher else { return }
        publisher = nil
        timeline.add(.media(run: run, .unpublished(gone.stream, gone.epoch)), in: .milliseconds(2))
    }

    func breakPush() {
        guard let gone = publisher else { return }
        endPublisher()
        timeline.add(.pushEnded(life: life, gone.push), in: delay(1...500))
    }
}
