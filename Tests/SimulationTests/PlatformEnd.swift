import Bus
import HSSModel
import PremisesUnit
import Vd
import Vm

@testable import ServiceControl

/// The platform: the registry, a session for each connection, and what it wants of the unit.
extension World {
    private static let user = UserName(unchecked: "anna")

    // MARK: Connections

    func login(_ id: ConnectionID) {
        guard connections[id] != nil else { return }
        let link = links.link(in: registry)
        link.seen(at: now)
        connections[id]?.link = link
        connections[id]?.isOpenAtPlatform = true
        let displaced = registry.attach(link)
        newest = id
        if let displaced, displaced !== link,
            let old = connections.first(where: { $0.value.link === displaced })
        {
            step(.close(.local("displaced by a newer login")), on: old.key)
        }
        timeline.add(.news(run: run), in: delay(0...50))
        guard let connection = connections[id], !connection.losesToUnit else { return }
        let at = max(connection.lastToUnit, now + delay(1...300))
        connections[id]?.lastToUnit = at
        timeline.add(.loggedIn(id), at: at)
    }

    func receive(_ message: RPCMessage, on id: ConnectionID) {
        guard let connection = connections[id], connection.isOpenAtPlatform else { return }
        connection.link?.seen(at: now)
        step(.message(message), on: id)
    }

    func step(_ input: RPCSession.Input, on id: ConnectionID) {
        guard connections[id]?.isOpenAtPlatform == true else { return }
        if case .wake = input { connections[id]?.wakeAt = nil }
        let actions = connections[id]?.session.receive(input, at: now) ?? []
        for action in actions {
            switch action {
            case .send(let message): sendToUnit(message, on: id)
            case .serve(let serve, let request): self.serve(request, serve, on: id)
            case .deliver: break
            case .finish(let call, let outcome): finish(call, outcome)
            case .wake(let instant):
                connections[id]?.wakeAt = max(instant, now)
                timeline.add(.sessionWake(id), at: instant)
            case .close: closed(id)
            }
        }
    }

    private func closed(_ id: ConnectionID) {
        connections[id]?.isOpenAtPlatform = false
        guard let link = connections[id]?.link else { return }
        registry.detach(link)
        if newest == id { lastDetach = (link.lastSeen, now) }
        endOnTheWire(id)
        timeline.add(.news(run: run), in: delay(0...50))
    }

    private func serve(_ request: RPCRequest, _ serve: ServeID, on id: ConnectionID) {
        switch request.method {
        case Keepalive.name:
            guard let keepalive = try? Keepalive(request.parameters) else { return }
            _ = connections[id]?.link?.took(keepalive)
            step(.answer(serve, .success(.empty)), on: id)
            // Reports of a displaced connection are not passed on.
            if newest == id, let stream = keepalive.channels.first(where: { $0.number == 0 }) {
                receive(.reported(stream.stream))
            }
        case AlarmNotify.name:
            guard let alarm = try? AlarmNotify(request.parameters) else { return }
            timeline.add(.alarmKept(run: run, id, serve, alarm), in: delay(1...400))
        default:
            step(.answer(serve, .success(.empty)), on: id)
        }
    }

    /// An alarm is durable before it is answered.
    func kept(_ alarm: AlarmNotify, _ serve: ServeID, on id: ConnectionID) {
        if !alarmsHeard.contains(alarm.timestamp) { alarmsHeard.append(alarm.timestamp) }
        step(.answer(serve, .success(AlarmAnswer().object)), on: id)
    }

    /// Once a second: silence, deadlines.
    func sweep() {
        timeline.add(.sweep, in: .seconds(1))
        for (id, connection) in connections.sorted(by: { $0.key.number < $1.key.number }) {
            guard connection.isOpenAtPlatform, let link = connection.link else { continue }
            if now - link.lastSeen > Self.offlineAfter { step(.close(.local("silent")), on: id) }
        }
        if !registry.sweep(at: now).isEmpty { timeline.add(.news(run: run), in: delay(0...50)) }
        receive(shadow.receive(.wake, at: now))
        receive(lease.receive(.wake, at: now))
        receive(.wake)
        // An app that lost its picture asks again.
        if now - lastAsked >= .seconds(30) { askForThePicture() }
        // What is over on both sides is of no more use.
        connections = connections.filter {
            $0.value.isOpenAtUnit || $0.value.isOpenAtPlatform || $0.value.link == nil || newest == $0.key
        }
    }

