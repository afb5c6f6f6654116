import HSSModel
import TestSupport
import Testing

@testable import Vd

private func parse(_ text: String) throws(MalformedPacket) -> RPCMessage {
    try RPCMessage(parsing: Array(text.utf8))
}

@Suite("Message templates, Tables 9-1 and 9-2") struct RPCMessageTests {
    @Test func readsTheThreeTemplates() throws {
        #expect(
            try parse(#"{"req":"Keepalive","params":{"a":1},"seq":7}"#)
                == .request(RPCRequest("Keepalive", try JSONObject(parsing: Array(#"{"a":1}"#.utf8))), seq: 7)
        )
        #expect(try parse(#"{"seq":7,"resp":{}}"#) == .answer(.success(.empty), seq: 7))
        #expect(
            try parse(#"{"seq":7,"err":{"code":12,"msg":"no"}}"#)
                == .answer(.failure(RPCFailure(12, "no")), seq: 7)
        )
        #expect(try parse(#" {"event" : "Bind" } "#) == .event(RPCEvent("Bind")))
    }

    /// "A null value is the same as an absent one", "unknown fields are ignored" (catalogue, envelope rules).
    @Test func nullIsAbsentAndUnknownFieldsAreIgnored() throws {
        #expect(
            try parse(#"{"seq":1,"resp":null,"err":null,"more":[{}]}"#) == .answer(.success(.empty), seq: 1)
        )
        #expect(try parse(#"{"req":"X","params":null,"seq":1}"#) == .request(RPCRequest("X"), seq: 1))
    }

    @Test(arguments: [
        "", " ", "{", "[]", "1", "{}", #"{"req":"X"}"#, #"{"req":"X","seq":"1"}"#, #"{"req":"X","seq":1.5}"#,
        #"{"req":"X","seq":-1}"#, #"{"req":"X","seq":1,"params":[]}"#, #"{"req":1,"seq":1}"#,
        #"{"req":"X","event":"Y","seq":1}"#, #"{"seq":1,"resp":{},"err":{"code":1,"msg":""}}"#,
        #"{"seq":1,"err":{"msg":"no code"}}"#, #"{"seq":1,"resp":[]}"#, #"{"req":"","seq":1}"#,
        #"{"req":"X","seq":1}x"#, #"{"req":"X","seq":1,"seq":2}"#, #"{"req":"X","seq":01}"#, #"{"a":tru}"#,
        #"{"req":"\x","seq":1}"#, #"{"req":"\ud800","seq":1}"#, "{\"req\":\"a\nb\",\"seq\":1}",
        #"{"seq":1,}"#,
        #"{"req":"X","seq":99999999999999999999}"#,
    ]) func refusesWhatIsNoTemplate(text: String) {
        #expect(throws: MalformedPacket.self) { try parse(text) }
    }

    @Test func boundsDepthAndFields() {
        let deep = #"{"req":"X","seq":1,"params":"# + String(repeating: "[", count: 100_000)
        #expect(throws: MalformedPacket.json(.tooDeep(limit: 32))) { try parse(deep) }
        let wide = "{" + (0..<1000).map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        #expect(throws: MalformedPacket.json(.tooManyFields(limit: 512))) { try parse(wide) }
    }

    @Test func refusesBytesThatAreNotUTF8() {
        #expect(throws: MalformedPacket.json(.notUTF8)) {
            try RPCMessage(parsing: Array(#"{"req":""#.utf8) + [0xFF] + Array(#"","seq":1}"#.utf8))
        }
    }

    @Test func writesTheFieldOrderOfTheTables() throws {
        func text(_ message: RPCMessage) -> String { String(decoding: message.encoded(), as: UTF8.self) }
        #expect(text(.request(RPCRequest("GetCap"), seq: 3)) == #"{"req":"GetCap","seq":3}"#)
        #expect(text(.answer(.success(.empty), seq: 3)) == #"{"seq":3,"resp":{}}"#)
        #expect(
            text(.answer(.failure(RPCFailure(101, "a \"b\"\n")), seq: 3))
                == #"{"seq":3,"err":{"code":101,"msg":"a \"b\"\u000a"}}"#
        )
        #expect(text(.event(Reschedule().event)) == #"{"event":"Reschedule"}"#)
    }

    @Test func resolvesEscapes() throws {
        let object = try JSONObject(parsing: Array(#"{"t":"a\"\\\/\b\f\n\r\té😀ü"}"#.utf8))
        #expect(try object.string("t", 1...100) == "a\"\\/\u{8}\u{c}\n\r\té😀ü")
    }

    /// No prefix and no mutation of a valid packet may trap, and what is read writes itself back.
    @Test func survivesMutations() {
        let packets = [
            #"{"req":"Keepalive","params":{"mac_id":"00:11","state":1,"channels":[{"channel":0,"state":1,"alarm":3}]},"seq":12}"#,
            #"{"seq":7,"err":{"code":12,"msg":"\u00e9\ud83d\ude00 no"}}"#,
            #"{"event":"Bind","params":{"mac_id":"00:11","bind_id":"A1"}}"#,
        ].map { Array($0.utf8) }
        for packet in packets {
            for length in packet.indices { _ = try? RPCMessage(parsing: Array(packet[..<length])) }
        }
        for seed in UInt64(0)..<2000 {
            var random = SeededGenerator(seed: seed)
            var bytes = packets[Int(seed) % packets.count]
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let index = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default:
                    bytes.insert(Array("\"\\{}[],:0e-".utf8).randomElement(using: &random) ?? 0, at: index)
                }
            }
            guard let message = try? RPCMessage(parsing: bytes) else { continue }
            #expect((try? RPCMessage(parsing: message.encoded())) != nil, "seed \(seed)")
        }
    }
}
