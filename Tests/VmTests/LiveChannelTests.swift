import HSSModel
import Testing

@testable import Vm

private let start = Instant(nanoseconds: 0)
private let stream = StreamID(unchecked: "s1")
private let other = StreamID(unchecked: "s2")
private let anna = UserName(unchecked: "anna")
private let bert = UserName(unchecked: "bert")
private let first = Epoch(101)

private func at(_ seconds: Double) -> Instant { start + .milliseconds(Int64(seconds * 1000)) }

/// A channel of a connected unit, driven without wakes in the way.
private struct Bench {
    var channel: LiveChannel
    var wake: Instant?

    init(_ link: LiveChannel.Link = .connected) {
        channel = LiveChannel(link: link, after: Epoch(100))
    }

    mutating func receive(_ input: LiveChannel.Input, at now: Instant = start) -> [LiveChannel.Action] {
        wake = nil
        return channel.receive(input, at: now).filter {
            if case .wake(let at) = $0 {
                wake = at
                return false
            }
            return true
        }
    }

    mutating func ask(
        _ number: UInt64,
        _ user: UserName = anna,
        at now: Instant = start
    ) -> [LiveChannel.Action] {
        receive(
            .request(
                LiveRequestID(number),
                LeaseID(unchecked: "l\(number)"),
                holder: user,
                fresh: StreamID(unchecked: "s\(number)")
            ),
            at: now
        )
    }

    /// Brings request 1 to a running stream.
    mutating func run() {
        _ = ask(1)
        _ = receive(.pushed(stream, first, .agreed))
        _ = receive(.published(stream, first))
    }
}

private func granted(_ number: UInt64, _ stream: StreamID = stream) -> LiveChannel.Action {
    .grant(LiveRequestID(number), .init(stream: stream, lease: LeaseID(unchecked: "l\(number)")))
}

@Suite("Media broadcasting service procedure, §9.3.3.1.1") struct LiveChannelTests {
    /// Steps 1 to 4: the request makes one push, and the customer hears when the stream is there.
    @Test func manyViewersOnePush() {
        var bench = Bench()
        #expect(bench.ask(1) == [.push(stream, first)])
        #expect(bench.ask(2) == [], "a second customer waits for the same push")
        #expect(bench.receive(.pushed(stream, first, .agreed)) == [])
        #expect(bench.receive(.published(stream, first)) == [granted(1), granted(2)])
        #expect(bench.ask(3) == [granted(3)], "a running stream is reused")
    }

    /// The unit connects to the MDU before its answer arrives: libsrt is faster than a slow Vd.
    @Test func aStreamMayArriveBeforeTheAnswer() {
        var bench = Bench()
        _ = bench.ask(1)
        #expect(bench.receive(.published(stream, first)) == [granted(1)])
        #expect(bench.receive(.pushed(stream, first, .unanswered)) == [])
        #expect(bench.channel.liveStream == stream)
    }

    /// Steps 5 and 6: nobody watches, so the unit is told to stop, after the linger time.
    @Test func stopsAfterTheLingerTime() {
        var bench = Bench()
        bench.run()
        _ = bench.receive(.viewerJoined(stream, LeaseID(unchecked: "l1"), viewers: 1))
        #expect(bench.receive(.viewerLeft(stream, LeaseID(unchecked: "l1"), viewers: 0), at: at(100)) == [])
        #expect(bench.wake == at(115))
        #expect(bench.receive(.wake, at: at(114)) == [])
        #expect(bench.receive(.wake, at: at(115)) == [.close(stream), .stop(stream)])
        #expect(bench.receive(.stopped(stream), at: at(116)) == [])
        #expect(bench.channel.isIdle)
    }

    @Test func aViewerWithinTheLingerTimeKeepsIt() {
        var bench = Bench()
        bench.run()
        _ = bench.receive(.viewerJoined(stream, LeaseID(unchecked: "l1"), viewers: 1))
        _ = bench.receive(.viewerLeft(stream, LeaseID(unchecked: "l1"), viewers: 0), at: at(10))
        #expect(bench.ask(2, at: at(20)) == [granted(2)])
        #expect(bench.receive(.wake, at: at(26)) == [])
        #expect(bench.channel.liveStream == stream)
    }

    @Test func anUnusedLeaseExpires() {
        var bench = Bench()
        bench.run()
        #expect(bench.wake == at(60))
        #expect(bench.receive(.wake, at: at(60)) == [])
        #expect(bench.receive(.wake, at: at(75)) == [.close(stream), .stop(stream)])
    }