    /// `kill -9` and a new start: what is kept in the store is there, and nothing else.
    func killPlatform() {
        run += 1
        for (id, connection) in connections.sorted(by: { $0.key.number < $1.key.number })
        where connection.isOpenAtPlatform {
            connections[id]?.isOpenAtPlatform = false
            endOnTheWire(id)
        }
        // Whoever waited is gone with it.
        calls = [:]
        registry = Self.registry()
        (newest, knownEpoch, lastDetach) = (nil, nil, nil)
        shadow = ConfigurationShadow(
            reported: shadow.reported,
            desired: shadow.desired,
            refusals: shadow.refusals
        )
        if let gone = publisher { timeline.add(.pushEnded(life: life, gone.push), in: delay(1...500)) }
        (publisher, tickets, viewers, closedStreams) = (nil, [:], [:], [])
        live = LiveChannel(link: .offline, after: Epoch(UInt64(100 + 100_000 * run)))
        lease = PTZLease(owing: moves, at: now)
    }

    // MARK: Who owns the unit

    /// The registry says what the newest login says, and an old connection changes nothing.
    func checkOwner() {
        guard let newest, let connection = connections[newest], let link = connection.link else { return }
        let state = registry.link(of: Self.unit)
        if connection.isOpenAtPlatform {
            if state != .connected || registry.connectedLink(Self.unit) !== link {
                violate(.newestConnectionOwnsTheUnit, "the newest connection lives and the unit is \(state)")
            }
        } else if let lastDetach {
            let silence = now - lastDetach.lastSeen
            if state == .connected { violate(.newestConnectionOwnsTheUnit, "a dead connection is the way") }
            if state == .offline, silence < Self.offlineAfter {
                violate(.newestConnectionOwnsTheUnit, "offline after \(silence.inSeconds) s of silence")
            }
        }
    }

    // MARK: Calls

    private var way: ConnectionID? {
        guard let link = registry.connectedLink(Self.unit) else { return nil }
        return connections.first { $0.value.link === link }?.key
    }

    func call(_ request: RPCRequest, then: @escaping (CallOutcome) -> Void) {
        guard let way else { return then(.lost(.peerGone)) }
        lastCall += 1
        let id = CallID(lastCall)
        calls[id] = then
        step(.call(id, request), on: way)
    }

    private func finish(_ id: CallID, _ outcome: CallOutcome) {
        guard let then = calls.removeValue(forKey: id) else {
            return violate(.everyCallEndsOnce, "call \(id.rawValue) ended twice")
        }
        then(outcome)
    }

    func tellUnit(_ event: RPCEvent) {
        if let way { step(.notify(event), on: way) }
    }

    /// Asks something whose answer tells which question it answers.
    func ask() {
        guard Bool.random(using: &random) else {
            return call(GetDiskInfo().request) { [unowned self] outcome in
                guard case .answered(.success(let object)) = outcome else { return }
                if (try? DiskInfo(object)) == nil { violate(.everyCallEndsOnce, "an answer of another call") }
            }
        }
        let name = "Probe\(lastCall + 1)"
        call(RPCRequest(name)) { [unowned self] outcome in
            guard case .answered(let answer) = outcome else { return }
            if answer != .failure(.unsupportedMethod(name)) {
                violate(.everyCallEndsOnce, "\(name) got the answer of another call: \(answer)")
            }
        }
    }

    // MARK: What is wanted

    /// News of the unit, some time after it happened.
    func hearNews() {
        let link = registry.connectedLink(Self.unit)
        switch registry.link(of: Self.unit) {
        case .connected: receive(.link(.connected))
        case .disconnected: receive(.link(.disconnected))
        default: receive(.link(.offline))
        }
        guard link?.epoch != knownEpoch else { return }
        knownEpoch = link?.epoch
        if link == nil {
            receive(lease.receive(.disconnected, at: now))
            receive(shadow.receive(.disconnected, at: now))
        } else {
            receive(lease.receive(.connected, at: now))
            receive(shadow.receive(.connected(otherFirmware: false), at: now))
        }
    }

    func desire() {
        let texts = [
            #"{"led":true,"tz":3}"#, #"{"led":false}"#, #"{"tz":-5,"log_level":1}"#,
            #"{"channels":{"0":{"image":{"horflip":true}},"1":{"osd":{"text":"door"}}}}"#,
            #"{"channels":{"1":{"video_encoding":{"encoder":"h265"},"trace":true}}}"#,
        ]
        let text = texts.randomElement(using: &random) ?? "{}"
        guard let object = try? JSONObject(parsing: Array(text.utf8)),
            let change = try? ConfigurationDocument(object)
        else { return }
        receive(shadow.receive(.desire(change, dropping: []), at: now))
    }

