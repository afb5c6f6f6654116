import Foundation
import GRDB
import HSSModel
import Store
import Testing

@Suite("Accounts of what was carried") struct UsageStoreContract {
    private static let day = CalendarDay(of: Sample.start)
    private static let always = CalendarDay.range
    private static let (anna, bert) = (UserName(unchecked: "anna"), UserName(unchecked: "bert"))

    private static func channel(_ unit: String, _ number: Int = 0) -> ChannelAddress {
        ChannelAddress(unit: UnitID(unchecked: unit), number: number)
    }

    private static func line(
        _ unit: String,
        _ side: UsageLine.Side,
        channel number: Int = 0,
        bytes: Int64,
        seconds: Int = 1
    ) -> UsageLine {
        UsageLine(channel: channel(unit, number), side: side, bytes: bytes, time: .seconds(seconds))
    }

    private static func booking(
        _ number: Int64,
        _ lines: [UsageLine],
        run: String = "run",
        day: CalendarDay = day
    ) -> UsageBooking {
        UsageBooking(run: run, number: number, day: day, lines: lines)
    }

    private static func bind(_ unit: String, to user: UserName, in store: any PlatformStore) async throws {
        let hash = "\(unit) for \(user)"
        let expiry = Sample.start + .seconds(60)
        _ = try await store.addBindCode(hash: hash, for: user, expiresAt: expiry, at: Sample.start, limit: 9)
        let outcome = try await store.redeem(
            codeHash: hash,
            for: UnitID(unchecked: unit),
            at: Sample.start
        )
        #expect(outcome == .bound(to: user))
    }

    private static func users(in store: any PlatformStore) async throws {
        for user in [anna, bert] { try await store.add(Sample.user(user.rawValue)) }
    }

