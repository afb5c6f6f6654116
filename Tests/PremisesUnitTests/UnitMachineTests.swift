import HSSModel
import PremisesUnit
import TestSupport
import Testing
import Vd
import Vs

@Suite("Scheduling and clock, §9.3.1.1") struct UnitSchedulingTests {
    @Test("step 1: the first thing a unit does is to ask Vs")
    func startAsksVs() {
        var bench = MachineBench()
        let actions = bench.give(.start)
        #expect(
            actions.contains(
                .schedule(
                    bench.attempt,
                    SchedulingRequest(macIdentity: MACIdentity(unchecked: "00:11:22:33:44:55"))
                )
            )
        )
        #expect(actions.connects.isEmpty)
    }

    @Test(
        "step 3: the clock is set when it differs by more than 10 s",
        arguments: [
            (0, 0), (10_000, 0), (-10_000, 0), (10_001, 10_001), (-10_001, -10_001), (3_600_000, 3_600_000),
        ]
    )
    func clockRule(difference: Int64, offset: Int64) {
        var bench = MachineBench()
        _ = bench.give(.start)
        let host = WallTime(milliseconds: MachineBench.answer.syncTime.milliseconds - difference)
        let actions = bench.give(.scheduled(bench.attempt, MachineBench.answer, hostTime: host))
        #expect(actions.clock == (offset == 0 ? [] : [.milliseconds(offset)]))
    }

    @Test("the clock that was set is the one that is compared the next time")
    func clockIsKept() {
        var bench = MachineBench()
        _ = bench.give(.start)
        let host = WallTime(milliseconds: 5_000)
        _ = bench.give(.scheduled(bench.attempt, MachineBench.answer, hostTime: host))
        _ = bench.give(.connected(bench.attempt))
        _ = bench.give(.message(bench.attempt, .event(Reschedule().event)))
        let again = bench.give(.scheduled(bench.attempt, MachineBench.answer, hostTime: host))
        #expect(again.clock == [])
        #expect(again.connects.count == 1)
    }

    @Test("a host whose own clock was set is compared as it is")
    func clockOfTheHostIsSet() {
        var bench = MachineBench()
        _ = bench.give(.start)
        _ = bench.give(
            .scheduled(bench.attempt, MachineBench.answer, hostTime: WallTime(milliseconds: 5_000))
        )
        _ = bench.give(.clockWasSet)
        _ = bench.give(.connected(bench.attempt))
        _ = bench.give(.message(bench.attempt, .event(Reschedule().event)))
        let again = bench.give(
            .scheduled(bench.attempt, MachineBench.answer, hostTime: MachineBench.hostTime)
        )
        #expect(again.clock == [] && again.connects.count == 1)
    }

    @Test("step 4, Table 9-3: login address, percent-encoded, wss where there is a secure port")
    func loginAddress() throws {
        var bench = MachineBench()
        _ = bench.give(.start)
        let actions = bench.give(
            .scheduled(bench.attempt, MachineBench.answer, hostTime: MachineBench.hostTime)
        )
        let address = try #require(actions.connects.first)
        #expect(address.host == "vd.example" && address.port == 8444 && address.isSecure)
        #expect(
            address.target.reveal()
                == "/Vd?login_code=cam-1&login_passwd=p%26ss%20w%3Drd%2F%C3%BC&hardware_model=Model%201%2B"
                + "&firmware_model=2.0%20beta&reconnect=0"
        )
        var plain = MachineBench.answer
        plain.signallingSecurePort = 0
        bench = MachineBench()
        _ = bench.give(.start)
        let second = bench.give(.scheduled(bench.attempt, plain, hostTime: MachineBench.hostTime))
        #expect(second.connects.first?.port == 80 && second.connects.first?.isSecure == false)
    }
}

