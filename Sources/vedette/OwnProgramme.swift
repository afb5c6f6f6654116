import Glibc

/// Programmes that are installed together with this one.
enum OwnProgramme {
    /// `path`, or `name` in the folder of the running programme. `nil`: there is none to be run.
    static func beside(_ name: String, or path: String?) -> String? {
        let found = path ?? folder.map { "\($0)/\(name)" }
        return found.flatMap { access($0, X_OK) == 0 ? $0 : nil }
    }

    /// Where links to it have led.
    private static var folder: String? {
        guard let path = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(path) }
        let text = String(cString: path)
        return text.lastIndex(of: "/").map { String(text[..<$0]) }
    }
}
