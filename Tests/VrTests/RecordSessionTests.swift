import HSSModel
import Testing
import Vr

@Suite("Video storage procedure, §9.3.4.1.1 to §9.3.4.1.3") struct RecordSessionTests {
    /// Figure 9-5: create, PUT, save; "bytes synced, then the folder, then the row, then the 200".
    @Test func theOrderOfDurability() throws {
        var desk = Desk()
        let name = try #require(Desk.name(0))
        let blob = SegmentBlob(unchecked: "b1")
        let expiry = desk.now.clock + .seconds(900)
        #expect(desk.create(0) == .place(name, size: 100, expiresAt: expiry))
        #expect(desk.state(0) == .created)
        #expect(desk.put(0) == .done)
        #expect(desk.ask(.save(name: name.description)) == .done)
        #expect(desk.state(0) == .saved)
        #expect(
            desk.log.map { $0.map(Self.kind) } == [
                ["row created"], ["bytes", "in place", "folder"], ["row saved"],
            ]
        )
        #expect(desk.blobs == [blob: 100])
        #expect(desk.session.isIdle, "a saved segment is not held")
        // "save is idempotent"
        #expect(desk.ask(.save(name: name.description)) == .done)
        #expect(desk.log.count == 3)
    }

    private static func kind(_ step: RecordStep) -> String {
        switch step {
        case .writeRows(let rows): "row " + rows.map(\.state.rawValue).joined(separator: ", ")
        case .deleteRows: "row gone"
        case .addDropped: "statistics"
        case .syncBytes: "bytes"
        case .putInPlace: "in place"
        case .syncFolder: "folder"
        case .deleteBlob: "blob gone"
        }
    }

    /// "it is recommended to confirm the two-stage requests at the same time": both rows in one commit.
    @Test func aCreateThatConfirmsIsOneCommit() {
        var desk = Desk()
        desk.create(0)
        desk.put(0)
        desk.create(10, confirming: Desk.text(0))
        #expect(desk.log.last.map { $0.map(Self.kind) } == ["row saved, created"])
        #expect(desk.state(0) == .saved && desk.state(10) == .created)
    }

    /// 200 to a `create` that confirms acknowledges the confirmed segment: where it cannot, nothing is done.
    @Test func aConfirmationThatFailsRefusesTheWhole() {
        var desk = Desk()
        #expect(desk.create(10, confirming: Desk.text(0)) == .failure(.unknownSegment))
        #expect(desk.create(10, confirming: "0003.ts") == .failure(.unknownSegment))
        desk.create(0)
        let incomplete = RecordFailure.incomplete(received: 0, size: 100)
        #expect(desk.create(10, confirming: Desk.text(0)) == .failure(incomplete))
        #expect(desk.state(10) == nil)
    }

    /// … and where the new segment is not taken the confirmation stands: the unit has no other chance to say it.
    @Test func aConfirmationStandsWhereTheNewSegmentIsRefused() {
        var desk = Desk { $0.largestSegment = 100 }
        desk.create(0)
        desk.put(0)
        let answer = desk.create(10, confirming: Desk.text(0), size: 101)
        #expect(answer == .failure(.segmentTooLarge(limit: 100)))
        #expect(desk.state(0) == .saved)
        desk.until = WallTime(milliseconds: 1_574_322_110_000)
        #expect(desk.create(10, confirming: Desk.text(0)) == .unwanted)
        #expect(desk.create(10, confirming: Desk.text(10)) == .failure(.unknownSegment))
    }

    /// "save of a segment whose bytes are not all there is a 4xx and loses nothing".
    @Test func aSaveTooEarlyLosesNothing() {
        var desk = Desk()
        desk.create(0)
        desk.put(0, received: 40)
        let early = desk.ask(.save(name: Desk.text(0)))
        #expect(early == .failure(.incomplete(received: 40, size: 100)))
        #expect(desk.put(0, offset: 30) == .failure(.wrongOffset(expected: 40)))
        #expect(desk.put(0, offset: 40) == .done)
        #expect(desk.ask(.save(name: Desk.text(0))) == .done)
    }

    /// "If the final uploading fails, the PU is required to send a message … Then, the service platform will clean up all
    /// the residual information" (§9.3.4.1.2).
    @Test func failCleansUp() {
        var desk = Desk()
        desk.create(0)
        desk.put(0)
        #expect(desk.ask(.fail(name: Desk.text(0))) == .done)
        #expect(
            desk.log.suffix(2).map { $0.map(Self.kind) } == [
                ["row dropping"], ["blob gone", "folder", "row gone"],
            ]
        )
        #expect(desk.rows.isEmpty && desk.blobs.isEmpty && desk.session.isIdle)
        // The answer may have been lost.
        #expect(desk.ask(.fail(name: Desk.text(0))) == .done)
        #expect(desk.ask(.save(name: Desk.text(0))) == .failure(.unknownSegment))
    }

    @Test func failAfterSaveLosesNothing() {
        var desk = Desk()
        desk.create(0)
        desk.put(0)
        desk.ask(.save(name: Desk.text(0)))
        #expect(desk.ask(.fail(name: Desk.text(0))) == .failure(.savedAlready))
        #expect(desk.create(0) == .unwanted)
        #expect(desk.put(0) == .done)
        #expect(desk.state(0) == .saved)
    }

    /// A request that comes while another is being made durable is answered from the state after it, in its turn.
    @Test func concurrentRequestsAreAnsweredInTheirOrder() {
        var desk = Desk()
        desk.create(0)
        desk.isHeld = true
        desk.put(0)
        let save = desk.ask(.save(name: Desk.text(0)))
        let fail = desk.ask(.fail(name: Desk.text(0)))
        #expect(save == nil && fail == nil, "both wait for the sync")
        desk.isHeld = false
        desk.resume()
        #expect(desk.outcomes[3] == .done)
        #expect(desk.outcomes[4] == .failure(.savedAlready))
        #expect(desk.state(0) == .saved)
    }

    /// "A segment that was created and neither saved nor failed is dropped after a time limit."
    @Test func whatIsNotConfirmedExpires() {
        var desk = Desk()
        desk.create(0)
        desk.put(0)
        desk.create(10)
        let deadline = Instant(nanoseconds: 0) + .seconds(900)
        #expect(desk.actions.contains(.wake(at: deadline)))
        desk.now.instant = Instant(nanoseconds: deadline.nanoseconds - 1)
        desk.take(.wake)
        #expect(desk.rows.count == 2)
        desk.now.instant = deadline
        desk.take(.wake)
        #expect(desk.rows.isEmpty && desk.blobs.isEmpty && desk.session.isIdle)
    }

    /// The newest upload wins: a unit that lost its network returns before its old socket times out.
    @Test func aNewUploadDisplacesTheOld() {
        var desk = Desk()
        desk.create(0)
        desk.put(0, received: nil)
        #expect(desk.put(0) == .done)
        #expect(desk.outcomes[2] == .failure(.displaced))
        #expect(desk.actions.contains(.abort(UploadAttempt(2))))
        desk.take(.ended(UploadAttempt(2), received: 100))
        #expect(desk.log.count == 2, "late news of the old upload changes nothing")
    }

    /// "Disk full answers 507": nothing changes, and the same request succeeds later.
    @Test func aFullDiskIs507AndLosesNothing() {
        var desk = Desk()
        desk.isHeld = true
        desk.create(0)
        desk.isHeld = false
        desk.failure = .noSpace
        desk.resume()
        #expect(desk.outcomes[1] == .failure(.noSpace))
        #expect(RecordFailure.noSpace.status == 507)
        #expect(desk.put(0) == .failure(.unknownSegment), "nobody was told of it")
        desk.create(0)
        desk.failure = .noSpace
        #expect(desk.put(0) == .failure(.noSpace))
        #expect(desk.ask(.save(name: Desk.text(0))) == .failure(.incomplete(received: 0, size: 100)))
        #expect(desk.put(0) == .done)
        desk.failure = .failed
        #expect(desk.ask(.save(name: Desk.text(0))) == .failure(.storageFailed))
        #expect(desk.ask(.save(name: Desk.text(0))) == .done)
    }

    @Test func aLookThatFailsIsAnsweredAndBlocksNobody() {
        var desk = Desk()
        desk.failure = .failed
        #expect(desk.ask(.save(name: Desk.text(0))) == .failure(.storageFailed))
        desk.failure = .failed
        #expect(desk.put(0) == .failure(.storageFailed))
        #expect(desk.ask(.currentTime) == .time(desk.now.clock))
        #expect(desk.session.isIdle)
    }

    /// After a kill between the rename and the sync of its folder a blob is there and may still be lost.
    @Test func whatIsFoundAfterAKillIsSyncedBeforeItCounts() throws {
        var desk = Desk()
        desk.create(0)
        desk.put(0)
        desk.create(10)
        let stored = desk.rows.values.map { StoredSegment(row: $0, blobSize: desk.blobs[$0.blob]) }
        desk.session = RecordSession(
            desk.session.id,
            of: desk.session.channel,
            unfinished: stored,
            at: desk.now
        )
        desk.take(.wake)
        #expect(desk.ask(.save(name: Desk.text(0))) == .done)
        #expect(desk.log.last.map { $0.map(Self.kind) } == ["folder", "row saved"])
        #expect(desk.ask(.save(name: Desk.text(10))) == .failure(.incomplete(received: 0, size: 100)))
    }

    @Test func everythingIsBounded() {
        var desk = Desk {
            $0.mostOpen = 2
            $0.mostWaiting = 2
        }
        desk.create(0)
        desk.create(10)
        #expect(desk.create(20) == .failure(.tooManyOpen))
        #expect(desk.create(200) == .failure(.clockAhead), "the end lies 110 s ahead")
        #expect(desk.create(10, size: 99) == .failure(.announcedDifferently))
        desk.isHeld = true
        desk.ask(.statistics(DroppedSegments(count: 1)))
        desk.ask(.currentTime)
        desk.ask(.currentTime)
        #expect(desk.ask(.currentTime) == .failure(.busy))
        desk.isHeld = false
        desk.resume()
        #expect(desk.outcomes.values.filter { $0 == .time(desk.now.clock) }.count == 2)
        #expect(desk.log.last == [.addDropped(DroppedSegments(count: 1))])
    }
}

