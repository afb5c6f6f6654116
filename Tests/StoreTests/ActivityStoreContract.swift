import HSSModel
import Store
import Testing

@Suite("Uploads, alarms and events") struct ActivityStoreContract {
    private static let start = Sample.start
    private static let cam = UnitID(unchecked: "cam")

    private func withStore(
        _ backend: Backend,
        _ body: (any PlatformStore) async throws -> Void
    ) async throws {
        try await backend.withStore { store async throws in
            try await store.add(Sample.device("cam"))
            try await store.add(Sample.device("den"))
            try await body(store)
        }
    }

    private static func upload(
        _ id: String,
        after age: Duration = .zero,
        reference: String? = nil
    ) -> StoredUpload {
        StoredUpload(
            id: UploadID(unchecked: id),
            tokenHash: "hash of \(id)",
            purpose: .snapshot,
            unit: cam,
            channel: 0,
            reference: reference,
            createdAt: start + age,
            expiresAt: start + age + .seconds(60)
        )
    }

    private static func content(_ blob: String, after age: Duration = .zero) -> StoredUpload.Content {
        StoredUpload.Content(
            blob: blob,
            type: "image/jpeg",
            size: 5,
            sha256: "ab",
            storedAt: start + age
        )
    }

    private static func alarm(
        _ id: String,
        _ unit: String = "cam",
        type: Int = 3,
        channel: Int = 0,
        after age: Duration = .zero,
        lasts: Duration? = nil
    ) -> AlarmRecord {
        AlarmRecord(
            id: AlarmID(unchecked: id),
            channel: ChannelAddress(unit: UnitID(unchecked: unit), number: channel),
            type: type,
            description: "\(id)",
            startedAt: start + age,
            receivedAt: start + age,
            endedAt: lasts.map { start + age + $0 }
        )
    }

    @Sendable private static func describe(_ change: AlarmChange, _ alarm: AlarmRecord) -> NewEvent {
        NewEvent(
            time: start,
            unit: alarm.channel.unit,
            channel: alarm.channel.number,
            kind: .alarm,
            detail: "{\"\(change.rawValue)\":\"\(alarm.id)\"}"
        )
    }

    @discardableResult
    private func begin(
        _ alarm: AlarmRecord,
        on store: any PlatformStore,
        picture: StoredUpload? = nil,
        limit: Int = 100
    ) async throws -> BegunAlarm {
        try await store.begin(
            alarm,
            picture: picture,
            openUploads: 5,
            limit: limit,
            describe: Self.describe
        )
    }

    // MARK: Uploads

