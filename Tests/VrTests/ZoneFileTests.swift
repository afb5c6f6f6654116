import Foundation
import HSSModel
import TestSupport
import Testing
import Vr

/// Tables of time zones as hosts keep them (TZif, RFC 9636).
@Suite("Tables of time zones") struct ZoneFileTests {
    private static let now = WallTime(milliseconds: 1_795_300_000_000)  // 21 November 2026
    private static let host = "/usr/share/zoneinfo"
    /// What `zdump` calls months.
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func table(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: path)))
    }

    /// Every zone of the host, as `zdump` reads the same tables: at each change, and a second before it.
    private static func changes(_ zones: [String]) throws -> [(zone: String, time: WallTime, offset: Int)] {
        let result = try MediaFile.run(["zdump", "-V", "-c", "1970,2046"] + zones)
        #expect(result.status == 0, "\(result.errors)")
        return try String(decoding: result.output, as: UTF8.self).split(separator: "\n").map { line in
            // Europe/Berlin  Sun Mar 29 01:00:00 2026 UT = Sun Mar 29 03:00:00 2026 CEST isdst=1 gmtoff=7200
            let words = line.split(separator: " ").map(String.init)
            let month = try #require(months.firstIndex(of: words[2])) + 1
            let text =
                "\(words[5])-\(month < 10 ? "0" : "")\(month)-\(words[3].count < 2 ? "0" : "")\(words[3])"
            let day = try #require(CalendarDay(text))
            let clock = words[4].split(separator: ":").compactMap { Int($0) }
            let seconds = day.number * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
            let offset = try #require(Int(words[words.count - 1].dropFirst("gmtoff=".count)))
            return (words[0], WallTime(milliseconds: Int64(seconds) * 1000), offset)
        }
    }

    private static func zones() throws -> [String] {
        try String(contentsOfFile: host + "/zone1970.tab", encoding: .utf8).split(separator: "\n")
            .filter { !$0.hasPrefix("#") }.map { String($0.split(separator: "\t")[2]) }
    }

    /// "fat" tables list every change up to 2037, "slim" ones end with the last that no rule makes: both go on by the rule
    /// at their end (RFC 9636 §3.3).
    @Test(arguments: ["fat", "slim"]) func everyZoneIsRead(form: String) throws {
        let folder = NSTemporaryDirectory() + "vedette-zones-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let made = try MediaFile.run(
            ["/usr/sbin/zic", "-b", form, "-d", folder, Self.host + "/tzdata.zi"]
        )
        #expect(made.status == 0, "\(made.errors)")
        let zones = try Self.zones()
        #expect(zones.count > 300)
        var offsets: [String: ZoneOffsets] = [:]
        for zone in zones {
            #expect(ZoneFile.isName(zone))
            let table = try Self.table("\(folder)/\(zone)")
            let read: ZoneOffsets = try #require(ZoneFile.offsets(table, at: Self.now), "\(zone)")
            offsets[zone] = read
        }
        let changes = try Self.changes(zones)
        #expect(changes.count > 20_000)
        for change in changes {
            let offset = offsets[change.zone]?.offset(at: change.time)
            #expect(offset == change.offset, "\(change.zone) at \(change.time.milliseconds)")
        }
    }

    /// The host's own tables, whatever form they have.
    @Test func theHostIsRead() throws {
        let berlin = try #require(
            ZoneFile.offsets(try Self.table(Self.host + "/Europe/Berlin"), at: Self.now)
        )
        #expect(berlin.offset(at: Self.now) == 3600)
        let summer = try #require(berlin.nextChange(after: Self.now))
        // 28 March 2027, 01:00 UTC.
        #expect(summer == WallTime(milliseconds: 1_806_195_600_000) && berlin.offset(at: summer) == 7200)
        let utc = try #require(ZoneFile.offsets(try Self.table(Self.host + "/UTC"), at: Self.now))
        #expect(utc == .utc)
    }

    @Test(arguments: [
        "", "/etc/passwd", "../zoneinfo/UTC", "Europe/../UTC", "Europe/", "Europe//Berlin", "Europe/Ber lin",
        "Europe/Berlin\0", "a/b/c/d", ".", "posix/.", "Zürich",
    ]) func otherPlacesAreNoNames(text: String) {
        #expect(!ZoneFile.isName(text))
    }

    /// Codecs: every prefix and random bytes, none may trap.
    @Test func brokenTablesAreRefusedOrRead() throws {
        let table = try Self.table(Self.host + "/America/New_York")
        for count in table.indices { _ = ZoneFile.offsets(Array(table.prefix(count)), at: Self.now) }
        for seed in 0..<2000 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var broken = table
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                // The heads, where the counts are, as often as the rest.
                let head = Bool.random(using: &random) ? 44 : broken.count
                broken[Int.random(in: 0..<head, using: &random)] = .random(in: 0...255, using: &random)
            }
            _ = ZoneFile.offsets(broken, at: Self.now)
        }
        #expect(ZoneFile.offsets(Array("TZif".utf8), at: Self.now) == nil)
        #expect(ZoneFile.offsets([], at: Self.now) == nil)
    }
}
