import AsyncHTTPClient
import CustomerUnit
import Foundation
import HSSModel
import HostClock
import Measurement
import NIOCore
import Synchronization
import TestSupport

/// Those who come and go, and those who read too slowly: they must cost the others nothing.
final class SoakCrowd: Sendable {
    struct Tally: Sendable {
        var visits = 0
        /// No picture within the visit, though the camera was healthy.
        var blind = 0
        /// From the call to the first picture, in seconds.
        var firstPictures: [Double] = []
        var slowOctets = 0
        var slowConnections = 0
    }

    /// What a slow viewer reads in a second; the picture has eight times as much.
    private static let slowPace = 32_000
    private static let visit = 5.0...30.0

    private let state = Mutex(Tally())

    var tally: Tally { state.withLock { $0 } }

    /// One visitor after the other, at random streams and outputs.
    func comeAndGo(
        seed: UInt64,
        among streams: [SoakStream],
        _ customer: PlatformClient,
        _ client: PlatformClient,
        _ audience: SRTAudience
    ) async {
        var random = SeededGenerator(seed: seed)
        while !Task.isCancelled {
            guard let stream = streams.randomElement(using: &random),
                let output = SoakOutput.allCases.randomElement(using: &random)
            else { return }
            let viewer = SoakViewer(stream, output)
            let start = Instant.now
            let visit = Task { await viewer.watch(customer, client, audience) }
            let end = start + .seconds(Double.random(in: Self.visit, using: &random))
            var firstPicture: Double?
            while Instant.now < end, !Task.isCancelled {
                if firstPicture == nil, viewer.tally.pictures > 0 {
                    firstPicture = (Instant.now - start).inSeconds
                }
                try? await Task.sleep(for: .milliseconds(firstPicture == nil ? 10 : 500))
            }
            let isCut = Task.isCancelled
            visit.cancel()
            await visit.value
            let found = firstPicture
            state.withLock {
                $0.visits += 1
                if let found { $0.firstPictures.append(found) }
                if found == nil, stream.isHealthy, !isCut { $0.blind += 1 }
            }
        }
    }

    /// Reads MPEG-TS at an eighth of its pace.
    func dawdle(at stream: SoakStream, _ customer: PlatformClient, _ client: PlatformClient) async {
        while !Task.isCancelled {
            do {
                let live: LiveAnswer = try await customer.call(
                    .post,
                    "/devices/\(stream.device)/channels/0/live"
                )
                state.withLock { $0.slowConnections += 1 }
                for try await buffer in try await client.open(url: live.play.ts) {
                    state.withLock { $0.slowOctets += buffer.readableBytes }
                    try await Task.sleep(for: .seconds(Double(buffer.readableBytes) / Double(Self.slowPace)))
                }
            } catch {
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }
}