@Suite("Reconnection, §9.3.1.2 item 1 and §9.3.1.3") struct UnitReconnectionTests {
    @Test("reconnect=1 after a connection, 0 as long as there was none (Table 9-3)")
    func reconnectIsTold() throws {
        var bench = MachineBench()
        _ = bench.give(.start)
        _ = bench.give(.scheduled(bench.attempt, MachineBench.answer, hostTime: MachineBench.hostTime))
        _ = bench.give(.disconnected(bench.attempt, "no route"))
        let second = try #require(bench.run(.seconds(5)).connects.first)
        #expect(second.target.reveal().hasSuffix("reconnect=0"))
        _ = bench.give(.connected(bench.attempt))
        _ = bench.give(.disconnected(bench.attempt, "gone"))
        let third = try #require(bench.run(.seconds(60)).connects.first)
        #expect(third.target.reveal().hasSuffix("reconnect=1"))
    }

    @Test("waits of 0 to 5·N s up to N = 12, 60 s beyond; Vs is asked after more than 15 failures")
    func waitsGrowAndVsIsAskedAgain() {
        for seed in UInt64(1)...20 {
            var bench = MachineBench(seed: seed)
            _ = bench.give(.start)
            _ = bench.give(.scheduled(bench.attempt, MachineBench.answer, hostTime: MachineBench.hostTime))
            for failure in 1...16 {
                let actions = bench.give(.disconnected(bench.attempt, "refused"))
                guard case .waiting(let delay, failure)? = actions.events.last else {
                    Issue.record("seed \(seed), failure \(failure): \(actions.events)")
                    return
                }
                let most: Duration = failure <= 12 ? .seconds(5 * failure) : .seconds(60)
                #expect(delay <= most && (failure <= 12 || delay == most), "seed \(seed)")
                let next = bench.runToNextAttempt(within: most)
                #expect(next.schedulings == (failure == 16 ? 1 : 0), "seed \(seed), failure \(failure)")
                #expect(next.connects.count == (failure == 16 ? 0 : 1), "seed \(seed), failure \(failure)")
            }
            // Vs has named a server: again 15 failures before it is asked once more.
            _ = bench.give(.scheduled(bench.attempt, MachineBench.answer, hostTime: MachineBench.hostTime))
            for failure in 1...16 {
                _ = bench.give(.disconnected(bench.attempt, "refused"))
                let next = bench.runToNextAttempt(within: .seconds(60))
                #expect(next.schedulings == (failure == 16 ? 1 : 0), "seed \(seed)")
            }
        }
    }

    @Test("a login that held starts the count anew, one that was dropped at once does not")
    func onlySteadyLoginsCount() {
        var bench = MachineBench()
        _ = bench.logIn()
        for failure in 1...3 {
            let actions = bench.give(.disconnected(bench.attempt, "dropped"))
            guard case .waiting(_, failure)? = actions.events.last else {
                Issue.record("\(actions.events)")
                return
            }
            _ = bench.runToNextAttempt(within: .seconds(60))
            _ = bench.give(.connected(bench.attempt))
        }
        var seq = 1
        let end = bench.now + .seconds(31)
        while bench.now < end {
            let sent = bench.run(.seconds(1)).requests.count + (seq == 1 ? 2 : 0)
            for _ in 0..<sent {
                _ = bench.answer(seq)
                seq += 1
            }
        }
        let actions = bench.give(.disconnected(bench.attempt, "later"))
        guard case .waiting(_, 1)? = actions.events.last else {
            Issue.record("\(actions.events)")
            return
        }
    }

    @Test func aFailedSchedulingIsRepeatedInTheSameRanges() {
        var bench = MachineBench()
        _ = bench.give(.start)
        for failure in 1...20 {
            let actions = bench.give(.schedulingFailed(bench.attempt, "503"))
            guard case .waiting(_, failure)? = actions.events.last else {
                Issue.record("\(actions.events)")
                return
            }
            #expect(bench.runToNextAttempt(within: .seconds(60)).schedulings == 1)
        }
    }

