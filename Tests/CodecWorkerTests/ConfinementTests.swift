import Foundation
import TestSupport
import Testing

/// What holds a decoder that was broken into. The real programme tries it from within.
@Suite("Confinement") struct ConfinementTests {
    /// EPERM of the filter; ENOMEM of the limit.
    @Test(arguments: [
        ("read", 1), ("write", 1), ("socket", 1), ("process", 1), ("execute", 1), ("signal", 1), ("trace", 1),
        ("memory", 12), ("code", 1),
    ]) func aPictureWorkerIsRefused(what: String, error: Int) throws {
        let result = try MediaFile.run([CodecProcess.path, "pictures", "--probe", what])
        #expect(String(decoding: result.output, as: UTF8.self) == "refused \(error)\n")
        #expect(result.status == 0)
    }

    private func confined(_ command: [String], _ options: [String] = []) throws -> MediaFile.Result {
        try MediaFile.run([CodecProcess.path, "confine"] + options + ["--"] + command)
    }

    @Test func ffmpegWorksBetweenItsPipes() throws {
        let result = try confined(
            [
                "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=25", "-t", "1",
                "-c:v", "libx264", "-threads", "2", "-f", "mpegts", "pipe:1",
            ],
            ["--memory", "2000000000", "--cpu-seconds", "30", "--nice", "5"]
        )
        #expect(result.status == 0, "\(result.errors)")
        let file = try MediaFile(packets: Array(result.output))
        #expect(try file.videoFrames() == 25)
    }

    @Test(arguments: [
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc", "-frames:v", "1", "-y", "FILE.png"],
        [
            "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc", "-t", "1", "-f", "mpegts",
            "udp://127.0.0.1:9",
        ],
        ["ffmpeg", "-v", "error", "-i", "http://127.0.0.1:9/", "-f", "null", "-"],
        ["dd", "if=/dev/zero", "of=FILE", "count=1"], ["touch", "FILE"], ["mkdir", "FILE"],
        ["sh", "-c", "/bin/true; echo allowed > /dev/stderr"], ["env", "true"], ["cat", "SECRET"],
        ["cat", "/etc/passwd"], ["ls", "/etc"],
        ["sh", "-c", "kill -0 $PPID"],
    ]) func aConfinedCommandIsRefused(command: [String]) throws {
        let file = MediaFile(path: MediaFile.temporaryPath())
        let secret = try MediaFile(packets: Array("secret".utf8))
        let result = try confined(
            command.map {
                $0.replacingOccurrences(of: "FILE", with: file.path)
                    .replacingOccurrences(of: "SECRET", with: secret.path)
            }
        )
        #expect(result.status != 0, "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: file.path))
        #expect(result.output.isEmpty)
    }

    /// Numbers of the calls on x86-64 and arm64; `p` is the process that started it.
    @Test(arguments: [
        ("tgkill", "p, p, 0"), ("prlimit64", "p, 7, 0, 0"), ("setpriority", "0, p, 19"),
        ("sched_setaffinity", "p, 8, m"), ("fcntl", "0, 8, p"), ("prctl", "1, 0"),
    ]) func aConfinedCommandLeavesThePlatformAlone(call: String, arguments: String) throws {
        let script = """
            import ctypes, os, platform
            numbers = {
                'x86_64': {'tgkill': 234, 'prlimit64': 302, 'setpriority': 141, 'sched_setaffinity': 203,
                    'fcntl': 72, 'prctl': 157},
                'aarch64': {'tgkill': 131, 'prlimit64': 261, 'setpriority': 140, 'sched_setaffinity': 122,
                    'fcntl': 25, 'prctl': 167},
            }[platform.machine()]
            system = ctypes.CDLL(None, use_errno=True)
            p, m = os.getppid(), ctypes.create_string_buffer(8)
            print(system.syscall(numbers['\(call)'], \(arguments)), ctypes.get_errno())
            print(system.syscall(numbers['tgkill'], os.getpid(), os.getpid(), 0))
            """
        let result = try confined(["/usr/bin/python3", "-I", "-c", script])
        #expect(String(decoding: result.output, as: UTF8.self) == "-1 1\n0\n", "\(result.errors)")
    }

    @Test func aBusyCommandEndsWithItsTime() throws {
        let result = try confined(["sh", "-c", "while :; do :; done"], ["--cpu-seconds", "1"])
        #expect(result.status == 9 || result.status == 137, "status \(result.status)")
    }

    @Test func aGreedyCommandGetsNoMoreMemory() throws {
        let result = try confined(
            ["dd", "if=/dev/zero", "of=/dev/null", "bs=300M", "count=1"],
            ["--memory", "200000000"]
        )
        #expect(result.status != 0)
    }

    @Test(
        arguments: [
            (["confine", "--", "no-such-programme"], 127), (["confine", "--"], 64), (["confine"], 64),
            (["confine", "--memory", "much", "--", "true"], 64), ([], 64), (["pictures", "--fast"], 64),
            (["--help"], 0),
        ] as [([String], Int32)]
    ) func statusesAreThoseOfShells(arguments: [String], status: Int32) throws {
        #expect(try MediaFile.run([CodecProcess.path] + arguments).status == status)
    }
}
