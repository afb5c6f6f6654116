import HSSModel
import TestSupport
import Testing

@testable import Vm

/// A unit, a media server and a lossy network around one ``LiveChannel``, on virtual time.
private struct World {
    private enum Event {
        case input(LiveChannel.Input)
        /// The unit gets PushLive or StopLive of the connection numbered `connection`.
        case unitPush(StreamID, Epoch, connection: Int)
        case unitStop(StreamID, connection: Int)
        case unitPublishes(StreamID, Epoch)
        /// The unit is told to wake.
        case unitRouse
    }

    var now = Instant(nanoseconds: 0)
    var channel: LiveChannel
    var random: SeededGenerator
    private var queue: [(at: Instant, order: Int, event: Event)] = []
    private var order = 0
    private var wake: Instant?

    // The unit.
    private var connection = 1
    private var connected = true
    private var asleep = false
    private var pushing: (stream: StreamID, epoch: Epoch)?
    // The media server.
    private var publisher: (stream: StreamID, epoch: Epoch)?
    private var closed: Set<StreamID> = []
    var viewers: [LeaseID: StreamID] = [:]
    // Customers.
    var asked: Set<UInt64> = []
    var answers: [UInt64: Int] = [:]
    private(set) var grants = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        channel = LiveChannel(link: .connected, after: Epoch(100))
    }

    /// Does `count` random things with faults, then lets the network heal and waits for peace.
    mutating func run(_ count: Int) {
        for number in 0..<UInt64(count) {
            switch Int.random(in: 0...9, using: &random) {
            case 0...2:
                asked.insert(number)
                take(
                    .request(
                        LiveRequestID(number),
                        LeaseID(unchecked: "l\(number)"),
                        holder: UserName(unchecked: "u"),
                        fresh: StreamID(unchecked: "s\(number)")
                    )
                )
            case 3: if connected { Bool.random(using: &random) ? disconnect() : fallAsleep() }
            case 4: if !connected { connect() }
            case 5: rebootUnit()
            case 6: if publisher != nil { breakPush() }
            case 7: leave()
            case 8: if connected { report() }
            default: break
            }
            advance(.milliseconds(Int64.random(in: 0...4000, using: &random)))
        }
        if !connected { connect() }
        for _ in 0..<20 {
            advance(.seconds(10))
            if connected { report() }
        }
    }

    var publishing: StreamID? { publisher?.stream }
    var unitPushes: StreamID? { pushing?.stream }

    mutating func leaveAll() {
        while !viewers.isEmpty { leave() }
        for _ in 0..<12 {
            advance(.seconds(10))
            report()
        }
    }

    /// Asks once more, as a customer who is told to try again does.
    mutating func watch(_ number: UInt64) {
        asked.insert(number)
        take(
            .request(
                LiveRequestID(number),
                LeaseID(unchecked: "l\(number)"),
                holder: UserName(unchecked: "u"),
                fresh: StreamID(unchecked: "s\(number)")
            )
        )
        for _ in 0..<10 {
            advance(.seconds(5))
            report()
        }
    }

    // MARK: The machine

    private mutating func take(_ input: LiveChannel.Input) {
        for action in channel.receive(input, at: now) {
            switch action {
            case .push(let stream, let epoch):
                later(.unitPush(stream, epoch, connection: connection), lossy: true)
            case .rouse: later(.unitRouse, lossy: true)
            case .stop(let stream): later(.unitStop(stream, connection: connection), lossy: true)
            case .close(let stream): closeStream(stream)
            case .dismiss(let stream, let leases): dismiss(leases, of: stream)
            case .grant(let request, let grant):
                answers[request.rawValue, default: 0] += 1
                grants += 1
                if publisher?.stream == grant.stream, Bool.random(using: &random) {
                    viewers[grant.lease] = grant.stream
                    later(.input(.viewerJoined(grant.stream, grant.lease, viewers: viewers.count)))
                }
            case .fail(let request, _): answers[request.rawValue, default: 0] += 1
            case .wake(let at): wake = at
            }
        }
    }

    private mutating func later(_ event: Event, lossy: Bool = false) {
        order += 1
        // News of the media server keeps its order; messages to the unit take their time.
        let delay = Duration.milliseconds(lossy ? Int64.random(in: 1...800, using: &random) : 2)
        queue.append((now + delay, order, event))
    }

    private mutating func advance(_ duration: Duration) {
        let end = now + duration
        for _ in 0..<10_000 {
            let next = queue.indices.min { (queue[$0].at, queue[$0].order) < (queue[$1].at, queue[$1].order) }
            if let at = wake, at <= end, next.map({ at <= queue[$0].at }) ?? true {
                wake = nil
                now = max(now, at)
                take(.wake)
            } else if let next, queue[next].at <= end {
                let event = queue.remove(at: next)
                now = max(now, event.at)
                happen(event.event)
            } else {
                now = end
                return
            }
        }
        Issue.record("the machine does not come to rest")
    }

    private mutating func happen(_ event: Event) {
        switch event {
        case .input(let input): take(input)
        case .unitPush(let stream, let epoch, let connection):
            guard connected, connection == self.connection else { return take(.pushed(stream, epoch, .lost)) }
            if Int.random(in: 0..<10, using: &random) == 0 {
                return take(.pushed(stream, epoch, .refused(code: 1, message: "busy")))
            }
            // "the same stream_id again is a success and changes nothing" (Table I.2-12, catalogue).
            if pushing?.stream != stream {
                if publisher != nil { breakPush() }
                pushing = (stream, epoch)
                if Int.random(in: 0..<10, using: &random) > 0 { later(.unitPublishes(stream, epoch)) }
            }
            take(.pushed(stream, epoch, .agreed))
        case .unitStop(let stream, let connection):
            if connected, connection == self.connection, pushing?.stream == stream {
                if publisher != nil { breakPush() }
                pushing = nil
            }
            take(.stopped(stream))
        case .unitRouse:
            // A unit that is out of reach is not woken.
            let wakes = asleep && Int.random(in: 0..<4, using: &random) > 0
            if wakes { connect() }
            take(.roused(connected))
        case .unitPublishes(let stream, let epoch):
            guard let pushing, pushing == (stream, epoch), !closed.contains(stream) else { return }
            publisher = (stream, epoch)
            take(.published(stream, epoch))
        }
    }

    // MARK: Faults and people

    /// A unit with its main chip down pushes nothing.
    private mutating func fallAsleep() {
        pushing = nil
        if publisher != nil { breakPush() }
        connected = false
        asleep = true
        take(.link(.asleep))
    }

    private mutating func disconnect() {
        connected = false
        asleep = false
        take(.link(.disconnected))
    }

    private mutating func connect() {
        connection += 1
        connected = true
        asleep = false
        take(.link(.connected))
    }

    private mutating func rebootUnit() {
        pushing = nil
        if publisher != nil { breakPush() }
        if connected { disconnect() }
    }

    private mutating func breakPush() {
        guard let gone = publisher else { return }
        publisher = nil
        take(.unpublished(gone.stream, gone.epoch))
    }

    private mutating func closeStream(_ stream: StreamID) {
        closed.insert(stream)
        viewers = viewers.filter { $0.value != stream }
        if publisher?.stream == stream { publisher = nil }
    }

    private mutating func leave() {
        guard let (lease, stream) = viewers.randomElement(using: &random) else { return }
        viewers[lease] = nil
        later(.input(.viewerLeft(stream, lease, viewers: viewers.count)))
    }

    private mutating func dismiss(_ leases: [LeaseID], of stream: StreamID) {
        for lease in leases where viewers.removeValue(forKey: lease) != nil {
            later(.input(.viewerLeft(stream, lease, viewers: viewers.count)))
        }
    }

    private mutating func report() {
        take(.reported(pushing?.stream))
    }
}

@Suite("The live machine in a hostile world") struct LiveChannelSimulation {
    /// Units, connections and pushes break in every phase: afterwards a customer gets the picture, every
    /// customer hears exactly once, and what nobody watches is stopped.
    @Test func findsBackToTheWantedState() {
        for seed in UInt64(0)..<1000 {
            var world = World(seed: seed)
            world.run(40)
            for number in UInt64(1000)..<1010 where world.publishing == nil { world.watch(number) }
            for request in world.asked {
                #expect(world.answers[request] == 1, "request \(request), seed \(seed)")
            }
            #expect(world.publishing != nil && world.publishing == world.unitPushes, "seed \(seed)")
            world.leaveAll()
            #expect(world.publishing == nil && world.unitPushes == nil, "seed \(seed)")
            #expect(world.channel.isIdle, "seed \(seed)")
        }
    }
}
