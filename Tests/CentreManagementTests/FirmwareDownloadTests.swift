import Blobs
import CentreManagement
import Foundation
import HSSModel
import HostClock
import Testing

/// "firmware … served by https with ranges" (Table I.2-7: `url`), RFC 9110.
@Suite("Firmware to units") struct FirmwareDownloadTests {
    /// The host's clock: the routes read it.
    private func address(_ stage: FirmwareStage, _ firmware: FirmwareRecord, for seconds: Int = 60) -> String
    {
        let url = stage.library.address(
            of: firmware.id,
            for: UnitID(unchecked: "cam"),
            until: .now + .seconds(seconds),
            https: false
        )
        return String(url.reveal().split(separator: "/").last ?? "")
    }

    private func head(_ answer: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in answer.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 {
                fields[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
            } else if line.hasPrefix("HTTP/") {
                fields["status"] = String(line.split(separator: " ")[1])
            }
        }
        return fields
    }

    @Test func aWholeImageItsHeadAndItsRest() async throws {
        try await FirmwareStage.run { stage in
            let firmware = try await stage.addImage()
            let token = address(stage, firmware)
            let folder = stage.folder
            try await Downloads.serve(stage.library) { port in
                let url = "http://127.0.0.1:\(port)/firmware/\(token)"
                let file = folder + "/image"
                let whole = head(try await Downloads.curl(["-o", file, "-D", "-", url]))
                #expect(whole["status"] == "200" && whole["accept-ranges"] == "bytes")
                #expect(whole["content-length"] == "100000")
                #expect(whole["etag"] == "\"\(firmware.sha256)\"")
                let isWhole = FileManager.default.contents(atPath: file) == Data(FirmwareStage.image)
                #expect(isWhole)

                // RFC 9110 9.3.2: HEAD answers as GET would, without content.
                let first = head(try await Downloads.curl(["-I", url]))
                #expect(first["status"] == "200" && first["content-length"] == "100000")

                // A download that was cut off goes on where it was.
                let part = folder + "/part"
                try Data(FirmwareStage.image.prefix(70_001)).write(to: URL(fileURLWithPath: part))
                _ = try await Downloads.curl(["-C", "-", "-o", part, url])
                let isCompleted = FileManager.default.contents(atPath: part) == Data(FirmwareStage.image)
                #expect(isCompleted)
            }
        }
    }

    @Test func rangesAreAnsweredByTheirRules() async throws {
        try await FirmwareStage.run { stage in
            let firmware = try await stage.addImage(bytes: Array("0123456789".utf8))
            let token = address(stage, firmware)
            try await Downloads.serve(stage.library) { port in
                let url = "http://127.0.0.1:\(port)/firmware/\(token)"
                func answer(_ fields: [String]) async throws -> (head: [String: String], body: String) {
                    let text = try await Downloads.curl(["-i"] + fields.flatMap { ["-H", $0] } + [url])
                    let end = text.range(of: "\r\n\r\n")?.upperBound ?? text.endIndex
                    return (head(String(text[..<end])), String(text[end...]))
                }
                let part = try await answer(["Range: bytes=2-4"])
                #expect(part.head["status"] == "206" && part.body == "234")
                #expect(part.head["content-range"] == "bytes 2-4/10" && part.head["content-length"] == "3")
                let beyond = try await answer(["Range: bytes=10-"])
                #expect(beyond.head["status"] == "416" && beyond.head["content-range"] == "bytes */10")
                let same = try await answer(["Range: bytes=-1", "If-Range: \"\(firmware.sha256)\""])
                #expect(same.head["status"] == "206" && same.body == "9")
                let other = try await answer(["Range: bytes=-1", "If-Range: \"another\""])
                #expect(other.head["status"] == "200" && other.body == "0123456789")
                let several = try await answer(["Range: bytes=0-1,3-4"])
                #expect(several.head["status"] == "200")
            }
        }
    }

