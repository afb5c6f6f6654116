import ChildProcesses
import Foundation
import HSSModel
import MediaFormats
import NIOCore
import Testing

@testable import MediaDistribution

@Suite("The budget of renditions") struct RenditionBudgetTests {
    private typealias Shortage = RenditionBudget.Shortage

    private func second(_ number: Int) -> Instant { Instant(nanoseconds: Int64(number) * 1_000_000_000) }

    /// Those that come at once are not all let in before the first has shown what it takes.
    @Test func whatHasJustBegunCountsWithAReservation() {
        var budget = RenditionBudget(cores: 0.6, processes: 10)
        #expect(budget.shortage(at: second(0)) == nil)
        budget.begin(1, at: second(0))
        #expect(budget.shortage(at: second(0)) == nil)
        budget.begin(2, at: second(0))
        #expect(budget.shortage(at: second(0)) == .cores(used: 50, of: 60))
        budget.end(2)
        #expect(budget.shortage(at: second(0)) == nil)
    }

    /// Then they count with what they take: less than was thought makes room, more takes it.
    @Test func whatHasRunForAWhileCountsWithWhatItTakes() {
        var budget = RenditionBudget(cores: 0.6, processes: 10)
        for id in [1, 2] as [UInt64] { budget.begin(id, at: second(0)) }
        for time in 1...10 {
            for id in [1, 2] as [UInt64] {
                budget.look(at: .milliseconds(50 * time), of: id, now: second(time))
            }
        }
        #expect(abs(budget.load(of: 1) - 0.05) < 1e-6)
        #expect(budget.shortage(at: second(10)) == nil)
        for time in 11...20 { budget.look(at: .milliseconds(500 * (time - 9)), of: 1, now: second(time)) }
        #expect(abs(budget.load(of: 1) - 0.5) < 1e-6, "over the last seconds, not since it began")
        #expect(budget.shortage(at: second(20)) == .cores(used: 55, of: 60))
    }

    @Test func aFewAreAllowedHoweverLittleTheyTake() {
        var budget = RenditionBudget(cores: 64, processes: 2)
        budget.begin(1, at: second(0))
        budget.begin(2, at: second(0))
        #expect(budget.shortage(at: second(60)) == .processes(2))
    }

    /// A tenth of two processors is less than a reservation: one has to be possible all the same.
    @Test func theFirstAlwaysFits() {
        var budget = RenditionBudget(cores: 0.1, processes: 10)
        #expect(budget.shortage(at: second(0)) == nil)
        budget.begin(1, at: second(0))
        #expect(budget.shortage(at: second(0)) != nil)
    }
}

@Suite("What ffmpeg is told") struct RenditionPlanTests {
    private func header(_ clip: RenditionClip) async throws -> MP4Header {
        var input = RenditionInput()
        let bytes = [UInt8](try Data(contentsOf: try await clip.make().url))
        let pieces = input.take(ByteBuffer(bytes: bytes))
        return try #require(
            pieces.lazy.compactMap { if case .header(let header) = $0 { header } else { nil } }.first
        )
    }

    @Test func whatFitsIsCopiedAndTheRestIsCoded() async throws {
        let settings = RenditionSettings()
        for (clip, pictures, sound) in [
            (RenditionClip.cameras, RenditionPlan.Pictures.coded, RenditionPlan.Sound.coded),
            (.oldSound, .copied, .coded), (.large, .copied, .copied),
        ] {
            let header = try await header(clip)
            let plan = RenditionPlan(.compatible, of: header, settings)
            #expect(plan.pictures == pictures && plan.sound == sound)
            let small = RenditionPlan(.small, of: header, settings)
            #expect(small.pictures == .coded && small.sound == .coded)
        }
    }

    /// No protocol but the pipe, no format and no decoder but those of our own input; nice, and bounded in memory.
    @Test func ffmpegMayDoNothingElse() async throws {
        var settings = RenditionSettings()
        let header = try await header(.cameras)
        for rendition in [Rendition.compatible, .small] {
            let command = RenditionPlan(rendition, of: header, settings).command("/usr/bin/ffmpeg")
            let text = command.arguments.joined(separator: " ")
            #expect(
                text.contains("-protocol_whitelist pipe -format_whitelist mov -codec_whitelist h264,hevc,")
            )
            #expect(command.path == "/usr/bin/ffmpeg" && command.niceness == 10)
            #expect(command.memoryInBytes == 1 << 30 && command.fileSizeInBytes == 0)
        }
        settings.confiner = "/usr/lib/vedette/vedette-codec"
        let confined = RenditionPlan(.small, of: header, settings).command("/usr/bin/ffmpeg")
        #expect(confined.path == "/usr/lib/vedette/vedette-codec")
        #expect(
            confined.arguments.prefix(7) == [
                "confine", "--memory", "1073741824", "--nice", "10", "--", "/usr/bin/ffmpeg",
            ]
        )
    }

    @Test func whatEveryBrowserPlaysIsTheOriginal() {
        let rules: [(video: String?, audio: String?, isOriginal: Bool)] = [
            ("h264", "aac", true), ("h264", nil, true), (nil, "aac", true), ("h265", "aac", false),
            ("h264", "g711", false),
        ]
        for (video, audio, isOriginal) in rules {
            #expect(RenditionPlan.isOriginal(.compatible, of: (video, audio)) == isOriginal)
            #expect(RenditionPlan.isOriginal(.original, of: (video, audio)))
            #expect(!RenditionPlan.isOriginal(.small, of: (video, audio)))
        }
    }
}

@Suite("When ffmpeg is begun anew, and when it hangs") struct RenditionRestartsTests {
    private let failure = RenditionFailure(reason: .crashed, text: "status 1")

    private func pauses(_ failure: RenditionFailure?, after lifetime: Duration) -> [Duration] {
        var restarts = RenditionRestarts()
        var pauses: [Duration] = []
        while pauses.count < 100, case .after(let pause, _) = restarts.ended(failure, after: lifetime) {
            pauses.append(pause)
        }
        return pauses
    }

    @Test func eachPauseIsLongerAndTheFifthFailureIsTheLast() {
        let expected: [Duration] = [.milliseconds(250), .milliseconds(500), .seconds(1), .seconds(2)]
        #expect(pauses(failure, after: .seconds(3)) == expected)
        // A coding that changes with each picture is no reason to start as many processes.
        #expect(pauses(nil, after: .milliseconds(900)) == expected)
    }

    @Test func whatRanForAWhileIsNoFailure() {
        #expect(pauses(failure, after: .seconds(30)) == Array(repeating: .milliseconds(250), count: 100))
        var restarts = RenditionRestarts()
        #expect(restarts.ended(nil, after: .seconds(2)) == .atOnce)
    }

    /// It gave pictures while a write to it was not taken, and then neither.
    @Test func aWriteThatIsNeverTakenIsFound() {
        func second(_ number: Int64) -> Instant { Instant(nanoseconds: number * 1_000_000_000) }
        let progress = RenditionProgress(patience: .seconds(10))
        progress.writes(at: second(0))
        progress.gaveOutput(at: second(5))
        #expect(!progress.isHung(at: second(15)))
        #expect(progress.isHung(at: second(16)))
        progress.gaveOutput(at: second(16))
        progress.wrote(at: second(17))
        progress.gaveOutput(at: second(17))
        #expect(!progress.isHung(at: second(60)))
    }
}
