import HSSModel
import TestSupport
import Testing
import Vs

@Suite("Scheduling request, §9.2, §9.3.1.1 step 1, Table I.1") struct SchedulingRequestTests {
    @Test(arguments: ["00:11:22:aa:bb:cc", "00-11-22-AA-BB-CC", "001122aabbcc"])
    func headerMayUseAnotherSpelling(header: String) throws {
        let request = try SchedulingRequest(macids: ["00:11:22:AA:BB:CC"], headers: [header])
        #expect(request.macIdentity.canonical == "001122AABBCC")
    }

    @Test func headerMayBeAbsent() throws {
        let request = try SchedulingRequest(macids: ["cam-7"], headers: [])
        #expect(request.macIdentity.rawValue == "cam-7")
    }

    @Test(arguments: [
        (macids: [String](), headers: [String](), failure: SchedulingFailure.missingIdentity),
        (macids: [], headers: ["001122aabbcc"], failure: .missingIdentity),
        (macids: ["a", "a"], headers: [], failure: .repeatedIdentity),
        (macids: ["a"], headers: ["a", "a"], failure: .repeatedIdentity),
        (macids: [""], headers: [], failure: .malformedIdentity),
        (macids: ["--:--"], headers: [], failure: .malformedIdentity),
        (macids: ["a b"], headers: [], failure: .malformedIdentity),
        (macids: ["a\r\nX: y"], headers: [], failure: .malformedIdentity),
        (macids: [String(repeating: "a", count: 65)], headers: [], failure: .malformedIdentity),
        (macids: ["a"], headers: [""], failure: .malformedIdentity),
        (macids: ["001122aabbcc"], headers: ["001122aabbcd"], failure: .differentIdentities),
    ]) func refuses(macids: [String], headers: [String], failure: SchedulingFailure) {
        #expect(throws: failure) { try SchedulingRequest(macids: macids, headers: headers) }
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>) func whateverArrivesIsRefusedOrNamesOneUnit(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("aA0:-._ %/\u{0}é\r\n")
        func text() -> String {
            String(
                (0..<Int.random(in: 0...6, using: &random)).map { _ in
                    alphabet.randomElement(using: &random) ?? "a"
                }
            )
        }
        for _ in 0..<5000 {
            let macids = (0..<Int.random(in: 0...2, using: &random)).map { _ in text() }
            let headers = (0..<Int.random(in: 0...2, using: &random)).map { _ in text() }
            guard let request = try? SchedulingRequest(macids: macids, headers: headers) else { continue }
            #expect(macids == [request.macIdentity.rawValue], "seed \(seed)")
            #expect(request.target.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "%") })
            for header in headers {
                #expect(MACIdentity(rawValue: header)?.canonical == request.macIdentity.canonical)
            }
        }
    }

    @Test func targetIsTheAddressOfTheTable() throws {
        let identity = try #require(MACIdentity(rawValue: "00:11:22:aa:bb:cc"))
        #expect(
            SchedulingRequest(macIdentity: identity).target == "/Vs/getServerAddr?macid=00:11:22:aa:bb:cc"
        )
    }

    @Test(arguments: SchedulingFailure.allCases) func failuresAreUserOrServerErrors(
        failure: SchedulingFailure
    ) {
        #expect((400...599).contains(failure.status))
        #expect(!failure.info.isEmpty)
    }

    @Test func anUnknownUnitIsAUserErrorAndALostRegistryIsNot() {
        #expect(SchedulingFailure.unknownUnit.status == 404)
        #expect(SchedulingFailure.registryAway.status == 503)
    }
}