    @Test func aLeaseGivenBackCountsNoMore() {
        var bench = Bench()
        bench.run()
        _ = bench.ask(2, bert)
        _ = bench.receive(.release(LeaseID(unchecked: "l2"), holder: anna), at: at(1))
        #expect(bench.wake == at(60), "nobody gives back another's lease")
        _ = bench.receive(.release(nil, holder: anna), at: at(1))
        _ = bench.receive(.release(LeaseID(unchecked: "l2"), holder: bert), at: at(2))
        #expect(bench.receive(.wake, at: at(17)) == [.close(stream), .stop(stream)])
    }

    /// "the CU can only obtain the access right of its binding PU" (§8.3.1): it ends with the binding.
    @Test func whatIsWithdrawnEndsAtOnce() {
        var bench = Bench()
        bench.run()
        _ = bench.receive(.viewerJoined(stream, LeaseID(unchecked: "l1"), viewers: 1))
        #expect(bench.receive(.withdraw, at: at(5)) == [.close(stream), .stop(stream)])
        _ = bench.receive(.stopped(stream), at: at(5))
        #expect(bench.channel.isIdle)
        _ = bench.ask(2, at: at(6))
        #expect(bench.receive(.withdraw, at: at(7)) == [.fail(LiveRequestID(2), .withdrawn)])
    }

    /// The right of one customer ends: his viewers and his waiting end with it, others go on.
    @Test func aCustomerWhoMayNoLongerWatchIsDismissedAndNobodyElse() {
        var bench = Bench()
        bench.run()
        _ = bench.ask(2, bert)
        _ = bench.receive(.viewerJoined(stream, LeaseID(unchecked: "l1"), viewers: 1))
        _ = bench.receive(.viewerJoined(stream, LeaseID(unchecked: "l2"), viewers: 2))
        // Long past the time in which a lease has to be used.
        let dismissal = bench.receive(.dismiss(holder: anna), at: at(500))
        #expect(dismissal == [.dismiss(stream, [LeaseID(unchecked: "l1")])])
        _ = bench.receive(.viewerLeft(stream, LeaseID(unchecked: "l1"), viewers: 1), at: at(500))
        #expect(bench.receive(.wake, at: at(900)) == [], "bert still watches")
        #expect(bench.receive(.dismiss(holder: anna), at: at(901)) == [])
        let last = bench.receive(.dismiss(holder: bert), at: at(902))
        #expect(last == [.dismiss(stream, [LeaseID(unchecked: "l2")])])
    }

    /// A login ends: what it opened ends with it, what the same customer opened elsewhere goes on.
    @Test func whatOneLeaseOpenedIsRevokedAlone() {
        var bench = Bench()
        bench.run()
        _ = bench.ask(2)
        _ = bench.receive(.viewerJoined(stream, LeaseID(unchecked: "l1"), viewers: 1))
        let revoked = bench.receive(.revoke(LeaseID(unchecked: "l1")), at: at(5))
        #expect(revoked == [.dismiss(stream, [LeaseID(unchecked: "l1")])])
        #expect(bench.receive(.revoke(LeaseID(unchecked: "l1")), at: at(6)) == [], "once")
        #expect(bench.channel.places(of: anna) == 1, "the other lease may still be used")
    }

    /// A lease that nobody uses yet is a ticket that would still open the stream.
    @Test func anUnusedLeaseIsDismissedToo() {
        var bench = Bench()
        bench.run()
        _ = bench.receive(.viewerJoined(stream, LeaseID(unchecked: "l1"), viewers: 1))
        _ = bench.receive(.viewerLeft(stream, LeaseID(unchecked: "l1"), viewers: 0))
        _ = bench.ask(2)
        let leases = [LeaseID(unchecked: "l1"), LeaseID(unchecked: "l2")]
        #expect(bench.receive(.dismiss(holder: anna), at: at(10)) == [.dismiss(stream, leases)])
        #expect(bench.receive(.wake, at: at(25)) == [.close(stream), .stop(stream)])
    }

    @Test func aCustomerWhoWaitsIsToldAndOthersWaitOn() {
        var bench = Bench()
        _ = bench.ask(1)
        _ = bench.ask(2, bert)
        #expect(bench.receive(.dismiss(holder: anna)) == [.fail(LiveRequestID(1), .withdrawn)])
        _ = bench.receive(.pushed(stream, first, .agreed))
        #expect(bench.receive(.published(stream, first)) == [granted(2)])
    }

