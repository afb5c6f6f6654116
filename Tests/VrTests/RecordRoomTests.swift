import HSSModel
import Testing
import Vr

@Suite("Quotas, and checks, beside a record session, §9.3.4.1") struct RecordRoomTests {
    /// A quota is asked of what would be begun, behind the session's own checks, and its answer is of that request alone.
    @Test func roomIsAskedForWhatWouldBeBegunAndNothingElse() {
        var desk = Desk {
            $0.asksForRoom = true
            $0.largestSegment = 1000
        }
        desk.create(0, size: 500)
        desk.create(0, size: 500)
        #expect(desk.asked == [500], "a repeated create has its room already")
        #expect(desk.create(10, size: 1001) == .failure(.segmentTooLarge(limit: 1000)))
        #expect(desk.create(9999) == .failure(.clockAhead))
        desk.until = WallTime(milliseconds: 1_574_322_110_000)
        #expect(desk.create(10) == .unwanted)
        desk.until = nil
        #expect(desk.asked == [500], "nothing that is refused anyway takes room")
        desk.shortage = .overQuota
        #expect(desk.create(10) == .failure(.overQuota))
        #expect(desk.put(0, received: 500) != .failure(.overQuota), "what was begun may come")
        #expect(desk.rows.count == 1)
    }

    /// … and a confirmation that came with it stands, with room or without.
    @Test func aConfirmationStandsWhereThereIsNoRoom() {
        var desk = Desk { $0.asksForRoom = true }
        desk.create(0)
        desk.put(0)
        desk.shortage = .noSpace
        #expect(desk.create(10, confirming: Desk.text(0)) == .failure(.noSpace))
        #expect(desk.state(0) == .saved)
        desk.shortage = nil
        guard case .place = desk.create(10) else {
            Issue.record("there is room again")
            return
        }
    }

    /// While quotas are asked the session does nothing else: a check that looks sees the segment as taken.
    @Test func aSegmentThatIsAboutToBeBegunIsHeld() throws {
        var desk = Desk { $0.asksForRoom = true }
        let name = try #require(Desk.name(0))
        desk.isHeld = true
        desk.create(0)
        #expect(desk.session.holds(name), "room is being asked for")
        desk.take(.room(nil))
        #expect(desk.session.state(of: name) == nil, "its row is being written")
        #expect(desk.session.holds(name))
        desk.resume()
        #expect(desk.session.holds(name))
        desk.isHeld = false
        _ = desk.ask(.fail(name: Desk.text(0)))
        #expect(!desk.session.holds(name))
    }

    /// What a check found unfinished goes, unless somebody is at it by now, or it began anew.
    @Test func whatIsAbandonedIsNobodysByThen() throws {
        var desk = Desk()
        desk.create(0)
        let row = try #require(desk.rows.values.first)
        #expect(desk.abandon(row) == .failure(.busy), "a unit has just announced it")
        #expect(desk.rows[row.name]?.state == .created)
        // The next process, which does not hold it.
        var next = Desk()
        next.rows = desk.rows
        next.blobs = [row.blob: 100]
        var other = row
        other.blob = SegmentBlob(unchecked: "earlier")
        #expect(next.abandon(other) == .failure(.busy), "it is another one by now")
        #expect(next.rows.count == 1)
        var last = Desk()
        last.rows = desk.rows
        last.blobs = [row.blob: 100]
        #expect(last.abandon(row) == .done)
        #expect(last.rows.isEmpty && last.blobs.isEmpty)
        #expect(last.session.isIdle)
    }

    /// What counts is not let go by a look at what it was before.
    @Test func whatWasSavedMeanwhileStays() throws {
        var desk = Desk()
        desk.create(0)
        let row = try #require(desk.rows.values.first)
        desk.put(0)
        _ = desk.ask(.save(name: Desk.text(0)))
        #expect(desk.abandon(row) == .failure(.busy))
        #expect(desk.state(0) == .saved)
    }
}
