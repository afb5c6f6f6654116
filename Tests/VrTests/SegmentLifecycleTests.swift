import Foundation
import Testing
import Vr

@Suite("The life of a segment, §9.3.4.1") struct SegmentLifecycleTests {
    /// Every pair of state and event has one answer, and it is the one that the document gives.
    @Test func theTableOfTheDocumentIsTheOneOfTheCode() throws {
        let root = #filePath.prefix(#filePath.count - "/Tests/VrTests/SegmentLifecycleTests.swift".count)
        let document = try String(contentsOfFile: root + "/docs/design/recording.md", encoding: .utf8)
        let states = SegmentLifecycle.State.allCases
        var table = "| | " + states.map(\.rawValue).joined(separator: " | ") + " |\n"
        table += "|" + String(repeating: "---|", count: states.count + 1) + "\n"
        for event in SegmentLifecycle.Event.allCases {
            let verdicts = states.map { SegmentLifecycle.verdict(on: event, in: $0).rawValue }
            table += "| " + ([event.rawValue] + verdicts).joined(separator: " | ") + " |\n"
        }
        #expect(document.contains(table), "the table is\n\(table)")
    }

    /// "a segment counts only after `save`", and then for good: nothing that a unit says takes it away.
    @Test func onlySaveMakesASegmentCountAndNothingUndoesIt() {
        for state in SegmentLifecycle.State.allCases {
            for event in SegmentLifecycle.Event.allCases {
                let verdict = SegmentLifecycle.verdict(on: event, in: state)
                #expect((verdict == .save) == (event == .save && state == .uploaded), "\(event) in \(state)")
                if state == .saved {
                    let harmless: [SegmentLifecycle.Verdict] = [
                        .nothing, .answerDone, .answerUnwanted, .refuseSaved,
                    ]
                    #expect(harmless.contains(verdict), "\(event)")
                }
            }
        }
    }

    /// "save is idempotent", "fail is idempotent", and so is a repeated `create`: the state after a verdict answers the
    /// same request with success again.
    @Test func aRepeatedRequestSucceedsAgain() {
        let after: [SegmentLifecycle.Verdict: SegmentLifecycle.State] = [
            .begin: .created, .save: .saved, .drop: .dropping, .keep: .uploaded,
        ]
        let successes: [SegmentLifecycle.Verdict] = [.answerDone, .answerPlace]
        for state in SegmentLifecycle.State.allCases {
            for event in [SegmentLifecycle.Event.create, .save, .fail] {
                guard let next = after[SegmentLifecycle.verdict(on: event, in: state)] else { continue }
                let again = SegmentLifecycle.verdict(on: event, in: next)
                #expect(successes.contains(again), "\(event) in \(state), then \(next)")
            }
        }
        // Once dropped and gone, `fail` still succeeds.
        #expect(SegmentLifecycle.verdict(on: .fail, in: .absent) == .answerDone)
    }

    /// Whatever is open ends: in each state time alone leads to a clean-up.
    @Test func whatIsOpenExpires() {
        for state in [SegmentLifecycle.State.created, .uploading, .uploaded] {
            #expect(SegmentLifecycle.verdict(on: .expiry, in: state) == .drop)
        }
    }
}