    @Test func anAttemptWithoutNewsIsGivenUp() {
        var bench = MachineBench()
        _ = bench.give(.start)
        #expect(bench.run(.seconds(29)).isEmpty)
        #expect(bench.run(.seconds(7)).schedulings == 1)
        _ = bench.give(.scheduled(bench.attempt, MachineBench.answer, hostTime: MachineBench.hostTime))
        #expect(bench.run(.seconds(30)).closes == 1)
    }

    @Test func lateNewsOfAnEarlierAttemptChangesNothing() {
        var bench = MachineBench()
        _ = bench.logIn()
        let old = bench.attempt
        _ = bench.give(.disconnected(old, "gone"))
        _ = bench.run(.seconds(5))
        _ = bench.give(.connected(bench.attempt))
        #expect(bench.give(.disconnected(old, "late")).isEmpty)
        #expect(bench.give(.connected(old)).isEmpty)
        #expect(bench.give(.message(old, .event(Reschedule().event))).isEmpty)
        #expect(bench.give(.schedulingFailed(old, "late")).isEmpty)
    }
}

@Suite("Reschedule, §9.3.1.2 item 2, Table I.2-6") struct UnitRescheduleTests {
    @Test("the unit goes on until the new answer is there, then changes over")
    func goesOnUntilTheAnswer() {
        var bench = MachineBench()
        _ = bench.logIn()
        _ = bench.answer(1)
        _ = bench.answer(2)
        let session = bench.attempt
        let asked = bench.give(.message(session, .event(Reschedule().event)))
        #expect(asked.schedulings == 1 && asked.closes == 0)
        let scheduling = bench.attempt
        #expect(bench.give(.message(session, .event(Reschedule().event))).schedulings == 0)
        bench.attempt = session
        #expect(bench.ask(MachineBench.push(stream: "s1")).answers == [.success(.empty)])
        #expect(bench.run(.seconds(10)).heartbeats.count == 1)
        let changed = bench.give(
            .scheduled(scheduling, MachineBench.answer, hostTime: MachineBench.hostTime)
        )
        #expect(changed.contains(.close(session)))
        #expect(changed.connects.first?.target.reveal().hasSuffix("reconnect=1") == true)
        // The picture goes on meanwhile, and the new connection reports it.
        #expect(changed.stops.isEmpty)
        let login = bench.give(.connected(bench.attempt))
        #expect(login.heartbeats.first?.channels.first?.stream == StreamID(unchecked: "s1"))
    }

    @Test func aFailedAnswerLeavesTheSessionAlone() {
        var bench = MachineBench()
        _ = bench.logIn()
        _ = bench.answer(1)
        _ = bench.answer(2)
        let session = bench.attempt
        _ = bench.give(.message(session, .event(Reschedule().event)))
        let failed = bench.give(.schedulingFailed(bench.attempt, "503"))
        #expect(failed.closes == 0)
        #expect(bench.run(.seconds(5)).schedulings == 1)
    }

    @Test func aLostSessionWaitsForTheAnswerOnItsWay() {
        var bench = MachineBench()
        _ = bench.logIn()
        let session = bench.attempt
        _ = bench.give(.message(session, .event(Reschedule().event)))
        #expect(bench.give(.disconnected(session, "gone")).connects.isEmpty)
        let answered = bench.give(
            .scheduled(bench.attempt, MachineBench.answer, hostTime: MachineBench.hostTime)
        )
        #expect(answered.connects.count == 1)
    }
}

