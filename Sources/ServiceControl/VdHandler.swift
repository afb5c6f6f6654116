import Bus
import HSSModel
import HostClock
import Logging
import NIOCore
import NIOWebSocket
import ServerKit
import Vd

/// Moves messages between one WebSocket and its ``RPCSession``, and serves what a unit asks. Runs on the event
/// loop of its connection: no task and no timer for each unit.
final class VdHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A Vd message may come in this many frames.
    private static let mostFragments = 32
    /// What heartbeats say of streams is passed on at most this often: the rest of the platform is not to feel
    /// a unit that sends them without pause.
    private static let reportInterval = Duration.seconds(1)
    /// How long the reason of a close may take to leave, where the peer is given up on.
    private static let lastWordTime = TimeAmount.seconds(1)

    private let login: UnitLogin
    private let registration: UnitRegistration
    private let dialect: Dialect
    private let units: UnitRegistry
    private let sweeper: LoopSweeper
    private let services: UnitServices
    private var session: RPCSession
    private var reader: WebSocketFrameReader
    private var context: ChannelHandlerContext?
    private var link: UnitLink?
    private var pendingCalls: [CallID: (CallOutcome) -> Void] = [:]
    private var lastCall: UInt64 = 0
    /// When the session wants to be woken; the sweep of the event loop looks at it.
    private var wakeAt: Instant?
    private var fragments: [UInt8]?
    private var fragmentCount = 0
    private var reportedAt: Instant?
    private var isBinding = false
    private var inbox = UnitInbox()
    /// Told to the peer where it says more than the reason of the session.
    private var closeCode: WebSocketErrorCode?
    /// Closes without waiting for the peer's part in it.
    private var isGivenUp = false
    private var needsFlush = false

    init(
        login: UnitLogin,
        registration: UnitRegistration,
        dialect: Dialect,
        units: UnitRegistry,
        services: UnitServices,
        sweeper: LoopSweeper
    ) {
        self.login = login
        self.registration = registration
        self.dialect = dialect
        self.units = units
        self.services = services
        self.sweeper = sweeper
        session = RPCSession(limits: services.settings.sessionLimits)
        reader = WebSocketFrameReader(largest: services.settings.messageSize)
    }

    // MARK: Life of the connection

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let link = UnitLink(
            registration: registration,
            login: login,
            epoch: units.nextEpoch(),
            silence: services.silence(of: registration),
            handler: self,
            loop: context.eventLoop
        )
        self.link = link
        sweeper.add(self)
        services.metrics.connections.add(1)
        let displaced = units.attach(link)
        if displaced === link {
            close(.local("a newer login is there already"))
        } else {
            displaced?.close(.local("displaced by a newer login"))
            services.unitConnected(link.unit, login)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        step(.close(.peerGone))
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        step(.close(.peerGone))
        self.context = nil
        sweeper.remove(self)
        services.metrics.connections.add(-1)
        if let link {
            units.detach(link)
            services.unitDisconnected(link.unit)
        }
        link = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(.peerGone)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { close(.local("the platform is shutting down")) }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: What the platform wants

    func call(_ request: RPCRequest, then finish: @escaping (CallOutcome) -> Void) {
        lastCall += 1
        let id = CallID(lastCall)
        pendingCalls[id] = finish
        var translated = request
        translated.method = dialect.wireName(of: request.method)
        step(.call(id, translated))
        flush()
    }

    /// False where the connection has ended.
    func notify(_ event: RPCEvent) -> Bool {
        guard !session.isClosed else { return false }
        var translated = event
        translated.name = dialect.wireName(of: event.name)
        step(.notify(translated))
        flush()
        return true
    }

    func close(_ reason: CloseReason) {
        step(.close(reason))
        flush()
    }

    /// Called once a second.
    func sweep(at now: Instant) {
        if let wakeAt, wakeAt <= now { step(.wake) }
        if let link, now - link.lastSeen > link.silence {
            isGivenUp = true
            step(.close(.local("silent for longer than vd.offline_after")))
        }
        flush()
    }

    // MARK: What arrives

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !session.isClosed else { return }
        reader.append(unwrapInboundIn(data))
        do throws(WebSocketFrameReader.Fault) {
            while !session.isClosed, let frame = try reader.next() { take(frame) }
        } catch {
            refuse(error)
        }
        reader.settle()
    }

    private func take(_ frame: WebSocketFrameReader.Frame) {
        link?.seen(at: .now)
        switch frame.opcode {
        case .text, .binary:
            guard fragments == nil else { return refuse(.init(what: "a message within a message")) }
            receive(frame.payload, frame.isFinal)
        case .continuation:
            guard let soFar = fragments else { return refuse(.init(what: "a continuation of nothing")) }
            receive(soFar + frame.payload, frame.isFinal)
        case .ping:
            write(.pong, frame.payload)
        case .pong:
            break
        case .connectionClose:
            step(.close(.peerGone))
        default:
            refuse(.init(what: "with a reserved opcode"))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush()
        context.fireChannelReadComplete()
    }

    private func receive(_ bytes: [UInt8], _ isFinal: Bool) {
        guard bytes.count <= services.settings.messageSize else { return refuse(.tooLarge) }
        guard isFinal else {
            fragments = bytes
            fragmentCount += 1
            if fragmentCount > Self.mostFragments {
                refuse(.init(what: "a message in too many frames", code: .policyViolation))
            }
            return
        }
        fragments = nil
        fragmentCount = 0
        services.metrics.received.add()
        do {
            step(.message(try RPCMessage(parsing: bytes)))
        } catch {
            step(.malformed(error))
        }
    }

    /// Breaks with a peer that does not keep to the WebSocket protocol.
    private func refuse(_ fault: WebSocketFrameReader.Fault) {
        closeCode = fault.code
        step(.close(.malformed(.field(FieldError("frame", fault.what)))))
    }

    // MARK: The session

    private func step(_ input: RPCSession.Input) {
        for action in session.receive(input, at: .now) {
            switch action {
            case .send(let message):
                services.metrics.sent.add()
                write(.text, message.encoded())
            case .serve(let id, let request):
                serve(id, request)
            case .deliver(let event):
                deliver(event)
            case .finish(let call, let outcome):
                pendingCalls.removeValue(forKey: call)?(outcome)
            case .wake(let instant):
                wakeAt = instant
            case .close(let reason):
                end(reason)
            }
        }
    }

    private func serve(_ id: ServeID, _ request: RPCRequest) {
        do throws(FieldError) {
            if let answer = try answer(id, request) { step(.answer(id, answer)) }
        } catch {
            step(.answer(id, .failure(.parameter(error))))
        }
    }

    /// Nil: the answer comes later.
    private func answer(_ id: ServeID, _ request: RPCRequest) throws(FieldError) -> RPCAnswer? {
        var request = request
        request.method = dialect.name(ofWire: request.method)
        switch request.method {
        case Keepalive.name:
            let keepalive = try Keepalive(request.parameters)
            try check(keepalive.macID)
            if let heartbeat = link?.took(keepalive) {
                report(heartbeat.streams)
                if heartbeat.isRestated { units.restated(registration.unit) }
            }
            services.requests.heard(keepalive, of: registration)
            services.metrics.heartbeats.add()
            return .success(.empty)
        case GetServerInfo.name:
            try check(GetServerInfo(request.parameters).macID)
            return .success(services.serverInfo(for: registration).object)
        default:
            guard let errand = try services.requests.errand(for: request, of: registration) else {
                return .failure(.unsupportedMethod(request.method))
            }
            try checkIdentity(in: request.parameters)
            _ = inbox.add(.answer(id, errand))
            serveNext()
            return nil
        }
    }

    private func report(_ channels: [Keepalive.Channel]) {
        let now = Instant.now
        if let reportedAt, now - reportedAt < Self.reportInterval { return }
        reportedAt = now
        for channel in channels {
            units.reported(ChannelAddress(unit: registration.unit, number: channel.number), channel.stream)
        }
    }

    private func deliver(_ event: RPCEvent) {
        var event = event
        event.name = dialect.name(ofWire: event.name)
        do throws(FieldError) {
            try checkIdentity(in: event.parameters)
            if event.name == Bind.name { return bind(try Bind(event.parameters)) }
            guard let errand = try services.requests.errand(for: event, of: registration),
                inbox.add(.event(errand))
            else { return services.metrics.unknownEvents.add() }
            serveNext()
        } catch {
            services.metrics.unknownEvents.add()
        }
    }

    /// One at a time: a unit that tries codes waits for the registry like everybody else.
    private func bind(_ bind: Bind) {
        guard let context, !isBinding else { return services.metrics.unknownEvents.add() }
        isBinding = true
        let loop = NIOLoopBound(self, eventLoop: context.eventLoop)
        services.bind(registration.unit, code: bind.bindID) {
            loop.eventLoop.execute { loop.value.isBinding = false }
        }
    }

    /// Hands the next message that takes time to whoever serves it.
    private func serveNext() {
        guard let context, let errand = inbox.next() else { return }
        let loop = NIOLoopBound(self, eventLoop: context.eventLoop)
        Task {
            let answer = await errand.run()
            loop.eventLoop.execute { loop.value.served(answer) }
        }
    }

    private func served(_ answer: (ServeID, RPCAnswer)?) {
        inbox.served()
        if let (id, answer) = answer {
            step(.answer(id, answer))
            flush()
        }
        serveNext()
    }

    private func checkIdentity(in parameters: JSONObject) throws(FieldError) {
        if let macID = try parameters.optionalString("mac_id", 1...64) { try check(macID) }
    }

    /// "mac_id … must match the logged-in device" (catalogue, Keepalive).
    private func check(_ macID: String) throws(FieldError) {
        guard
            macID == registration.macIdentity.rawValue
                || MACIdentity(rawValue: macID)?.canonical == registration.macIdentity.canonical
        else {
            throw FieldError("mac_id", "is not that of device \(registration.unit)")
        }
    }

    private func end(_ reason: CloseReason) {
        services.ended(registration.unit, reason)
        inbox.drop()
        guard let context, context.channel.isActive else { return }
        var data = ByteBuffer()
        data.write(webSocketErrorCode: closeCode ?? reason.webSocketCode)
        let sent = context.eventLoop.makePromise(of: Void.self)
        write(.connectionClose, Array(buffer: data), sent)
        flush()
        if isGivenUp || reason.isFaultOfPeer {
            cut(context.channel, after: sent.futureResult)
        } else {
            context.close(promise: nil)
        }
    }

    /// Whoever is given up on owes no farewell, and TLS would wait 5 s for it. He hears why if he reads.
    private func cut(_ channel: any Channel, after sent: EventLoopFuture<Void>) {
        let timer = channel.eventLoop.scheduleTask(in: Self.lastWordTime) { channel.cut() }
        sent.whenComplete { _ in
            timer.cancel()
            channel.cut()
        }
    }

    private func write(
        _ opcode: WebSocketOpcode,
        _ payload: [UInt8],
        _ promise: EventLoopPromise<Void>? = nil
    ) {
        guard let context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(wrapOutboundOut(ByteBuffer(frame: opcode, payload)), promise: promise)
        needsFlush = true
    }

    private func flush() {
        guard needsFlush, let context else { return }
        needsFlush = false
        context.flush()
        // The buffers of both hosts are full: nothing bounds what would be kept for this peer.
        if !context.channel.isWritable, !session.isClosed {
            closeCode = .policyViolation
            isGivenUp = true
            step(.close(.local("answers are not read")))
        }
    }
}
