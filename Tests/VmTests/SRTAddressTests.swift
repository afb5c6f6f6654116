import HSSModel
import TestSupport
import Testing
import Vm

@Suite("SRT addresses") struct SRTAddressTests {
    private let full = SRTAddress(
        host: "media.example",
        port: 8890,
        streamID: "#!::r=cam1-0,m=publish,s=abc-_",
        passphrase: Secret("pass phrase & more"),
        keyLength: 16,
        latencyMilliseconds: 120
    )

    @Test func textHasNothingThatAParserCouldTakeAmiss() {
        #expect(
            full.text.reveal()
                == "srt://media.example:8890?streamid=%23%21%3A%3Ar%3Dcam1-0%2Cm%3Dpublish%2Cs%3Dabc-_"
                + "&passphrase=pass%20phrase%20%26%20more&pbkeylen=16&latency=120"
        )
    }

    @Test func textReadsBack() throws {
        #expect(try SRTAddress(parsing: full.text) == full)
        let v6 = SRTAddress(host: "2001:db8::1", port: 1)
        #expect(v6.text.reveal() == "srt://[2001:db8::1]:1")
        #expect(try SRTAddress(parsing: v6.text) == v6)
    }

    /// What people and other platforms write.
    @Test func foreignSpellings() throws {
        let raw = Secret("SRT://10.0.0.1:9000?mode=caller&streamid=#!::r=a,m=request,s=b&transtype=live")
        let address = try SRTAddress(parsing: raw)
        #expect(address.host == "10.0.0.1" && address.port == 9000)
        #expect(address.streamID == "#!::r=a,m=request,s=b")
        #expect(address.passphrase == nil)
    }

    @Test(arguments: [
        ("http://a:1", SRTAddressError.notSRT), ("srt://a", .port), ("srt://a:0", .port),
        ("srt://a:65536", .port),
        ("srt://:1", .host), ("srt://a b:1", .host), ("srt://a:b:1", .host), ("srt://[::1:1", .host),
        ("srt://a:1?streamid=%2", .encoding), ("srt://a:1?streamid=%FF", .encoding),
        ("srt://a:1?passphrase=short", .option("passphrase")), ("srt://a:1?pbkeylen=17", .option("pbkeylen")),
        ("srt://a:1?latency=-1", .option("latency")),
        ("srt://a:1?streamid=" + String(repeating: "a", count: 513), .option("streamid")),
        ("srt://a:1?x=" + String(repeating: "a", count: 2048), .tooLong),
    ]) func whatIsNoAddress(_ text: String, _ error: SRTAddressError) {
        #expect(throws: error) { try SRTAddress(parsing: Secret(text)) }
    }

    @Test func anyPrefixAndAnyMutationIsReadOrRefused() {
        for seed in UInt64(0)..<200 {
            var random = SeededGenerator(seed: seed)
            var bytes = Array(full.text.reveal().utf8.prefix(Int.random(in: 0...150, using: &random)))
            for _ in 0..<4 where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                    in: 0...255,
                    using: &random
                )
            }
            let text = Secret(String(decoding: bytes, as: UTF8.self))
            if let address = try? SRTAddress(parsing: text) {
                #expect((try? SRTAddress(parsing: address.text)) == address, "seed \(seed)")
            }
        }
    }
}
