import Dispatch
import Foundation
import Glibc
import HSSModel
import HostClock
import MediaFormats
import SRTTransport
import Synchronization

/// Hands the streams of channels to those that record them, for all units of a process.
protocol RecordFeeds: Sendable {
    /// Once for each tap, until ``detach(_:channel:)``.
    func attach(_ tap: RecordTap, channel: Int, scene: SceneBoard?)
    func detach(_ tap: RecordTap, channel: Int)
}

/// One thread that plays what simulated units record, each at the pace of its own clock.
final class RecordThread: RecordFeeds {
    /// Of one process; a file is opened for each.
    private static let mostFeeds = 10_000
    private static let tick: UInt32 = 20_000  // µs
    /// After a longer pause (the process was stopped) the stream goes on as if there had been none.
    private static let longestPause: Duration = .seconds(10)
    /// Taken at a time, so that a feed that catches up does not hold the others up.
    private static let mostPerTick = 500

    private enum Command: Sendable {
        case attach(RecordTap, SceneBoard?)
        case detach(ObjectIdentifier)
        case shutdown(CheckedContinuation<Void, Never>)
    }

    private struct Inbox {
        var commands: [Command] = []
        var isShutDown = false
    }

    private struct Feed {
        let tap: RecordTap
        let scene: SceneBoard?
        var video: VideoFeed
        var start: Instant
        var next: [UInt8]?
        var due: Duration = .zero

        /// Hands over what is due.
        mutating func advance(to now: Instant, mostMessages: Int, pause: Duration) throws {
            var bytes: [UInt8] = []
            for _ in 0..<mostMessages {
                if next == nil {
                    let message = try video.next(showing: scene)
                    next = message.packets
                    due = message.due
                }
                let lag = now - (start + due)
                guard lag >= .zero, let packets = next else { break }
                if lag > pause { start = now + (.zero - due) }
                bytes += packets
                next = nil
            }
            if !bytes.isEmpty { tap.take(bytes) }
        }
    }

    private let inbox = Mutex(Inbox())
    private let work = DispatchSemaphore(value: 0)

    init(video: VideoSource) {
        let thread = Thread { [self] in
            nameThread("record")
            run(video)
        }
        thread.start()
    }

    func attach(_ tap: RecordTap, channel: Int, scene: SceneBoard?) {
        tap.begin(tables: nil)
        post(.attach(tap, scene))
    }

    func detach(_ tap: RecordTap, channel: Int) { post(.detach(ObjectIdentifier(tap))) }

    /// Once; waits for the thread in a cancelled task, too.
    func shutdown() async {
        await withCheckedContinuation { post(.shutdown($0)) }
    }

    private func post(_ command: Command) {
        inbox.withLock { $0.commands.append(command) }
        work.signal()
    }

    // MARK: The thread

    private func run(_ video: VideoSource) {
        var feeds: [ObjectIdentifier: Feed] = [:]
        while true {
            if feeds.isEmpty { work.wait() }
            let commands = inbox.withLock { inbox in
                defer { inbox.commands = [] }
                return inbox.commands
            }
            for command in commands {
                switch command {
                case .attach(let tap, let scene):
                    guard feeds.count < Self.mostFeeds else {
                        tap.fail(CameraError("too many recordings in one process"))
                        break
                    }
                    do {
                        let feed = try video.makeFeed()
                        feeds[ObjectIdentifier(tap)] = Feed(tap: tap, scene: scene, video: feed, start: .now)
                    } catch {
                        tap.fail(CameraError("\(error)"))
                    }
                case .detach(let tap): feeds[tap] = nil
                case .shutdown(let ended): return ended.resume()
                }
            }
            let now = Instant.now
            for key in feeds.keys {
                do {
                    try feeds[key]?.advance(to: now, mostMessages: Self.mostPerTick, pause: Self.longestPause)
                } catch {
                    feeds[key]?.tap.fail(CameraError("\(error)"))
                    feeds[key] = nil
                }
            }
            if !feeds.isEmpty { usleep(Self.tick) }
        }
    }
}