    @Test(arguments: Backend.available) func whatIsBookedAddsUpAndARepeatedReportDoesNot(
        _ backend: Backend
    ) async throws {
        try await backend.withRestart { store in
            try await Self.users(in: store)
            try await store.add(Sample.device("a"))
            try await Self.bind("a", to: Self.anna, in: store)
            let first = Self.booking(
                1,
                [
                    Self.line("a", .sent, bytes: 1000, seconds: 10),
                    Self.line("a", .watched(Self.bert), bytes: 700, seconds: 8),
                    Self.line("a", .watched(nil), bytes: 5),
                ]
            )
            #expect(try await store.book(first))
            #expect(try await store.book(first) == false, "the answer to the first was lost")
        } then: { store in
            // The mark is as durable as the amounts.
            #expect(try await store.book(Self.booking(1, [Self.line("a", .sent, bytes: 9)])) == false)
            #expect(try await store.book(Self.booking(2, [Self.line("a", .sent, bytes: 24)])))
            // Another run begins with 1.
            #expect(try await store.book(Self.booking(1, [Self.line("a", .sent, bytes: 1)], run: "next")))
            let own = try await store.usage(ofOwner: Self.anna, in: Self.always, after: nil, limit: 9)
            #expect(
                own == [
                    ChannelUsage(
                        channel: Self.channel("a"),
                        day: Self.day,
                        amounts: UsageAmounts(
                            ingestBytes: 1025,
                            liveTime: .seconds(12),
                            deliveredBytes: 705,
                            viewerTime: .seconds(9)
                        )
                    )
                ]
            )
            let watched = try await store.usage(ofViewer: Self.bert, in: Self.always, after: nil, limit: 9)
            #expect(watched.map(\.amounts) == [UsageAmounts(deliveredBytes: 700, viewerTime: .seconds(8))])
            #expect(try await store.usage(ofOwner: Self.bert, in: Self.always, after: nil, limit: 9).isEmpty)
            let users = try await store.usageTotals(
                by: .user,
                user: nil,
                in: Self.always,
                after: nil,
                limit: 9
            )
            #expect(users.map(\.name) == [nil, "anna", "bert"])
            #expect(users.map(\.watchedBytes) == [5, 0, 700])
            #expect(users.map(\.amounts.deliveredBytes) == [0, 705, 0])
        }
    }

    /// "The bytes go to whoever owned the device then."
    @Test(arguments: Backend.available) func aDeviceThatChangesHandsKeepsItsPast(
        _ backend: Backend
    )
        async throws
    {
        try await backend.withStore { store in
            try await Self.users(in: store)
            try await store.add(Sample.device("a"))
            try await Self.bind("a", to: Self.anna, in: store)
            _ = try await store.book(Self.booking(1, [Self.line("a", .sent, bytes: 10)]))
            _ = try await store.unbind(UnitID(unchecked: "a"), owner: nil)
            _ = try await store.book(Self.booking(2, [Self.line("a", .sent, bytes: 200)]))
            try await Self.bind("a", to: Self.bert, in: store)
            _ = try await store.book(Self.booking(3, [Self.line("a", .sent, bytes: 3000)]))
            try await store.removeDevice(UnitID(unchecked: "a"))
            _ = try await store.book(Self.booking(4, [Self.line("a", .sent, bytes: 40_000)]))
            let users = try await store.usageTotals(
                by: .user,
                user: nil,
                in: Self.always,
                after: nil,
                limit: 9
            )
            #expect(users.map(\.name) == [nil, "anna", "bert"])
            #expect(users.map(\.amounts.ingestBytes) == [40_200, 10, 3000])
            let devices = try await store.usageTotals(
                by: .device,
                user: Self.bert,
                in: Self.always,
                after: nil,
                limit: 9
            )
            #expect(devices.map(\.amounts.ingestBytes) == [3000])
            let all = try await store.usageTotals(
                by: .device,
                user: nil,
                in: Self.always,
                after: nil,
                limit: 9
            )
            #expect(all.map(\.name) == ["a"] && all.map(\.amounts.ingestBytes) == [43_210])
        }
    }

    @Test(arguments: Backend.available) func pagesAndDaysAreThoseThatWereAskedFor(
        _ backend: Backend
    )
        async throws
    {
        try await backend.withStore { store in
            try await Self.users(in: store)
            for unit in ["a", "b"] {
                try await store.add(Sample.device(unit, channels: 2))
                try await Self.bind(unit, to: Self.anna, in: store)
            }
            for offset in 0..<3 {
                let lines = ["a", "b"].flatMap { unit in
                    (0..<2).map { Self.line(unit, .sent, channel: $0, bytes: Int64(offset + 1)) }
                }
                let day = CalendarDay(number: Self.day.number + offset)
                _ = try await store.book(Self.booking(Int64(offset), lines, day: day))
            }
            var seen: [ChannelUsage] = []
            while true {
                let page = try await store.usage(
                    ofOwner: Self.anna,
                    in: Self.always,
                    after: seen.last?.place,
                    limit: 5
                )
                seen += page
                if page.count < 5 { break }
            }
            #expect(seen.count == 12)
            #expect(
                seen.map { "\($0.channel) \($0.day)" } == seen.map { "\($0.channel) \($0.day)" }.sorted()
            )
            let second = CalendarDay(number: Self.day.number + 1)
            let one = try await store.usage(ofOwner: Self.anna, in: second...second, after: nil, limit: 9)
            #expect(one.count == 4 && one.allSatisfy { $0.amounts.ingestBytes == 2 })

            func totals(
                _ grouping: UsageTotal.Grouping,
                _ user: UserName?,
                after: String?
            ) async throws -> [UsageTotal] {
                try await store.usageTotals(by: grouping, user: user, in: Self.always, after: after, limit: 2)
            }
            for user in [nil, Self.anna] {
                let days = try await totals(.day, user, after: nil)
                #expect(days.map(\.amounts.ingestBytes) == [4, 8], "\(days)")
                let rest = try await totals(.day, user, after: days.last?.name)
                #expect(rest.map(\.amounts.ingestBytes) == [12], "\(rest)")
                let devices = try await totals(.device, user, after: "a")
                #expect(devices.map(\.name) == ["b"] && devices.map(\.amounts.ingestBytes) == [12])
            }
            #expect(try await totals(.user, Self.bert, after: nil).isEmpty)
            #expect(try await totals(.user, Self.anna, after: nil).map(\.amounts.ingestBytes) == [24])
            #expect(try await totals(.user, nil, after: "anna").isEmpty)

            // Retention goes by days; what is left is untouched.
            #expect(try await store.dropUsage(before: second, limit: 3) == 5, "3 channels, a user, a day")
            #expect(try await store.dropUsage(before: second, limit: 3) == 1)
            #expect(try await store.dropUsage(before: second, limit: 3) == 0)
            #expect(try await totals(.day, nil, after: nil).map(\.amounts.ingestBytes) == [8, 12])
        }
    }

    @Test(arguments: Backend.available) func aLatencyIsSetForOneChannelAndGoesWithTheDevice(
        _ backend: Backend
    ) async throws {
        let unit = UnitID(unchecked: "a")
        try await backend.withRestart { store in
            try await store.add(Sample.device("a", channels: 2))
            try await store.setSRTLatency(.milliseconds(400), of: unit, channels: [1])
            await #expect(throws: StoreError.notFound("channel a/7")) {
                try await store.setSRTLatency(.seconds(1), of: unit, channels: [0, 7])
            }
        } then: { store in
            #expect(try await store.srtLatencies(of: unit) == [1: .milliseconds(400)])
            #expect(try await store.srtLatency(of: Self.channel("a", 1)) == .milliseconds(400))
            #expect(try await store.srtLatency(of: Self.channel("a", 0)) == nil)
            try await store.setSRTLatency(nil, of: unit, channels: [1])
            #expect(try await store.srtLatency(of: Self.channel("a", 1)) == nil)
            try await store.setSRTLatency(.seconds(1), of: unit, channels: [0, 1])
            try await store.removeDevice(unit)
            try await store.add(Sample.device("a", channels: 2))
            #expect(try await store.srtLatencies(of: unit).isEmpty)
        }
    }

    /// A million channels over a year must be read and dropped by index, and sorted by it.
    @Test func noQuestionWalksTheWholePlatform() async throws {
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path("db")
        try SQLiteStore(path: path, at: Sample.start).close()
        let queue = try DatabaseQueue(path: path)
        var statements = [SQLiteStore.usageOfOwner, SQLiteStore.usageOfViewer]
        statements += SQLiteStore.usageTables.map { SQLiteStore.dropUsage(from: $0.name, key: $0.key) }
        for grouping in UsageTotal.Grouping.allCases {
            for ofUser in [true, false] {
                statements += [true, false].map {
                    SQLiteStore.usageTotals(by: grouping, ofUser: ofUser, isFirstPage: $0)
                }
            }
        }
        for sql in statements {
            let plan = try await queue.read { database in
                let statement = try database.makeStatement(sql: "EXPLAIN QUERY PLAN \(sql)")
                statement.setUncheckedArguments([])
                return try Row.fetchAll(statement).map { $0["detail"] as String }
            }
            #expect(!plan.contains { $0.contains("SCAN") || $0.contains("TEMP B-TREE") }, "\(sql)\n\(plan)")
        }
        try queue.close()
    }
}