    @Test func whatWasNotSignedHasExpiredOrIsGoneIsUnknown() async throws {
        try await FirmwareStage.run { stage in
            let firmware = try await stage.addImage()
            let good = address(stage, firmware)
            let late = address(stage, firmware, for: -1)
            let gone = try await stage.addImage("3.0", bytes: [1])
            let orphan = address(stage, gone)
            try await stage.library.removeFirmware(gone.id)
            var forged = Array(good)
            forged[12] = forged[12] == "A" ? "B" : "A"
            let tokens = [late, orphan, String(forged), String(good.dropLast()), "x", good + "A"]
            try await Downloads.serve(stage.library) { port in
                var bodies: Set<String> = []
                for token in tokens {
                    let answer = try await Downloads.curl([
                        "-i", "http://127.0.0.1:\(port)/firmware/\(token)",
                    ])
                    #expect(head(answer)["status"] == "404", "\(token)")
                    bodies.insert(String(answer.split(separator: "\r\n\r\n").last ?? ""))
                }
                #expect(bodies.count == 1)
            }
        }
    }

    /// "Platform load": beyond `limits.firmware_downloads` a unit is told to come again.
    @Test func beyondTheLimitItIsLater() async throws {
        var settings = FirmwareStage.settings
        settings.downloadsPerUnit = 0
        try await FirmwareStage.run(settings) { stage in
            let token = address(stage, try await stage.addImage())
            try await Downloads.serve(stage.library) { port in
                let url = "http://127.0.0.1:\(port)/firmware/\(token)"
                for _ in 0..<2 {
                    let answer = head(try await Downloads.curl(["-i", url]))
                    #expect(answer["status"] == "503" && answer["retry-after"] == "30")
                }
                #expect(head(try await Downloads.curl(["-I", url]))["status"] == "200")
            }
        }
    }

    /// Places come back, whatever becomes of a download.
    @Test func aPlaceIsGivenBack() async throws {
        var settings = FirmwareStage.settings
        settings.downloads = 1
        try await FirmwareStage.run(settings) { stage in
            let token = address(stage, try await stage.addImage())
            try await Downloads.serve(stage.library) { port in
                let url = "http://127.0.0.1:\(port)/firmware/\(token)"
                for fields in [[], ["-H", "Range: bytes=999999-"], ["-H", "Range: bytes=5-"], []] {
                    let answer = head(try await Downloads.curl(fields + ["-o", "/dev/null", "-D", "-", url]))
                    #expect(["200", "206", "416"].contains(answer["status"]))
                }
            }
        }
    }

    @Test func aTokenSaysWhoWhatAndUntilWhen() throws {
        let key = try #require(FirmwareKey(FirmwareStage.secret))
        let grant = FirmwareKey.Grant(
            firmware: FirmwareID(unchecked: "0123456789abcdef"),
            unit: UnitID(unchecked: String(repeating: "u", count: 64)),
            expiresAt: WallTime(milliseconds: 1_763_700_000_000)
        )
        let token = key.token(grant).reveal()
        #expect(token.utf8.count == 123)
        let last = WallTime(milliseconds: 1_763_699_999_999)
        #expect(key.grant(of: token, at: last) == grant)
        #expect(key.grant(of: token, at: grant.expiresAt) == nil)
        let other = try #require(FirmwareKey(Secret(String(repeating: "l", count: 43))))
        #expect(other.grant(of: token, at: last) == nil)
        #expect(FirmwareKey(Secret("short")) == nil)
        // No byte of it may be another.
        for place in token.indices {
            var changed = token
            changed.replaceSubrange(place...place, with: token[place] == "A" ? "B" : "A")
            let read = key.grant(of: changed, at: last)
            // The last character of base64 has bits that say nothing.
            #expect(read == nil || place == token.indices.last && read == grant)
        }
        for length in 0..<token.count {
            #expect(key.grant(of: String(token.prefix(length)), at: last) == nil)
        }
    }
}
