import DeviceCheck
import Foundation
import HSSModel
import Testing
import Vd

@Suite("The check in virtual time") struct CheckMachineTests {
    static func settings() throws -> CheckSettings {
        var settings = CheckSettings(
            device: try #require(UnitID(rawValue: "check-1")),
            macIdentity: try #require(MACIdentity(rawValue: "00:11:22:33:44:55")),
            password: Secret("password")
        )
        settings.base = "https://localhost:1/check/"
        settings.mediaPort = 2
        settings.passphrase = Secret("a passphrase")
        return settings
    }

    static func failures(_ report: CheckReport) -> [CheckFinding] {
        report.findings.filter { if case .failed = $0.verdict { true } else { false } }
    }

    @Test func aGoodDevicePasses() throws {
        let report = ModelUnit.report(nil, settings: try Self.settings())
        #expect(Self.failures(report).isEmpty)
        #expect(report.conforms && report.passed > 35)
    }

    /// One fault each, and the rule that has to notice it.
    @Test(arguments: [
        (ModelUnit.Fault.otherMAC, "Table I.1", "asks /Vs"), (.noHeader, "§9.2", "Mac-Identity"),
        (.claimsReconnect, "Table 9-3", "reconnect=0"), (.otherMACInKeepalive, "I.2-1", "keeps the rules"),
        (.noKeepalive, "I.2-1", "soon after"), (.slowKeepalive, "I.2-1", "as often"),
        (.badCapabilities, "I.2-28", "tells what it can do"),
        (.unknownMethodIsSuccess, "§9.3.2.1.1", "error 101"),
        (.answersOutOfOrder, "§9.3.2.1.1", "in the order"), (.answersEvents, "§9.3.2.1.2", "answers none"),
        (.refusesUnknownFields, "§9.3.2.1", "fields that it does not know"),
        (.nullIsAValue, "§9.3.2.1", "null"), (.takesBrokenParameters, "I.2-12", "error 12"),
        (.takesMissingChannels, "I.2-12", "error 102"), (.wrongClock, "I.2-10", "clock"),
        (.ptzNotAnnounced, "I.2-18", "presets"), (.lostPreset, "I.2-17", "set"),
        (.snapshotBeforeUpload, "I.2-22", "answers when it is there"), (.noJPEG, "I.2-22", "JPEG"),
        (.noLogDone, "I.2-29", "LogDone"), (.logOfAnotherSize, "I.2-29", "LogDone"),
        (.ignoresStop, "I.2-13", "stops the push"), (.keepsFirstStream, "I.2-12", "another stream"),
        (.malformedPacket, "§9.3.2.1", "sends packets"), (.survivesGarbage, "§9.3.2.1", "malformed"),
        (.forgetsReconnect, "Table 9-3", "reconnect=1"), (.slowReturn, "§9.3.1.3", "random wait"),
        (.leavesAtReschedule, "I.2-6", "Reschedule"), (.staysSilent, "I.2-11", "models of its login"),
        (.unknownRequest, "Table 9-4", "may send"), (.noKeyFrame, "§9.3.3", "a key frame"),
        (.ignoresFile, "I.2-23", "fetches"), (.secondLogin, "§9.3.1.3", "one connection"),
        (.staysAway, "§9.3.1.3", "comes back"), (.forgetsFields, "I.2-20", "whole document"),
        (.noStream, "I.2-12", "within 10 s"),
    ]) func aFaultFailsItsClause(fault: ModelUnit.Fault, clause: String, rule: String) throws {
        let report = ModelUnit.report(fault, settings: try Self.settings())
        let failures = Self.failures(report)
        #expect(
            failures.contains { $0.clause == clause && $0.rule.contains(rule) },
            "\(fault): \(failures.map { "\($0.clause) \($0.rule): \($0.verdict)" })"
        )
    }

    @Test func everyFaultStandsInTheTable() {
        #expect(ModelUnit.Fault.allCases.count == 36)
    }

    @Test func aDeviceThatNeverComesIsNoConformingOne() throws {
        let settings = try Self.settings()
        let start = Instant(nanoseconds: 0)
        var machine = CheckMachine(settings, at: start, wall: WallTime(milliseconds: 0))
        #expect(machine.receive(.wake, at: start + .seconds(599)).isEmpty)
        #expect(machine.receive(.wake, at: start + .seconds(600)).last == .finish)
        #expect(!machine.report.conforms)
        #expect(machine.report.failed(.must) == 1)
    }

    /// A device that never came is no success of the rule that was chosen: why is told beside it.
    @Test func whatWasChosenAndCannotBeLookedAtIsNoSuccess() throws {
        var settings = try Self.settings()
        settings.only = ["I.2-22"]
        let start = Instant(nanoseconds: 0)
        var machine = CheckMachine(settings, at: start, wall: WallTime(milliseconds: 0))
        #expect(machine.receive(.wake, at: start + .seconds(600)).last == .finish)
        #expect(machine.report.broken == ["Table I.1"] && machine.report.skipped == 2)
        #expect(!machine.report.conforms)
    }

    /// A login that is refused is told once, with its reason; the rest was not looked at.
    @Test func aRefusedLoginIsToldOnce() throws {
        let settings = try Self.settings()
        let start = Instant(nanoseconds: 0)
        var machine = CheckMachine(settings, at: start, wall: WallTime(milliseconds: 0))
        let macid = settings.macIdentity.rawValue
        _ = machine.receive(.scheduling(macids: [macid], headers: [macid]), at: start)
        let actions = machine.receive(.loginRefused("login_code: required"), at: start + .seconds(1))
        #expect(actions.last == .finish)
        #expect(Self.failures(machine.report).map(\.verdict) == [.failed("login_code: required")])
    }

    /// A maker who has written Vs and nothing else sees Vs, and waits for nothing.
    @Test func theFirstRuleCanBeLookedAtByItself() throws {
        var settings = try Self.settings()
        settings.only = ["Table I.1", "§9.2"]
        let start = Instant(nanoseconds: 0)
        var machine = CheckMachine(settings, at: start, wall: WallTime(milliseconds: 0))
        let macid = settings.macIdentity.rawValue
        let actions = machine.receive(.scheduling(macids: [macid], headers: [macid]), at: start)
        #expect(actions.last == .finish)
        #expect(machine.report.conforms && machine.report.findings.map(\.clause) == ["Table I.1", "§9.2"])
    }

    @Test func onlyLooksAtWhatWasChosen() throws {
        var settings = try Self.settings()
        settings.only = ["I.2-22"]
        let report = ModelUnit.report(nil, settings: settings)
        #expect(Set(report.findings.map(\.clause)) == ["I.2-22"])
        #expect(report.conforms)
    }

    /// Rules that cost the device something run when they are asked for, and are told as left out otherwise.
    @Test func destructiveRulesHaveToBeAskedFor() throws {
        let names: Set = ["I.2-4", "I.2-5", "I.2-7", "I.2-21", "I.2-32"]
        let spared = CheckVerdict.skipped("looked at only with --destructive")
        var settings = try Self.settings()
        let mild = ModelUnit.report(nil, settings: settings).findings.filter { names.contains($0.clause) }
        #expect(mild.allSatisfy { $0.verdict == spared && $0.asked.isEmpty } && mild.count == names.count)
        settings.isDestructive = true
        let harsh = ModelUnit.report(nil, settings: settings).findings.filter { names.contains($0.clause) }
        #expect(!harsh.contains { $0.verdict == spared } && harsh.count == names.count)
    }

    /// Appendix I.2: none of the 32 tables is passed over in silence.
    @Test func everyMessageIsLookedAtOrSaidNotToBe() throws {
        let clauses = Set(ModelUnit.report(nil, settings: try Self.settings()).findings.map(\.clause))
        let silent = VdCatalogue.messages.filter { message in
            !clauses.contains("I.2-\(message.table)") && message.name != LogDone.name
        }
        #expect(silent.isEmpty, "\(silent.map(\.name))")
    }

    /// What is read where a rule was broken: each clause has its section in the guide.
    @Test func everyClauseHasItsSectionInTheGuide() throws {
        let path = URL(filePath: #filePath).appending(path: "../../../docs/device-guide.md").standardized
        let guide = try String(contentsOf: path, encoding: .utf8)
        let headings = Set(
            guide.split(separator: "\n").filter { $0.hasPrefix("#") }
                .map { $0.drop { $0 == "#" || $0 == " " } }
        )
        for clause in CheckMachine.clauses {
            let heading = CheckGuide.heading(for: clause)
            #expect(headings.contains(heading[...]), "\(clause): no section \(heading)")
        }
    }

    /// Half a check says nothing of the device, and everything that is missing is told.
    @Test func anInterruptedCheckIsNoSuccess() throws {
        let settings = try Self.settings()
        let start = Instant(nanoseconds: 0)
        var machine = CheckMachine(settings, at: start, wall: WallTime(milliseconds: 0))
        let macid = settings.macIdentity.rawValue
        _ = machine.receive(.scheduling(macids: [macid], headers: [macid]), at: start)
        #expect(machine.report.conforms)
        let actions = machine.receive(.interrupt, at: start + .seconds(1))
        #expect(actions.last == .finish && machine.nextWake == nil)
        #expect(machine.report.wasInterrupted && !machine.report.conforms)
        #expect(machine.report.passed == 2 && machine.report.skipped > 40)
        #expect(machine.receive(.interrupt, at: start + .seconds(2)).isEmpty)
    }

    /// What ended the connection is told, and staying away weighs as a must whatever the rule weighs.
    @Test func aDeviceThatStaysAwayIsToldWhere() throws {
        let report = ModelUnit.report(.staysAway, settings: try Self.settings())
        let failure = Self.failures(report).first { $0.rule.contains("comes back") }
        #expect(
            failure?.verdict
                == .failed(
                    "the device did not come back; its connection ended at: "
                        + "closes a connection on which a malformed packet came"
                )
        )
        #expect(failure?.severity == .must && !report.conforms)
        // What was seen until then is summed up all the same.
        #expect(
            report.findings.contains {
                $0.rule.contains("may send") && $0.verdict == .passed("nothing else came")
            }
        )
    }

    /// What came instead of a login is told: the commonest mistake is a certificate that is not trusted.
    @Test func aDeviceThatCannotComeInIsToldWhy() throws {
        let start = Instant(nanoseconds: 0)
        var machine = CheckMachine(try Self.settings(), at: start, wall: WallTime(milliseconds: 0))
        _ = machine.receive(.trouble("TLS failed"), at: start + .seconds(1))
        _ = machine.receive(.wake, at: start + .seconds(600))
        #expect(
            machine.report.findings.first?.verdict == .failed("nothing came in time; seen last: TLS failed")
        )
    }

    /// The password of the device and the passphrase of its stream are told once, by the command; a report is passed on.
    @Test func theReportHoldsNoSecret() throws {
        let settings = try Self.settings()
        let text = "\(ModelUnit.report(nil, settings: settings).findings)"
        #expect(!text.contains(settings.passphrase.reveal()) && !text.contains(settings.base))
    }
}
