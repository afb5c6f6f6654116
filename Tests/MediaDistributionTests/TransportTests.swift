import Bus
import Foundation
import HSSModel
import Testing

@testable import MediaDistribution

/// Programs that we did not write, over every key length of SRT and over both versions of IP.
@Suite("What carries a stream", .timeLimit(.minutes(4))) struct TransportTests {
    private let stream = StreamID(unchecked: "cam1-0")

    @Test(arguments: [("127.0.0.1", 16), ("127.0.0.1", 24), ("127.0.0.1", 32), ("::1", 32)])
    func everyPictureArrives(host: String, keyLength: Int) async throws {
        let clip = try await Clip.shared.value
        let settings = RunningMedia.settings {
            $0.host = host
            $0.domain = host
            $0.keyLength = keyLength
        }
        try await RunningMedia.run(settings) { platform in
            let address = try await platform.order(stream)
            #expect(address.contains("pbkeylen=\(keyLength)"))
            #expect(address.hasPrefix("srt://" + (host.contains(":") ? "[\(host)]" : host)))
            let publisher = try platform.publish(clip, to: address)
            #expect(await platform.events.wait(for: .published(stream, Epoch(1))))
            let file = try temporaryFolder().appending(path: "seen.ts").path
            let player = try Tool(
                "srt-live-transmit",
                ["-q", "-a:no", try await platform.play(stream).srt, "file://con"],
                outputTo: file
            )
            #expect(await platform.events.viewers(1))
            let detail = await platform.media.stream(stream, viewersAfter: nil, limit: 1)
            let prefix = host.contains(":") ? "[0:0:0:0:0:0:0:1]:" : "127.0.0.1:"
            #expect(detail?.publisher?.peer?.hasPrefix(prefix) ?? false)
            #expect(detail?.publisher?.isEncrypted == true && detail?.viewers.first?.isEncrypted == true)
            #expect(await publisher.waitForExit() == 0, "\(publisher.output)")
            #expect(await platform.events.wait(for: .unpublished(stream, Epoch(1), .closedByPeer)))
            await platform.media.close(stream)
            await player.waitForExit()
            let contents = try await Clip.probe(file)
            #expect(contents.codecs == "aac,h264" && contents.gaps == 0)
            #expect(contents.pictures.count >= Clip.frames / 4)
        }
    }

    @Test func onlyKeysOfAESAreTaken() {
        let settings = RunningMedia.settings { $0.keyLength = 17 }
        #expect(throws: MediaStartError.self) { try settings.check() }
    }
}
