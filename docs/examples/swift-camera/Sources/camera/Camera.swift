import Foundation
import PremisesUnit
import Synchronization

/// FFmpeg with a test picture and a tone: in a product, the encoder of the chip.
final class Encoder: CameraSource {
    private let process = Mutex<pid_t>(0)

    func open(channel: Int, into output: CameraOutput) throws {
        let ffmpeg = Process()
        let pipe = Pipe()
        ffmpeg.executableURL = URL(filePath: "/usr/bin/env")
        ffmpeg.arguments = """
            ffmpeg -v error -re -f lavfi -i testsrc2=size=640x360:rate=25 -re -f lavfi -i sine=frequency=440 \
            -c:v libx264 -preset ultrafast -tune zerolatency -g 50 -pix_fmt yuv420p -c:a aac -f mpegts -
            """.split(separator: " ").map(String.init)
        ffmpeg.standardInput = FileHandle.nullDevice
        ffmpeg.standardOutput = pipe
        try ffmpeg.run()
        process.withLock { $0 = ffmpeg.processIdentifier }
        pipe.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            output.send(Array(data))
            if data.isEmpty { handle.readabilityHandler = nil }
        }
    }

    func close(channel: Int) {
        process.withLock { _ = kill($0, SIGTERM) }
    }
}

/// One picture of the same test source: in a product, of the sensor.
struct Lens: SnapshotSource {
    func picture(channel: Int) throws -> [UInt8] {
        let ffmpeg = Process()
        let pipe = Pipe()
        ffmpeg.executableURL = URL(filePath: "/usr/bin/env")
        ffmpeg.arguments = "ffmpeg -v error -f lavfi -i testsrc2=size=640x360 -frames:v 1 -f mjpeg -"
            .split(separator: " ").map(String.init)
        ffmpeg.standardInput = FileHandle.nullDevice
        ffmpeg.standardOutput = pipe
        try ffmpeg.run()
        return Array(try pipe.fileHandleForReading.readToEnd() ?? Data())
    }
}

/// A motor: here it only says what it would do.
struct Motor: PTZControl {
    func carryOut(_ command: PTZCommand, channel: Int) { print("turns", command) }
    func presets(channel: Int) -> [Int] { [] }
}

struct Device: CameraDelegate {
    func happened(_ name: String, _ text: String) { print(name, text) }
}

@main enum Main {
    static func main() async {
        let words = CommandLine.arguments
        guard words.count >= 6 else {
            print("usage: camera https://HOST:PORT CA_FILE DEVICE_ID MAC_ID PASSWORD [BIND_CODE]")
            exit(64)
        }
        var configuration = Camera.Configuration(
            platform: words[1],
            deviceID: words[3],
            macIdentity: words[4],
            loginPassword: words[5],
            hardwareModel: "Example",
            firmwareModel: "0.1",
            authorityFile: words[2]
        )
        configuration.abilities.snapshots = Lens()
        configuration.abilities.ptz = Motor()
        configuration.abilities.alarms = [.bellRing]
        do {
            let camera = try Camera(configuration, source: Encoder(), delegate: Device())
            if words.count > 6 { try camera.report(bindCode: words[6]) }
            // A line on standard input is somebody at the door.
            Thread.detachNewThread {
                while readLine() != nil { try? camera.raise(CameraAlarm(.bellRing, .pulse)) }
            }
            try await camera.run()
        } catch {
            print(error)
            exit(1)
        }
    }
}