@Suite("Checks of recordings") struct RecordCheckTests {
    private func stored(_ state: SegmentRowState, blobSize: Int64?) throws -> StoredSegment {
        let row = SegmentRow(
            session: RecordSessionID(unchecked: "s1"),
            channel: ChannelID(unchecked: "cam1-0"),
            name: try #require(Desk.name(0)),
            duration: .seconds(10),
            size: 100,
            discontinue: nil,
            blob: SegmentBlob(unchecked: "b1"),
            state: state
        )
        return StoredSegment(row: row, blobSize: blobSize)
    }

    /// "at three depths (presence, size, checksum)".
    @Test func eachDepthFindsMore() throws {
        let missing = try stored(.saved, blobSize: nil)
        let short = try stored(.saved, blobSize: 99)
        let whole = try stored(.saved, blobSize: 100)
        for depth in RecordCheck.Depth.allCases {
            func finding(_ stored: StoredSegment) -> RecordCheck.Finding? {
                RecordCheck.finding(of: stored, checksumHolds: false, isOpen: false, depth: depth)
            }
            #expect(finding(missing) == .missing(missing.row))
            #expect(finding(short) == (depth == .presence ? nil : .wrongSize(short.row, found: 99)))
            #expect(finding(whole) == (depth == .checksum ? .wrongChecksum(whole.row) : nil))
        }
    }

    @Test func whatIsUnderWayIsNoFinding() throws {
        for state in [SegmentRowState.created, .dropping] {
            let open = try stored(state, blobSize: nil)
            #expect(RecordCheck.finding(of: open, isOpen: true, depth: .checksum) == nil)
            #expect(RecordCheck.finding(of: open, isOpen: false, depth: .presence) != nil)
        }
    }

    /// The row says so, the bytes go, the row goes; what says so already is not told again.
    @Test func aRepairDropsInTwoSteps() throws {
        let row = try stored(.saved, blobSize: nil).row
        var marked = row
        marked.state = .dropping
        let removal: [RecordStep] = [.deleteBlob(row.blob), .syncFolder(row.blob), .deleteRows([row.name])]
        #expect(RecordCheck.drop([row]) == [.writeRows([marked])] + removal)
        #expect(RecordCheck.drop([marked]) == removal)
        let orphans = RecordCheck.orphans(listed: [row.blob, SegmentBlob(unchecked: "b2")], known: [row])
        #expect(orphans == [.orphan(SegmentBlob(unchecked: "b2"))])
    }
}
