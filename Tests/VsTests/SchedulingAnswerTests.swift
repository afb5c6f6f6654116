import Foundation
import HSSModel
import TestSupport
import Testing
import Vs

@Suite("Scheduling answer, Table I.1") struct SchedulingAnswerTests {
    private let answer = SchedulingAnswer(
        signalling: .init(domain: "vd.example.org", port: 0),
        signallingSecurePort: 8444,
        peerToPeer: .init(domain: "stun.example.org", port: 3478),
        relay: .init(domain: "turn.example.org", port: 3479),
        hibernationDomain: "",
        syncTime: WallTime(milliseconds: 1_763_717_000_123)
    )

    @Test func carriesTheFieldNamesOfTheTable() throws {
        let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(answer)) as? NSDictionary
        let expected: NSDictionary = [
            "PassDomain": "vd.example.org", "PassPort": 0, "Secure_PassPort": 8444,
            "P2p_passDomain": "stun.example.org", "P2p_passPort": 3478,
            "TurnDomain": "turn.example.org", "TurnPort": 3479,
            "HibernationDomain": "", "SyncTime": 1_763_717_000_123,
        ]
        #expect(object == expected)
    }

    @Test func decodesWhatItEncodes() throws {
        let decoded = try JSONDecoder().decode(SchedulingAnswer.self, from: JSONEncoder().encode(answer))
        #expect(decoded == answer)
    }

    /// An addition to the table: absent where the platform takes no signature of this unit.
    @Test(arguments: [
        ("1", true), ("0", false), ("2", false), (#""1""#, false), ("null", false), ("[1]", false),
    ])
    func theOfferOfSignedLogins(value: String, isOffered: Bool) throws {
        let json = #"{"PassDomain":"a","PassPort":1,"SyncTime":5,"SignedLogin":\#(value)}"#
        let decoded = try JSONDecoder().decode(SchedulingAnswer.self, from: Data(json.utf8))
        #expect(decoded.takesSignedLogin == isOffered)
        var offering = answer
        offering.takesSignedLogin = true
        let again = try JSONDecoder().decode(SchedulingAnswer.self, from: JSONEncoder().encode(offering))
        #expect(again == offering)
    }

    @Test func aUnitManagesWithoutTheOtherServers() throws {
        let json = #"{"PassDomain":"10.0.0.1","PassPort":8080,"SyncTime":5,"Later":{"x":[1]}}"#
        let decoded = try JSONDecoder().decode(SchedulingAnswer.self, from: Data(json.utf8))
        #expect(decoded.signalling == .init(domain: "10.0.0.1", port: 8080))
        #expect(decoded.signallingSecurePort == 0)
        #expect(decoded.peerToPeer == .none)
        #expect(decoded.relay == .none)
    }

    @Test(arguments: [
        "", "[]", "null", "{}",
        #"{"PassDomain":"a","PassPort":1}"#,
        #"{"PassDomain":"","PassPort":1,"SyncTime":1}"#,
        #"{"PassDomain":"a","PassPort":0,"SyncTime":1}"#,
        #"{"PassDomain":"a","PassPort":65536,"SyncTime":1}"#,
        #"{"PassDomain":"a","PassPort":-1,"SyncTime":1}"#,
        #"{"PassDomain":"a/../b","PassPort":1,"SyncTime":1}"#,
        #"{"PassDomain":"a\r\nHost: b","PassPort":1,"SyncTime":1}"#,
        #"{"PassDomain":"a@b","PassPort":1,"SyncTime":1}"#,
        #"{"PassDomain":"a","PassPort":1,"SyncTime":-1}"#,
        #"{"PassDomain":"a","PassPort":1,"SyncTime":9223372036854775807}"#,
        #"{"PassDomain":"a","PassPort":1,"SyncTime":"1"}"#,
    ]) func refusesWhatAUnitCouldNotUse(json: String) {
        #expect(throws: (any Error).self) {
            try JSONDecoder().decode(SchedulingAnswer.self, from: Data(json.utf8))
        }
    }

    @Test func refusesADomainLongerThanDNSAllows() {
        let json = #"{"PassDomain":"\#(String(repeating: "a", count: 254))","PassPort":1,"SyncTime":1}"#
        #expect(throws: (any Error).self) {
            try JSONDecoder().decode(SchedulingAnswer.self, from: Data(json.utf8))
        }
    }

    @Test func everyPrefixAndManyMutationsDecodeOrThrow() throws {
        let bytes = try [UInt8](JSONEncoder().encode(answer))
        for count in 0..<bytes.count {
            #expect(throws: (any Error).self) {
                try JSONDecoder().decode(SchedulingAnswer.self, from: Data(bytes.prefix(count)))
            }
        }
        var random = SeededGenerator(seed: 627)
        for _ in 0..<2000 {
            var mutated = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                mutated[Int.random(in: 0..<mutated.count, using: &random)] = .random(
                    in: 0...255,
                    using: &random
                )
            }
            guard let decoded = try? JSONDecoder().decode(SchedulingAnswer.self, from: Data(mutated)) else {
                continue
            }
            // What decodes is safe to compute with.
            _ = ClockRule.correction(platform: decoded.syncTime, unit: answer.syncTime)
            #expect((0...65_535).contains(decoded.signalling.port))
        }
    }

    @Test func failureBodyIsInfo() throws {
        let body = try JSONEncoder().encode(SchedulingFailureBody(info: SchedulingFailure.unknownUnit.info))
        #expect(String(decoding: body, as: UTF8.self) == #"{"info":"this unit is not registered"}"#)
    }
}