    private func receive(_ actions: [ConfigurationShadow.Action]) {
        let run = run
        for action in actions {
            let (id, request): (ConfigurationShadow.RequestID, RPCRequest)
            switch action {
            case .read(let read): (id, request) = (read, GetConfig().request)
            case .write(let write, let change): (id, request) = (write, SetConfig(document: change).request)
            // The sweep looks every second.
            case .wake: continue
            }
            call(request) { [unowned self] outcome in
                guard run == self.run else { return }
                receive(shadow.receive(.answered(id, Self.configuration(outcome)), at: now))
            }
        }
    }

    private static func configuration(_ outcome: CallOutcome) -> ConfigurationShadow.Outcome {
        switch outcome {
        case .answered(.success(let object)):
            (try? ConfigurationDocument(object)).map { .document($0) } ?? .malformed
        case .answered(.failure(let failure)): .refused(code: failure.code, message: failure.message)
        case .lost, .busy: .lost
        }
    }

    func turn() {
        let channel = Int.random(in: 0...1, using: &random)
        let operations: [PTZOperation] = [.left, .right, .up, .stop, .leftStep, .zoomIn]
        let operation = operations.randomElement(using: &random) ?? .stop
        hearNews()
        let command = CtrlPTZ(channel: channel, operation: operation, value: nil)
        if operation.kind == .move, registry.connectedLink(Self.unit) != nil { moves.insert(channel) }
        receive(lease.receive(.command(command, by: Self.user, lease: PTZLease.usual), at: now))
    }

    private func receive(_ actions: [PTZLease.Action]) {
        for case .tell(let command) in actions { tellUnit(command.event) }
        if lease.isIdle { moves = [] }
    }

    // MARK: The picture of channel 0

    func watch(_ isWanted: Bool) {
        isWatching = isWanted
        if isWanted { return askForThePicture() }
        for lease in viewers.keys.sorted() { leave(lease) }
    }

    private func leave(_ lease: LeaseID) {
        guard let stream = viewers.removeValue(forKey: lease) else { return }
        timeline.add(
            .media(run: run, .viewerLeft(stream, lease, viewers: viewers.count)),
            in: .milliseconds(2)
        )
    }

    func askForThePicture() {
        guard isWatching, viewers.isEmpty else { return }
        lastRequest += 1
        lastAsked = now
        receive(
            .request(
                LiveRequestID(lastRequest),
                LeaseID(unchecked: "l\(lastRequest)"),
                holder: Self.user,
                fresh: StreamID(unchecked: "s\(lastRequest)")
            )
        )
    }

    func receive(_ input: LiveChannel.Input) {
        for action in live.receive(input, at: now) {
            switch action {
            case .push(let stream, let epoch): push(stream, epoch)
            case .stop(let stream):
                let run = run
                call(StopLive(stream: stream, channel: 0).request) { [unowned self] _ in
                    timeline.add(.media(run: run, .stopped(stream)), in: .zero)
                }
            case .close(let stream):
                closedStreams.insert(stream)
                if let gone = publisher, gone.stream == stream {
                    publisher = nil
                    timeline.add(.pushEnded(life: life, gone.push), in: delay(1...500))
                }
                for (lease, watched) in viewers where watched == stream { viewers[lease] = nil }
            case .dismiss(_, let leases): for lease in leases { leave(lease) }
            case .grant(_, let grant):
                guard isWatching else { continue }
                viewers[grant.lease] = grant.stream
                let joined = LiveChannel.Input.viewerJoined(grant.stream, grant.lease, viewers: viewers.count)
                timeline.add(.media(run: run, joined), in: .milliseconds(2))
            // The sweep asks again, and wakes every second. No unit sleeps here.
            case .fail, .wake, .rouse: break
            }
        }
    }

    private func push(_ stream: StreamID, _ epoch: Epoch) {
        let ticket = "r\(run)e\(epoch.rawValue)"
        tickets[ticket] = epoch
        let order = PushLive(
            channel: 0,
            url: Secret("srt://m.example:8890?streamid=\(ticket)"),
            stream: stream,
            maxBitrate: 0
        )
        let run = run
        call(order.request) { [unowned self] outcome in
            let pushed: LiveChannel.PushOutcome =
                switch outcome {
                case .answered(.success): .agreed
                case .answered(.failure(let failure)):
                    .refused(code: failure.code, message: failure.message)
                case .lost(.unanswered): .unanswered
                case .lost: .lost
                case .busy: .noIngest("busy")
                }
            timeline.add(.media(run: run, .pushed(stream, epoch, pushed)), in: .zero)
        }
    }
}