    @Test(arguments: Backend.available) func anAddressIsUsedUpOnce(_ backend: Backend) async throws {
        try await withStore(backend) { store async throws in
            let upload = Self.upload("a")
            #expect(try await store.add(upload, limit: 1))
            #expect(try await !store.add(Self.upload("b"), limit: 1))
            // The first has expired.
            #expect(try await store.add(Self.upload("c", after: .seconds(60)), limit: 1))
            #expect(try await store.openUpload(tokenHash: "hash of a", at: Self.start) == upload)
            let end = Self.start + .seconds(60)
            #expect(try await store.openUpload(tokenHash: "hash of a", at: end) == nil)
            let event = NewEvent(time: Self.start, unit: Self.cam, kind: .alarm)
            let keep = Self.start + .seconds(600)
            let first = Self.content("aa")
            #expect(try await store.complete(upload.id, with: first, keepUntil: keep, event: event))
            let second = Self.content("bb")
            #expect(try await !store.complete(upload.id, with: second, keepUntil: keep, event: event))
            #expect(try await store.events(after: .none, of: nil, limit: 9).map(\.event) == [event])
            #expect(try await store.openUpload(tokenHash: "hash of a", at: Self.start) == nil)
            let stored = try #require(try await store.upload(upload.id))
            #expect(stored.content == first && stored.expiresAt == keep)
            let unknown = UploadID(unchecked: "x")
            #expect(try await !store.complete(unknown, with: second, keepUntil: keep, event: event))
            var foreign = Self.upload("d")
            foreign.unit = UnitID(unchecked: "nobody")
            await #expect(throws: StoreError.notFound("device nobody")) {
                try await store.add(foreign, limit: 9)
            }
        }
    }

    @Test(arguments: Backend.available) func theNewestContentOfAReferenceCounts(
        _ backend: Backend
    ) async throws {
        try await withStore(backend) { store async throws in
            for (number, id) in ["a", "b", "c"].enumerated() {
                let upload = Self.upload(id, reference: "task")
                #expect(try await store.add(upload, limit: 9))
                guard id != "c" else { continue }
                let content = Self.content(id + id, after: .seconds(number))
                let keep = Self.start + .seconds(60)
                #expect(try await store.complete(upload.id, with: content, keepUntil: keep, event: nil))
            }
            #expect(try await store.storedUpload(for: "task")?.id.rawValue == "b")
            #expect(try await store.storedUpload(for: "other") == nil)
            let pages = try await store.storedUploads(after: "aa", through: nil, limit: 9)
            #expect(pages.map(\.id.rawValue) == ["b"])
            let page = try await store.storedUploads(after: "", through: "aa", limit: 9)
            #expect(page.map(\.id.rawValue) == ["a"])
            #expect(try await store.storedUploads(after: "", through: nil, limit: 1).count == 1)
            try await store.dropUpload(UploadID(unchecked: "b"))
            #expect(try await store.storedUpload(for: "task")?.id.rawValue == "a")
        }
    }

    @Test(arguments: Backend.available) func whatExpiredIsDroppedInSteps(_ backend: Backend) async throws {
        try await withStore(backend) { store async throws in
            for number in 0..<5 {
                #expect(try await store.add(Self.upload("u\(number)", after: .seconds(number)), limit: 9))
            }
            let now = Self.start + .seconds(63)
            let first = try await store.dropUploads(expiredAt: now, limit: 3)
            #expect(first.map(\.id.rawValue) == ["u0", "u1", "u2"])
            #expect(try await store.dropUploads(expiredAt: now, limit: 3).map(\.id.rawValue) == ["u3"])
            #expect(try await store.dropUploads(expiredAt: now, limit: 3).isEmpty)
        }
    }

    // MARK: Alarms

    @Test(arguments: Backend.available) func alarmAndEventAreWrittenTogether(
        _ backend: Backend
    ) async throws {
        try await withStore(backend) { store async throws in
            let begun = try await begin(Self.alarm("a"), on: store)
            #expect(begun == BegunAlarm(alarm: Self.alarm("a"), isRepeat: false, upload: nil))
            #expect(try await begin(Self.alarm("b"), on: store).alarm.id.rawValue == "a")
            #expect(try await store.activeAlarms(limit: 9).map(\.id.rawValue) == ["a"])
            let end = Self.alarm("c", lasts: .seconds(5))
            #expect(try await store.end(end, limit: 9, describe: Self.describe)?.id.rawValue == "a")
            #expect(try await store.end(end, limit: 9, describe: Self.describe) == nil)
            #expect(try await store.activeAlarms(limit: 9).isEmpty)
            let details = try await store.events(after: .none, of: Self.cam, limit: 9).map(\.event.detail)
            #expect(details == [#"{"start":"a"}"#, #"{"end":"a"}"#])
            await #expect(throws: StoreError.notFound("device nobody")) {
                try await begin(Self.alarm("x", "nobody"), on: store)
            }
        }
    }

    @Test(arguments: Backend.available) func anAddressIsOfferedUntilThePictureIsThere(
        _ backend: Backend
    ) async throws {
        try await withStore(backend) { store async throws in
            let first = try await begin(Self.alarm("a"), on: store, picture: Self.upload("p"))
            #expect(first.upload?.rawValue == "p" && !first.isRepeat)
            let again = try await begin(Self.alarm("b"), on: store, picture: Self.upload("q"))
            #expect(again.upload?.rawValue == "p" && again.isRepeat)
            // After its time there is a new one.
            let late = Self.upload("r", after: .seconds(90))
            #expect(try await begin(Self.alarm("c"), on: store, picture: late).upload?.rawValue == "r")
            let content = Self.content("aa")
            let keep = Self.start + .seconds(600)
            #expect(try await store.complete(late.id, with: content, keepUntil: keep, event: nil))
            #expect(try await begin(Self.alarm("d"), on: store, picture: Self.upload("s")).upload == nil)
            #expect(try await store.alarm(AlarmID(unchecked: "a"))?.picture == late.id)
        }
    }

    @Test(arguments: Backend.available) func historyIsPagedAndFiltered(_ backend: Backend) async throws {
        try await withStore(backend) { store async throws in
            for number in 0..<10 {
                let alarm = Self.alarm(
                    "a\(number)",
                    number % 2 == 0 ? "cam" : "den",
                    type: number < 5 ? 4 : 9,
                    channel: number % 3,
                    after: .seconds(number),
                    lasts: .zero
                )
                try await begin(alarm, on: store)
            }
            func names(_ query: AlarmQuery) async throws -> [String] {
                try await store.alarms(query).map(\.id.rawValue)
            }
            let all = (0..<10).reversed().map { "a\($0)" }
            var walked: [String] = []
            while true {
                let after = walked.last.map { AlarmID(unchecked: $0) }
                let page = try await names(AlarmQuery(units: nil, after: after, limit: 3))
                walked += page
                if page.count < 3 { break }
            }
            #expect(walked == all)
            // The same of units that are named, whose alarms are mixed; each but once.
            let both = [Self.cam, UnitID(unchecked: "den")]
            for limit in 1...4 {
                var mixed: [String] = []
                while mixed.count < all.count {
                    let after = mixed.last.map { AlarmID(unchecked: $0) }
                    let page = try await names(AlarmQuery(units: both, after: after, limit: limit))
                    guard !page.isEmpty else { break }
                    mixed += page
                }
                #expect(mixed == all)
            }
            let gone = AlarmQuery(units: both, after: AlarmID(unchecked: "gone"))
            #expect(try await names(gone).isEmpty)
            #expect(try await names(AlarmQuery(units: [Self.cam])) == ["a8", "a6", "a4", "a2", "a0"])
            #expect(try await names(AlarmQuery(units: [])).isEmpty)
            #expect(try await names(AlarmQuery(units: nil, channel: 2)) == ["a8", "a5", "a2"])
            #expect(try await names(AlarmQuery(units: nil, type: 4)) == ["a4", "a3", "a2", "a1", "a0"])
            let from = Self.start + .seconds(2)
            let to = Self.start + .seconds(4)
            #expect(try await names(AlarmQuery(units: nil, from: from, to: to)) == ["a3", "a2"])
        }
    }

    @Test(arguments: Backend.available) func oldAlarmsGoWithTheirPictures(_ backend: Backend) async throws {
        try await withStore(backend) { store async throws in
            try await begin(Self.alarm("old", lasts: .zero), on: store, picture: Self.upload("p"))
            try await begin(Self.alarm("lasts", type: 5), on: store)
            try await begin(Self.alarm("new", after: .seconds(60), lasts: .zero), on: store)
            let content = Self.content("aa")
            let keep = Self.start + .seconds(9000)
            let picture = UploadID(unchecked: "p")
            #expect(try await store.complete(picture, with: content, keepUntil: keep, event: nil))
            let now = Self.start + .seconds(100)
            let dropped = try await store.dropAlarms(before: Self.start + .seconds(60), at: now, limit: 9)
            #expect(dropped == 1)
            #expect(try await store.alarms(AlarmQuery(units: nil)).map(\.id.rawValue) == ["new", "lasts"])
            #expect(try await store.dropUploads(expiredAt: now, limit: 9).map(\.id) == [picture])
        }
    }

    @Test(arguments: Backend.available) func theNewestAlarmsOfAUnitStay(_ backend: Backend) async throws {
        try await withStore(backend) { store async throws in
            try await begin(Self.alarm("other", "den", lasts: .zero), on: store, limit: 3)
            for number in 0..<6 {
                let alarm = Self.alarm("a\(number)", after: .seconds(number), lasts: .zero)
                try await begin(alarm, on: store, limit: 3)
            }
            let left = try await store.alarms(AlarmQuery(units: nil)).map(\.id.rawValue)
            #expect(left == ["a5", "a4", "a3", "other"])
        }
    }

    // MARK: Events

    @Test(arguments: Backend.available) func eventsHaveOneOrderAndNoNumberTwice(
        _ backend: Backend
    ) async throws {
        try await withStore(backend) { store async throws in
            #expect(try await store.newestEvent() == .none)
            var ids: [EventID] = []
            for number in 0..<5 {
                let unit = UnitID(unchecked: number % 2 == 0 ? "cam" : "den")
                let event = NewEvent(time: Self.start + .seconds(number), unit: unit, kind: .online)
                ids.append(try await store.add(event))
            }
            #expect(ids == ids.sorted() && Set(ids).count == 5)
            #expect(try await store.newestEvent() == ids[4])
            #expect(try await store.events(after: ids[1], of: nil, limit: 2).map(\.id) == [ids[2], ids[3]])
            #expect(
                try await store.events(after: .none, of: Self.cam, limit: 9).map(\.id) == [
                    ids[0], ids[2], ids[4],
                ]
            )

            let old = Self.start + .seconds(2)
            #expect(try await store.dropEvents(before: old, keeping: 100, limit: 1) == 1)
            #expect(try await store.dropEvents(before: old, keeping: 100, limit: 9) == 1)
            #expect(try await store.dropEvents(before: old, keeping: 1, limit: 9) == 2)
            #expect(try await store.events(after: .none, of: nil, limit: 9).map(\.id) == [ids[4]])
            // Also after the log has become empty.
            #expect(try await store.dropEvents(before: Self.start + .seconds(9), keeping: 9, limit: 9) == 1)
            #expect(try await store.newestEvent() == ids[4])
            let next = try await store.add(NewEvent(time: Self.start, unit: Self.cam, kind: .offline))
            #expect(next > ids[4])
        }
    }

    @Test(arguments: Backend.available) func whatAUnitSentGoesWithIt(_ backend: Backend) async throws {
        try await withStore(backend) { store async throws in
            try await begin(Self.alarm("a"), on: store, picture: Self.upload("p"))
            try await store.removeDevice(Self.cam)
            #expect(try await store.alarms(AlarmQuery(units: nil)).isEmpty)
            #expect(try await store.upload(UploadID(unchecked: "p")) == nil)
            #expect(try await store.events(after: .none, of: nil, limit: 9).isEmpty)
        }
    }
}
