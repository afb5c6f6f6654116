import Bus
import HSSModel
import HostClock
import ServerKit
import Store
import Testing
import Vr

@testable import CloudStorage

/// Requests of units by curl, as Appendix I.3 has them.
@Suite("Vr over HTTP, Appendix I.3") struct RecordRequestTests {
    private func post(_ bench: StorageBench, _ port: Int, _ body: String) async throws -> CurlAnswer {
        try await Curl.run(["--data", body, "http://127.0.0.1:\(port)\(try await bench.target)"])
    }

    /// Table I.3-1: "https 1 the unit can upload by https, 0 only by http"; url is repeated as uri.
    @Test func anAddressIsOfTheSchemeThatTheUnitCanUse() async throws {
        let bench = try await StorageBench()
        try await bench.serving { https, _, authority in
            for (secure, origin) in [(true, "https://localhost:1"), (false, "http://localhost:2")] {
                let body = StorageBench.create(StorageBench.name(1), size: 100, secure: secure).body
                let target = try await bench.target
                let answer = try await Curl.run(
                    ["--cacert", authority, "--data", body, "https://localhost:\(https)\(target)"]
                )
                #expect(answer.status == 200)
                let url = "\(origin)/live/seg/\(StorageBench.channelID)/"
                #expect(
                    answer.body.hasPrefix(#"{"name":"\#(StorageBench.name(1))","url":"\#(url)"#),
                    "\(answer.body)"
                )
                #expect(answer.body.contains(#""uri":"\#(url)"#))
            }
        }
    }

    /// Table I.3-4.
    @Test func theTimeIsTold() async throws {
        let bench = try await StorageBench()
        try await bench.serving { _, http, _ in
            let before = WallTime.now
            let answer = try await post(bench, http, "op=getcurrenttime")
            let text = answer.body.dropFirst(#"{"currenttime":"#.count).dropLast()
            let seconds = try #require(Double(text), "\(answer.body)")
            let after = WallTime.now
            #expect((before.milliseconds...after.milliseconds).contains(Int64((seconds * 1000).rounded())))
        }
    }

    /// Table I.3-5, whose rows differ in letter case.
    @Test func whatAUnitCouldNotUploadIsCounted() async throws {
        let bench = try await StorageBench()
        try await bench.serving { _, http, _ in
            for body in ["op=stat&Dropped_nb=2&dropped_time=20.5", "op=stat&dropped_time=1&DROPPED_NB=1"] {
                let answer = try await post(bench, http, body)
                #expect(answer.status == 200)
                #expect(answer.body.isEmpty)
            }
        }
        let session = try await bench.store.recordSession(StorageBench.session)
        #expect(session?.droppedCount == 3)
        #expect(session?.droppedTime == .milliseconds(21_500))
    }

    /// "400~499: user input error", with `info`, and with the response header of every table.
    @Test func failuresSayWhatIsWrong() async throws {
        let bench = try await StorageBench()
        try await bench.serving { _, http, _ in
            let target = try await bench.target
            let cases = [
                (["--data", "op=fly"], target, 400, "op: expected"),
                (
                    ["--data", "op=create&content_type=video/mp4&size=1&start=1&duration=1"], target, 415,
                    "video/mp2t"
                ),
                (["--data", "op=save"], target, 400, "name is required"),
                (["--data", "op=" + String(repeating: "x", count: 3000)], target, 413, "too long"),
                (["--data", "op=getcurrenttime"], target + "x", 403, "not valid"),
                (["--data", "op=getcurrenttime"], "/live/cseg/cam-1-channel-0", 403, "not valid"),
            ]
            for (arguments, path, status, words) in cases {
                let answer = try await Curl.run(arguments + ["http://127.0.0.1:\(http)\(path)"])
                #expect(answer.status == status, "\(words): \(answer.body)")
                #expect(answer.body.hasPrefix(#"{"info":""#) && answer.body.contains(words), "\(answer.body)")
                #expect(answer.headers["access-control-allow-origin"] == "*")
                #expect(answer.headers["access-control-allow-methods"] == "POST")
            }
        }
        #expect(bench.metrics.exposition().contains(#"vedette_record_refused_total{reason="address"} 2"#))
    }

    @Test func pagesOfOtherOriginsMayAsk() async throws {
        let bench = try await StorageBench()
        try await bench.serving { _, http, _ in
            for (path, method) in [("/live/cseg/c", "POST"), ("/live/seg/c/s/1.ts", "PUT")] {
                let answer = try await Curl.run(["-X", "OPTIONS", "http://127.0.0.1:\(http)\(path)"])
                #expect(answer.status == 204)
                #expect(answer.headers["access-control-allow-origin"] == "*")
                #expect(answer.headers["access-control-allow-methods"] == method)
            }
        }
    }

    /// "It is recommended to confirm the two-stage requests at the same time" (§9.3.4.1.3).
    @Test func createConfirmsTheSegmentBeforeIt() async throws {
        let bench = try await StorageBench()
        let first = StorageBench.name(1)
        let target = try await bench.announce(first, size: 3)
        #expect(await bench.put([1, 2, 3], to: target) == .none)
        let second = StorageBench.create(StorageBench.name(2), size: 3, confirming: first.description)
        guard case .place(_?) = try await bench.ask(second) else {
            Issue.record("no place")
            return
        }
        let row = try #require(try await bench.row(first))
        #expect(row.state == .saved)
        // printf '\1\2\3' | sha256sum
        #expect(row.sha256 == "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81")
        // What is not there cannot be confirmed: nothing is begun.
        let third = StorageBench.create(
            StorageBench.name(3),
            size: 3,
            confirming: StorageBench.name(2).description
        )
        #expect(try await bench.ask(third) == .failure(.incomplete(received: 0, size: 3)))
        #expect(try await bench.row(StorageBench.name(3)) == nil)
    }

    // MARK: Whose session it is

    @Test func aDisabledOrRemovedDeviceHasNoAddress() async throws {
        let bench = try await StorageBench()
        let unit = StorageBench.channel.unit
        let target = try await bench.announce(StorageBench.name(1), size: 1)
        _ = try await bench.store.setDevice(unit, disabled: true)
        #expect(try await bench.ask(.currentTime) == .failure(.wrongKey))
        #expect(await bench.put([1], to: target) == .failure(.wrongKey))
        _ = try await bench.store.setDevice(unit, disabled: false)
        #expect(await bench.put([1], to: target) == .none)
        try await bench.store.removeDevice(unit)
        #expect(try await bench.ask(.save(name: "\(StorageBench.name(1))")) == .failure(.wrongKey))
    }

    /// R7: an address opens its channel, session and segment, and nothing else.
    @Test func anAddressOfAnotherChannelOpensNothing() async throws {
        let bench = try await StorageBench()
        let other = ChannelAddress(unit: UnitID(unchecked: "cam-2"), number: 0)
        let otherID = ChannelID(unchecked: "cam-2-channel-0")
        try await StorageBench.enrol(in: bench.store, other, otherID, mac: "001122334466")
        // Genuine, and of a session that is of another channel.
        let mixed = RecordAddress(channel: otherID, session: StorageBench.session)
        let url = try #require(mixed.url(at: "", key: bench.key)).reveal()
        #expect(await bench.storage.answer(to: url, Array("op=getcurrenttime".utf8)) == .failure(.wrongKey))
        let forgotten = RecordAddress(
            channel: StorageBench.channelID,
            session: RecordSessionID(unchecked: "none")
        )
        let nowhere = try #require(forgotten.url(at: "", key: bench.key)).reveal()
        #expect(
            await bench.storage.answer(to: nowhere, Array("op=getcurrenttime".utf8)) == .failure(.wrongKey)
        )
    }