    @Test func anOfflineUnitIsSaidAtOnce() {
        var bench = Bench(.offline)
        #expect(bench.ask(1) == [.fail(LiveRequestID(1), .unitOffline)])
        #expect(bench.channel.isIdle)
    }

    /// "a reconnect is not an offline" (catalogue, Keepalive).
    @Test func waitsForAUnitThatReconnects() {
        var bench = Bench(.disconnected)
        #expect(bench.ask(1) == [])
        #expect(bench.receive(.link(.connected), at: at(3)) == [.push(stream, first)])
    }

    @Test(arguments: [
        (
            LiveChannel.PushOutcome.refused(code: 11, message: "too large"),
            LiveFailure.refused(code: 11, message: "too large")
        ),
        (.unanswered, .unitSilent),
        (.noIngest("full"), .media("full")),
    ]) func everyFailureReachesTheCustomer(outcome: LiveChannel.PushOutcome, failure: LiveFailure) {
        var bench = Bench()
        _ = bench.ask(1)
        let actions = bench.receive(.pushed(stream, first, outcome))
        #expect(actions.first == .fail(LiveRequestID(1), failure))
        #expect(actions.contains(.stop(stream)), "the unit may push all the same")
    }

    @Test func noPublishInTime() {
        var bench = Bench()
        _ = bench.ask(1)
        _ = bench.receive(.pushed(stream, first, .agreed))
        #expect(bench.wake == at(10))
        #expect(
            bench.receive(.wake, at: at(10))
                == [.fail(LiveRequestID(1), .noPublish), .close(stream), .stop(stream)]
        )
    }

    /// The connection broke while PushLive was under way: nobody knows whether the unit took it.
    @Test func aLostAnswerIsAskedAgain() {
        var bench = Bench()
        _ = bench.ask(1)
        #expect(bench.receive(.pushed(stream, first, .lost)) == [])
        #expect(bench.receive(.link(.disconnected)) == [])
        #expect(bench.receive(.link(.connected), at: at(2)) == [.stop(stream)])
        #expect(bench.receive(.stopped(stream), at: at(2)) == [.push(stream, Epoch(102))])
        #expect(bench.receive(.published(stream, Epoch(102)), at: at(3)) == [granted(1)])
    }

    @Test func aBrokenPushIsRenewedForItsViewers() {
        var bench = Bench()
        bench.run()
        _ = bench.receive(.viewerJoined(stream, LeaseID(unchecked: "l1"), viewers: 1))
        #expect(bench.receive(.unpublished(stream, first), at: at(1)) == [.stop(stream)])
        #expect(bench.receive(.stopped(stream), at: at(1)) == [.push(stream, Epoch(102))])
    }

    /// Table I.2-12, `max_bitrate`: who watches loses the picture, and who asks soon again hears why instead of starting
    /// the same once more.
    @Test func aStreamThatTheMediaServerWillNotHaveEndsForSomeTime() {
        var bench = Bench()
        bench.run()
        _ = bench.receive(.viewerJoined(stream, LeaseID(unchecked: "l1"), viewers: 1))
        #expect(bench.receive(.rejected(stream, Epoch(100), .overBitrate), at: at(1)) == [], "late news")
        let actions = bench.receive(.rejected(stream, first, .overBitrate), at: at(2))
        #expect(actions == [.close(stream), .stop(stream)])
        #expect(bench.ask(2, at: at(3)) == [.fail(LiveRequestID(2), .overBitrate)])
        #expect(bench.receive(.stopped(stream), at: at(4)) == [])
        #expect(bench.ask(3, at: at(31)) == [.fail(LiveRequestID(3), .overBitrate)])
        #expect(!bench.channel.isIdle && bench.wake == at(32), "it remembers until then")
        #expect(bench.receive(.wake, at: at(32)) == [])
        #expect(bench.channel.isIdle)
        #expect(bench.ask(4, at: at(33)) == [.push(StreamID(unchecked: "s4"), Epoch(102))])
    }

    /// A stream that is refused before it was ever announced: whoever waits hears why at once, not after the time for
    /// publishing. §9.3.3 has no message that tells the unit; it hears `StopLive`.
    @Test func aStreamThatIsRefusedAtOnceIsToldAtOnce() {
        var bench = Bench()
        _ = bench.ask(1)
        _ = bench.receive(.pushed(stream, first, .agreed))
        let actions = bench.receive(.rejected(stream, first, .noMedia), at: at(1))
        #expect(actions == [.fail(LiveRequestID(1), .noMedia), .close(stream), .stop(stream)])
        #expect(bench.ask(2, at: at(3)) == [.fail(LiveRequestID(2), .noMedia)])
        #expect(bench.receive(.stopped(stream), at: at(4)) == [])
        #expect(bench.ask(3, at: at(32)) == [.push(StreamID(unchecked: "s3"), Epoch(102))])
    }

    /// The media server was faster than the unit's answer: the stop waits for it.
    @Test func aStopDoesNotOvertakeThePushThatWasRefused() {
        var bench = Bench()
        _ = bench.ask(1)
        let actions = bench.receive(.rejected(stream, first, .unsupportedCodec), at: at(1))
        #expect(actions == [.fail(LiveRequestID(1), .unsupportedCodec), .close(stream)])
        #expect(
            bench.receive(.pushed(stream, first, .agreed), at: at(2)) == [.close(stream), .stop(stream)]
        )
        #expect(bench.receive(.rejected(stream, first, .noMedia), at: at(2)) == [], "late news")
    }

    /// What counts against a customer's limit: waits, leases that are not used yet, and viewers.
    @Test func aCustomersPlacesAreCounted() {
        var bench = Bench()
        _ = bench.ask(1)
        _ = bench.ask(2, bert)
        #expect(bench.channel.places(of: anna) == 1 && bench.channel.activity == .starting)
        _ = bench.receive(.pushed(stream, first, .agreed))
        _ = bench.receive(.published(stream, first))
        #expect(bench.channel.places(of: anna) == 1 && bench.channel.activity == .live)
        let lease = LeaseID(unchecked: "l1")
        _ = bench.receive(.viewerJoined(stream, lease, viewers: 1))
        _ = bench.receive(.viewerJoined(stream, lease, viewers: 2))
        #expect(bench.channel.places(of: anna) == 2 && bench.channel.viewers(of: lease) == 2)
        #expect(bench.channel.holder(of: lease) == anna && bench.channel.audience == [anna: 2])
        _ = bench.receive(.viewerLeft(stream, lease, viewers: 1))
        #expect(bench.channel.places(of: anna) == 1 && bench.channel.places(of: bert) == 1)
        #expect(bench.receive(.dismiss(holder: anna)) == [.dismiss(stream, [lease])])
        #expect(bench.channel.places(of: anna) == 0 && bench.channel.audience.isEmpty)
    }

    /// Late news of an older push changes nothing.
    @Test func theNewestEpochCounts() {
        var bench = Bench()
        bench.run()
        _ = bench.receive(.viewerJoined(stream, LeaseID(unchecked: "l1"), viewers: 1))
        _ = bench.receive(.unpublished(stream, first), at: at(1))
        _ = bench.receive(.stopped(stream), at: at(1))
        _ = bench.receive(.published(stream, Epoch(102)), at: at(2))
        #expect(bench.receive(.unpublished(stream, first), at: at(3)) == [])
        #expect(bench.channel.liveStream == stream)
    }

    /// After a restart of the platform a unit still pushes what nobody knows.
    @Test func stopsWhatNobodyWants() {
        var bench = Bench()
        #expect(bench.receive(.reported(other)) == [.stop(other)])
        #expect(bench.receive(.reported(other)) == [], "once at a time")
        #expect(bench.receive(.stopped(other)) == [])
        #expect(bench.receive(.reported(nil)) == [])
        #expect(bench.channel.isIdle)
    }

    @Test func refusesMoreThanItHolds() {
        var bench = Bench()
        bench.channel = LiveChannel(link: .connected, after: Epoch(100), mostWaiters: 3)
        for number in 1...UInt64(3) { _ = bench.ask(number) }
        #expect(bench.ask(999) == [.fail(LiveRequestID(999), .busy)])
    }

    @Test func aCustomerWhoLeavesIsForgotten() {
        var bench = Bench()
        _ = bench.ask(1)
        #expect(bench.receive(.cancel(LiveRequestID(1))) == [], "the answer of the push is awaited first")
        #expect(bench.receive(.pushed(stream, first, .agreed)) == [.close(stream), .stop(stream)])
    }
}
