import Foundation
import HSSModel
import HostClock

/// A program that gives on what it gets, on one core: the media server or a peer of it.
struct Relay {
    /// For streams and viewers so many.
    typealias Start = (_ streams: Int, _ viewers: Int) throws -> Relay

    var processes: [Child]
    /// Of the stream with this number. Programs that know no streams have ports for each.
    var publishPort: (Int) -> Int
    var viewPort: (Int) -> Int
    /// As the load generator takes them.
    var publishID = "live"
    var viewID = "live"

    func stop() {
        for process in processes { process.stop() }
    }

    func usage() throws -> (cpu: Double, memory: Int, at: Instant) {
        let all = try processes.map { try $0.usage() }
        return (all.reduce(0) { $0 + $1.cpu }, all.reduce(0) { $0 + $1.memory }, .now)
    }
}

/// What can be had of Debian and gives on a transport stream as it is, and the two that stand for the rest.
struct Relays {
    private static let port = 23_600

    let bench: String
    let folder: String
    let tools: LoadTools

    func own(_ streams: Int, _ viewers: Int) throws -> Relay {
        let server = try Child(
            bench,
            [
                "mdu", "--port", "\(Self.port)", "--streams", "\(streams)", "--viewers", "\(viewers)",
                "--folder",
                folder,
            ],
            cpu: 0,
            log: folder + "/mdu.log"
        )
        try server.waitForLine { $0 == "ready" }
        return Relay(
            processes: [server],
            publishPort: { _ in Self.port },
            viewPort: { _ in Self.port },
            publishID: "@\(folder)/publish.txt",
            viewID: "@\(folder)/view.txt"
        )
    }

    func minimalC(_ streams: Int, _ viewers: Int) throws -> Relay {
        // Each viewer a line, as tickets are: the generator numbers them alike.
        for (name, mode, count) in [("c-publish", "publish", streams), ("c-view", "request", viewers)] {
            let lines = (0..<max(1, count)).map { "#!::r=cam\($0 % streams),m=\(mode)\n" }
            try lines.joined().write(toFile: "\(folder)/\(name).txt", atomically: true, encoding: .utf8)
        }
        let server = try Child(
            tools.server,
            [
                "--port", "\(Self.port)", "--tsbpd", "0", "--tick", "5", "--udpbuf", "\(16 << 20)", "--fc",
                "4096",
                "--rcvbuf", "\(3 << 20)", "--sndbuf", "\(3 << 20)",
            ],
            cpu: 0,
            log: folder + "/csrtd.log"
        )
        sleep(1)
        return Relay(
            processes: [server],
            publishPort: { _ in Self.port },
            viewPort: { _ in Self.port },
            publishID: "@\(folder)/c-publish.txt",
            viewID: "@\(folder)/c-view.txt"
        )
    }

    /// A process for each stream, which has one viewer.
    func srtLiveTransmit(_ streams: Int, _ viewers: Int) throws -> Relay {
        let processes = try (0..<streams).map { number in
            try Child(
                "srt-live-transmit",
                [
                    "-q", "srt://127.0.0.1:\(Self.port + 2 * number)?mode=listener&latency=120",
                    "srt://127.0.0.1:\(Self.port + 2 * number + 1)?mode=listener&latency=120",
                ],
                cpu: 0,
                log: folder + "/srt-live-transmit.log"
            )
        }
        sleep(1)
        return ported(processes)
    }

    /// One process, a branch for each stream.
    func gstreamer(_ streams: Int, _ viewers: Int) throws -> Relay {
        let branches = (0..<streams).flatMap { number in
            [
                "srtsrc", "uri=srt://127.0.0.1:\(Self.port + 2 * number)?mode=listener", "latency=120", "!",
                "srtsink", "uri=srt://127.0.0.1:\(Self.port + 2 * number + 1)?mode=listener", "latency=120",
                "wait-for-connection=false", "sync=false",
            ]
        }
        let process = try Child("gst-launch-1.0", ["-q"] + branches, cpu: 0, log: folder + "/gstreamer.log")
        sleep(2)
        return ported([process])
    }

    private func ported(_ processes: [Child]) -> Relay {
        Relay(
            processes: processes,
            publishPort: { Self.port + 2 * $0 },
            viewPort: { Self.port + 2 * $0 + 1 }
        )
    }
}