    /// After `StopRecord` what was recorded before may still come; what begins later is not wanted (Table I.3-1: both empty).
    @Test func afterTheEndEarlierSegmentsMayStillCome() async throws {
        let bench = try await StorageBench()
        try await bench.storage.end(StorageBench.session, at: StorageBench.name(5).start)
        guard case .place(_?) = try await bench.ask(StorageBench.create(StorageBench.name(4), size: 1)) else {
            Issue.record("an earlier segment is refused")
            return
        }
        #expect(try await bench.ask(StorageBench.create(StorageBench.name(5), size: 1)) == .place(nil))
    }

    @Test func oneSessionOfAChannelRunsAtATime() async throws {
        let bench = try await StorageBench()
        let next = RecordSessionID(unchecked: "session-2")
        #expect(try await bench.storage.runningSessions().map(\.id) == [StorageBench.session])
        _ = try await bench.storage.begin(next, of: StorageBench.channel)
        _ = try await bench.storage.begin(next, of: StorageBench.channel)
        #expect(try await bench.storage.runningSessions().map(\.id) == [next])
        #expect(
            try await bench.ask(StorageBench.create(StorageBench.name(400), size: 1)) == .place(nil)
        )
        try await bench.storage.end(next, at: .now)
        #expect(try await bench.storage.runningSessions().isEmpty)
        await #expect(throws: RecordingError.notFound("channel cam-9/0")) {
            let unknown = ChannelAddress(unit: UnitID(unchecked: "cam-9"), number: 0)
            _ = try await bench.storage.begin(RecordSessionID(unchecked: "x"), of: unknown)
        }
    }

    /// "At most 256 bytes" (Table I.2-14).
    @Test func anAddressThatIsTooLongIsSaid() async throws {
        let bench = try await StorageBench { settings in
            settings.origins.secure = "https://" + String(repeating: "a", count: 200) + ":8443"
            settings.origins.plain = nil
        }
        await #expect(throws: RecordingError.self) {
            _ = try await bench.storage.address(of: StorageBench.session, secure: true)
        }
        await #expect(throws: RecordingError.self) {
            _ = try await bench.storage.address(of: StorageBench.session, secure: false)
        }
    }

    @Test func whatIsRefusedElsewhereIsRefusedHere() async throws {
        let bench = try await StorageBench()
        let full = RecordStorage(
            settings: bench.storage.settings,
            key: bench.key,
            stores: bench.storage.stores,
            admission: .init { _, size in size > 10 ? .overQuota : nil },
            metrics: MetricRegistry(),
            logger: StorageBench.logger
        )
        let target = try await bench.target
        func create(_ size: Int64) async -> SegmentAnswer {
            await full.answer(
                to: target,
                Array(StorageBench.create(StorageBench.name(1), size: size).body.utf8)
            )
        }
        #expect(await create(11) == .failure(.overQuota))
        guard case .place(_?) = await create(10) else {
            Issue.record("refused")
            return
        }
    }
}
