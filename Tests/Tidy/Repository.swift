import Foundation

/// The files of this repository, as the tests of its order read them.
enum Repository {
    struct File: Sendable, CustomStringConvertible {
        /// From the root of the repository.
        var path: String
        var lines: [String]

        var description: String { path }
        /// The folder below `Sources`.
        var room: String { String(path.split(separator: "/")[1]) }

        /// With their numbers, without comments.
        var code: [(number: Int, text: String)] {
            lines.enumerated().map { ($0.offset + 1, Self.withoutComment($0.element)) }
        }

        private static func withoutComment(_ line: String) -> String {
            guard let comment = line.firstRange(of: "//") else { return line }
            let before = String(line[..<comment.lowerBound])
            // `://` stands in addresses, not before comments.
            return before.hasSuffix(":") ? line : before
        }

        var imports: [String] {
            lines.compactMap { line in
                line.wholeMatch(
                    of: /(?:@\w+ )?(?:package |internal |public |private )?import (?:struct |class )?(\w+).*/
                )
                .map { String($0.1) }
            }
        }
    }

    static let root = String(#filePath.prefix(#filePath.count - "/Tests/Tidy/Repository.swift".count))

    static func text(_ path: String) throws -> String {
        try String(contentsOfFile: root + "/" + path, encoding: .utf8)
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root + "/" + path)
    }

    /// Files below `folder` whose name ends like this, in the order of their paths. Build products are none of them.
    static func files(in folder: String, ending: String = ".swift") throws -> [File] {
        let paths = try FileManager.default.subpathsOfDirectory(atPath: root + "/" + folder)
            .filter { $0.hasSuffix(ending) && !$0.hasPrefix(".") && !$0.contains("/.") }.sorted()
        return try paths.map { path in
            let path = folder.isEmpty ? path : folder + "/" + path
            return File(path: path, lines: try text(path).components(separatedBy: "\n"))
        }
    }
}
