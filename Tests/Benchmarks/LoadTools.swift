import Foundation

/// The load generators and the minimal C server over libsrt. They stand beside the project, not in it: the C server is
/// the peer, and a load that costs nothing leaves the machine to what is measured.
struct LoadTools {
    let publisherAndViewer: String
    let libsrtPublisherAndViewer: String
    let httpViewer: String
    let server: String
    let clip: String

    /// Builds them into `folder`; `nil` where the sources are not there.
    init?(sources: String, into folder: String) throws {
        guard FileManager.default.fileExists(atPath: sources + "/csrtd.c") else { return nil }
        publisherAndViewer = folder + "/srtlite"
        libsrtPublisherAndViewer = folder + "/srtlib"
        httpViewer = folder + "/httpview"
        server = folder + "/csrtd"
        clip = "/tmp/bench-clip.h264"
        let header = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/stream-ids.h"
        let libraries = ["-lsrt", "-lpthread"]
        for (name, options) in [
            ("srtlite", ["-include", header]), ("httpview", ["-include", header]), ("csrtd", libraries),
            ("srtlib", ["-DWITH_SRT", "-include", header] + libraries),
        ] {
            // Libraries come behind the source.
            try Self.run(
                "gcc",
                ["-O2", "-w", "-o", "\(folder)/\(name)"] + options.filter { !$0.hasPrefix("-l") }
                    + ["\(sources)/\(name).c"] + options.filter { $0.hasPrefix("-l") }
            )
        }
        try Self.run("sh", [sources + "/mkclip.sh", clip])
    }

    private static func run(_ program: String, _ arguments: [String]) throws {
        let child = try Child(program, arguments)
        while child.nextLine() != nil {}
        child.waitForExit()
        guard child.status == 0 else {
            throw BenchmarkError.tool(
                program,
                "\(arguments.joined(separator: " ")) ended with \(child.status)"
            )
        }
    }
}
