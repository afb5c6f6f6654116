import Dispatch
import Foundation
import Glibc
import HSSModel
import HostClock
import Measurement
import PremisesUnit
import Synchronization

/// A camera's lens and encoder: draws pictures that tell when they were drawn, 25 in a second, and has FFmpeg encode them.
final class GlassEncoder: Sendable {
    static let width = Stamp.width
    static let height = 360
    private static let distance = Duration.milliseconds(40)

    private let child: Mutex<Child?>
    private let isStopped = Atomic(false)
    private let keyFrameInterval: Int

    /// `output`: where FFmpeg sends the transport stream; `-` for ``nextBytes()``. `folder` gets a pipe.
    init(keyFrameInterval: Int, folder: String, to output: String) throws {
        self.keyFrameInterval = keyFrameInterval
        let pipe = try NamedPipe(in: folder)
        child = Mutex(
            try Child(
                "ffmpeg",
                [
                    "-nostdin", "-v", "error", "-fflags", "nobuffer", "-f", "rawvideo", "-pix_fmt", "yuv420p",
                    "-s",
                    "\(Self.width)x\(Self.height)", "-r", "25", "-i", pipe.path, "-c:v", "libx264", "-preset",
                    "ultrafast", "-tune", "zerolatency", "-g", "\(keyFrameInterval)", "-keyint_min",
                    "\(keyFrameInterval)", "-sc_threshold", "0", "-b:v", "1500k", "-maxrate", "1500k",
                    "-bufsize",
                    "750k", "-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1", "-f", "mpegts",
                    output,
                ],
                log: folder + "/encoder.log"
            )
        )
        Thread { [self] in draw(into: pipe) }.start()
    }

    /// What was encoded, as it comes; `nil` at the end. One reader.
    func nextBytes() -> [UInt8]? {
        // Read without the lock: `stop()` has to come through meanwhile.
        child.withLock { $0.map { UncheckedReader(child: $0) } }?.child.nextBytes()
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
        child.withLock { $0?.kill() }
    }

    private struct UncheckedReader: @unchecked Sendable {
        // One thread reads, another ends it; neither touches what the other does.
        let child: Child
    }

    private func draw(into pipe: NamedPipe) {
        guard let output = pipe.openForWriting() else { return }
        defer { close(output) }
        let background = Self.background()
        var picture = [UInt8](repeating: 128, count: Self.width * Self.height * 3 / 2)
        let start = Instant.now
        var number = 0
        while !isStopped.load(ordering: .relaxed) {
            let due = start + Self.distance * number
            let wait = due - .now
            if wait > .zero { usleep(UInt32(wait.inSeconds * 1e6)) }
            // It scrolls: an encoder has something to do.
            let shift = number % Self.height * Self.width
            picture.replaceSubrange(
                0..<(Self.width * Self.height),
                with: background[shift..<(shift + Self.width * Self.height)]
            )
            let line = Stamp(milliseconds: Self.now).line
            for row in 0..<Stamp.blockSize {
                picture.replaceSubrange((row * Self.width)..<((row + 1) * Self.width), with: line)
            }
            guard pipe.write(picture, to: output) else { return }
            number += 1
        }
    }

    /// Of the clock that every process of this host shares.
    static var now: UInt32 {
        UInt32(truncatingIfNeeded: DispatchTime.now().uptimeNanoseconds / 1_000_000)
    }

    /// Two pictures high, with shapes and some grain.
    private static func background() -> [UInt8] {
        (0..<(width * height * 2)).map { place in
            let (row, column) = ((place / width) % height, place % width)
            let shape = (row / 20 + column / 32) % 2 == 0 ? 90 : 150
            return UInt8(shape + (row * 7919 + column * 104_729) % 13)
        }
    }
}

/// The way of the pictures into a ``Camera``: an encoder for each push, so that it begins with a key frame.
final class GlassSource: CameraSource {
    private let folder: String
    private let running = Mutex<GlassEncoder?>(nil)

    init(folder: String) {
        self.folder = folder
    }

    func open(channel: Int, into output: CameraOutput) throws {
        let encoder = try GlassEncoder(keyFrameInterval: 50, folder: folder, to: "-")
        running.withLock { $0 = encoder }
        Thread {
            while let bytes = encoder.nextBytes() { output.send(bytes) }
        }.start()
    }

    func close(channel: Int) {
        running.withLock { encoder in
            encoder?.stop()
            encoder = nil
        }
    }
}
