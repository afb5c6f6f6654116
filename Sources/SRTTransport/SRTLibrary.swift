internal import CLibSRT

/// libsrt's threads and tables. Started by the first socket of the process, stopped with it: `srt_cleanup` would have
/// to wait for every other user of the library in the process.
enum SRTLibrary {
    private static let started: Bool = {
        // Its log would print peers' addresses to standard error; errors reach us by return codes.
        srt_setloglevel(2)
        return srt_startup() >= 0
    }()

    static func start() throws(SRTError) {
        guard started else { throw SRTError(operation: "start") }
    }
}

/// The name of the calling thread as `top -H` shows it; at most 15 characters.
package func nameThread(_ name: String) {
    srt_transport_name_thread(name)
}
