import Bus
import HSSModel
import HostClock
import Testing

@testable import MediaDistribution

@Suite("Kept pictures made smaller") struct ResizedPictureTests {
    private static func picture(_ size: Int) -> Picture {
        Picture(jpeg: [UInt8](repeating: 1, count: size), width: 10, takenAt: WallTime(milliseconds: 0))
    }

    @Test func nothingIsKeptBeyondTheBound() async {
        let pictures = ResizedPictures(.init(sizeInBytes: 1000))
        for number in 0..<50 {
            let source = [UInt8](repeating: UInt8(number), count: 100)
            for width in [16, 32] {
                let outcome = await pictures.picture(source, width: width) {
                    (.success(Self.picture(50)), isSevere: false)
                } onHit: {
                }
                #expect(outcome == .success(Self.picture(50)))
                #expect(pictures.sizeInBytes <= 1000)
            }
        }
        #expect(pictures.sizeInBytes > 700)
    }

    /// One larger than everything that may be kept is answered, and not kept.
    @Test func whatIsTooLargeIsAnswered() async {
        let pictures = ResizedPictures(.init(sizeInBytes: 100))
        for _ in 0..<2 {
            let outcome = await pictures.picture([1, 2, 3], width: 16) {
                (.success(Self.picture(5000)), isSevere: false)
            } onHit: {
                Issue.record("kept")
            }
            #expect(outcome == .success(Self.picture(5000)))
            #expect(pictures.sizeInBytes == 0)
        }
    }

    /// What is damaged may have been so on the way; what broke the decoder is not shown to it again at once.
    @Test(arguments: [true, false]) func onlyWhatBreaksTheDecoderIsRemembered(isSevere: Bool) async {
        let pictures = ResizedPictures(.init(penalty: .seconds(1000)))
        var tries = 0
        for _ in 0..<3 {
            let outcome = await pictures.picture([1], width: 16) {
                tries += 1
                return (.failure(.unusable("broken")), isSevere: isSevere)
            } onHit: {
            }
            #expect(outcome == .failure(.unusable("broken")))
        }
        #expect(tries == (isSevere ? 1 : 3))
    }

    @Test func whoComesMeanwhileWaitsAndNobodyElse() async {
        let pictures = ResizedPictures(.init(waiters: 3))
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let outcomes = await withTaskGroup(of: ResizedPictures.Outcome.self) { group in
            group.addTask {
                await pictures.picture([1], width: 16) {
                    begin.finish()
                    for await _ in gate {}
                    return (.success(Self.picture(1)), isSevere: false)
                } onHit: {
                }
            }
            for await _ in begun {}
            for _ in 0..<5 {
                group.addTask {
                    await pictures.picture([1], width: 16) {
                        Issue.record("made twice")
                        return (.failure(.none), isSevere: false)
                    } onHit: {
                    }
                }
            }
            // Beyond the bound they are refused at once: two of five.
            var outcomes: [ResizedPictures.Outcome] = []
            for _ in 0..<2 { if let refused = await group.next() { outcomes.append(refused) } }
            open.finish()
            for await outcome in group { outcomes.append(outcome) }
            return outcomes
        }
        #expect(outcomes.count { $0 == .failure(.busy) } == 2)
        #expect(outcomes.count { $0 == .success(Self.picture(1)) } == 4)
    }
}
