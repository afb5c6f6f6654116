import FoundationEssentials
import Glibc

/// A customer's login between two commands: tokens and whom to trust, in a file that only its owner reads.
package struct SessionFile: Codable, Sendable {
    package var url: String
    package var user: String
    package var accessToken: String
    package var refreshToken: String
    /// PEM of the authority to trust beside those of the system; empty: only those.
    package var authority: String?

    package init(url: String, user: String, accessToken: String, refreshToken: String, authority: String?) {
        self.url = url
        self.user = user
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.authority = authority
    }

    /// `VEDETTE_SESSION`, else `vedette/session.json` under the user's configuration folder.
    package static func path(environment: [String: String]) -> String {
        if let path = environment["VEDETTE_SESSION"], !path.isEmpty { return path }
        let home = environment["HOME"] ?? "."
        let configuration =
            environment["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? home + "/.config"
        return configuration + "/vedette/session.json"
    }

    package static func load(from path: String) throws(CustomerError) -> SessionFile {
        guard let data = FileManager.default.contents(atPath: path) else { throw .notLoggedIn }
        do {
            return try JSONDecoder().decode(SessionFile.self, from: data)
        } catch {
            throw .sessionFile(path: path, "is not a session file; log in again")
        }
    }

    /// Replaces the file as a whole, so that a crash leaves the old or the new one. A device or a pipe is left alone: root
    /// would replace `/dev/null`.
    package func save(to path: String) throws(CustomerError) {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            throw .sessionFile(path: path, "is not a file")
        }
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
            separator: "/"
        )
        do {
            if !folder.isEmpty {
                try FileManager.default.createDirectory(
                    atPath: folder,
                    withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700]
                )
            }
            let data = try JSONEncoder().encode(self)
            let temporary = "\(path).\(getpid())"
            let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            guard descriptor >= 0 else { throw CustomerError.sessionFile(path: path, "cannot be written") }
            let written = data.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            close(descriptor)
            guard written == data.count, rename(temporary, path) == 0 else {
                unlink(temporary)
                throw CustomerError.sessionFile(path: path, "cannot be written")
            }
        } catch let error as CustomerError {
            throw error
        } catch {
            throw .sessionFile(path: path, "cannot be written")
        }
    }
}