@Suite("Heartbeat and server information, Tables I.2-1 to I.2-3") struct UnitHeartbeatTests {
    @Test("GetServerInfo once after each login, a heartbeat at once and every 10 s")
    func loginBeginsTheHeartbeat() throws {
        var bench = MachineBench(channels: [
            1: .init(state: .offline, bitrate: 1), 0: .init(bitrate: 1),
        ])
        let login = bench.logIn().requests
        #expect(login.map(\.method) == [GetServerInfo.name, Keepalive.name])
        let info = try GetServerInfo(try #require(login.first).parameters)
        #expect(info == GetServerInfo(macID: "00:11:22:33:44:55", state: .online))
        let heartbeat = try Keepalive(try #require(login.last).parameters)
        #expect(heartbeat.macID == "00:11:22:33:44:55")
        #expect(heartbeat.channels.map(\.number) == [0, 1])
        #expect(heartbeat.channels.map(\.state) == [.online, .offline])
        _ = bench.answer(1)
        _ = bench.answer(2)
        for beat in 3...8 {
            #expect(bench.run(.milliseconds(9_999)).requests.isEmpty)
            #expect(bench.run(.milliseconds(1)).heartbeats.count == 1)
            _ = bench.answer(beat)
        }
    }

    @Test("hb_interval of the answer is obeyed", arguments: [1, 3, 30, 86_400])
    func intervalIsObeyed(seconds: Int) {
        var bench = MachineBench()
        _ = bench.logIn()
        _ = bench.answer(1, .success(ServerInfo(heartbeatSeconds: seconds).object))
        _ = bench.answer(2)
        #expect(bench.run(.seconds(seconds) - .milliseconds(1)).heartbeats.isEmpty)
        #expect(bench.run(.milliseconds(1)).heartbeats.count == 1)
    }

    @Test("a broken or refused answer leaves the usual 10 s")
    func brokenAnswersLeaveTheUsualInterval() throws {
        let broken = try JSONObject(parsing: Array(#"{"hb_interval":0}"#.utf8))
        for answer in [RPCAnswer.success(broken), .failure(.unsupportedMethod("GetServerInfo"))] {
            var bench = MachineBench()
            _ = bench.logIn()
            _ = bench.answer(1, answer)
            _ = bench.answer(2)
            #expect(bench.run(.milliseconds(9_999)).heartbeats.isEmpty)
            #expect(bench.run(.milliseconds(1)).heartbeats.count == 1)
        }
    }

    @Test("no answer within 20 s: the connection is dropped and made anew")
    func silenceDropsTheConnection() {
        var bench = MachineBench()
        _ = bench.logIn()
        let actions = bench.run(.milliseconds(19_999))
        #expect(actions.closes == 0)
        let dropped = bench.run(.milliseconds(1))
        #expect(dropped.closes == 1)
        #expect(bench.run(.seconds(5)).connects.count == 1)
    }

    @Test(
        "Bind carries the code once, and again only if the connection was lost before anything showed its arrival"
    )
    func bindIsSent() {
        var bench = MachineBench()
        _ = bench.give(.bind("code-1"))
        let event = Bind(macID: "00:11:22:33:44:55", bindID: "code-1").event
        #expect(bench.logIn().sent.contains(.event(event)))
        _ = bench.give(.disconnected(bench.attempt, "gone"))
        _ = bench.run(.seconds(5))
        #expect(bench.give(.connected(bench.attempt)).sent.contains(.event(event)))
        _ = bench.answer(1)
        _ = bench.give(.disconnected(bench.attempt, "gone"))
        _ = bench.run(.seconds(10))
        #expect(!bench.give(.connected(bench.attempt)).sent.contains(.event(event)))
        // While it is online, a code goes out at once; answers to what was asked before prove nothing.
        let second = Bind(macID: "00:11:22:33:44:55", bindID: "code-2").event
        #expect(bench.give(.bind("code-2")).sent == [.event(second)])
        _ = bench.answer(1)
        _ = bench.answer(2)
        _ = bench.give(.disconnected(bench.attempt, "gone"))
        _ = bench.run(.seconds(15))
        #expect(bench.give(.connected(bench.attempt)).sent.contains(.event(second)))
    }

    @Test func aStoppedUnitSaysGoodbyeAndNothingMore() {
        var bench = MachineBench()
        _ = bench.logIn()
        _ = bench.ask(MachineBench.push(stream: "s1"))
        let actions = bench.give(.stop)
        #expect(actions.closes == 1 && actions.stops.count == 1)
        #expect(bench.run(.seconds(600)).isEmpty)
        #expect(bench.give(.stop).isEmpty)
    }
}
