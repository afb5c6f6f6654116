package import AsyncHTTPClient
package import FoundationEssentials
package import HSSModel
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOSSL

/// The customer API of one platform (CONTRACT.md), for one login.
///
/// Renews the access token when it has expired, once for all calls that find out at the same time.
package actor PlatformClient {
    /// Largest answer that is read whole.
    private static let largestAnswer = 8 << 20

    private let http: HTTPClient
    private let base: String
    private var session: SessionFile?
    /// Where other commands keep the same session.
    private let sharedPath: String?
    private let sessionSaved: @Sendable (SessionFile) throws(CustomerError) -> Void
    private var renewal: Task<Void, any Error>?
    private let authority: String?

    /// `authority` is the PEM text of a certificate authority to trust beside those of the system.
    /// ``shutdown()`` waits for the end of its connections; a client that is just dropped ends them later.
    package init(
        url: String,
        authority: String?,
        session: SessionFile? = nil,
        sharedAt sharedPath: String? = nil,
        sessionSaved: @escaping @Sendable (SessionFile) throws(CustomerError) -> Void = {
            (_) throws(CustomerError) in
        }
    ) throws(CustomerError) {
        guard url.hasPrefix("https://") || url.hasPrefix("http://"), let parsed = URL(string: url),
            let host = parsed.host(), !host.isEmpty
        else { throw .address(url) }
        base = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.authority = authority
        self.session = session
        self.sharedPath = sharedPath
        self.sessionSaved = sessionSaved
        http = HTTPClient(
            eventLoopGroupProvider: .singleton,
            configuration: try Self.configuration(authority: authority)
        )
    }

    deinit {
        let http = http
        // Twice does no harm, and HTTPClient traps when nobody did.
        Task { try? await http.shutdown() }
    }

    package func shutdown() async {
        try? await http.shutdown()
    }

    // MARK: Session

    /// `code` is one of an authenticator, or a recovery code; `scope` words with spaces between them, nil: everything.
    package func logIn(
        user: String,
        password: Secret,
        code: Secret? = nil,
        scope: String? = nil
    ) async throws(CustomerError) {
        var body = ["user": user, "password": password.reveal()]
        body["code"] = code?.reveal()
        body["scope"] = scope
        let answer: TokenAnswer
        do throws(CustomerError) {
            answer = try await send(.post, "/session", body, token: nil)
        } catch {
            throw atTheDoor(error)
        }
        try keep(answer, user: user)
    }

    /// Whoever logs in may have come to another port: that of units, one without TLS, or another program.
    private func atTheDoor(_ error: CustomerError) -> CustomerError {
        switch error {
        case .refused(_, let detail) where detail.hasPrefix(Self.wordless): .stranger(url: base)
        case .unexpected: .stranger(url: base)
        case .unreachable(let url, let problem) where url.hasPrefix("http://"):
            .unreachable(url: url, "\(problem); a platform is reached at https://HOST:PORT")
        default: error
        }
    }

    package func logOut() async throws(CustomerError) {
        let _: Nothing = try await call(.delete, "/session")
    }

    private func keep(_ answer: TokenAnswer, user: String) throws(CustomerError) {
        let file = SessionFile(
            url: base,
            user: user,
            accessToken: answer.accessToken,
            refreshToken: answer.refreshToken,
            authority: authority
        )
        session = file
        try sessionSaved(file)
    }

    private func renew() async throws(CustomerError) {
        if let renewal {
            do { try await renewal.value } catch { throw error as? CustomerError ?? .unexpected("\(error)") }
            return
        }
        let task = Task {
            guard let session else { throw CustomerError.notLoggedIn }
            var lock: SessionLock?
            if let sharedPath {
                lock = try await SessionLock(path: sharedPath)
                if let other = try? SessionFile.load(from: sharedPath), other.user == session.user,
                    other.url == session.url, other.accessToken != session.accessToken
                {
                    // Another command has renewed it meanwhile.
                    self.session = other
                    return
                }
            }
            // Until the new session stands in the file.
            defer { withExtendedLifetime(lock) {} }
            let answer: TokenAnswer = try await send(
                .post,
                "/session/refresh",
                ["refresh_token": session.refreshToken],
                token: nil
            )
            try keep(answer, user: session.user)
        }
        renewal = task
        defer { renewal = nil }
        do { try await task.value } catch { throw error as? CustomerError ?? .unexpected("\(error)") }
    }

    // MARK: Calls

    /// Every page of a list.
    package func all<Item: Codable & Sendable>(_ path: String) async throws(CustomerError) -> [Item] {
        var items: [Item] = []
        var cursor: String?
        repeat {
            let suffix = cursor.map { "&cursor=\($0)" } ?? ""
            let limit = (path.contains("?") ? "&" : "?") + "limit=200"
            let page: Page<Item> = try await call(.get, path + limit + suffix)
            items += page.items
            cursor = page.nextCursor
        } while cursor != nil
        return items
    }

    package func call<Answer: Codable & Sendable>(
        _ method: Method,
        _ path: String,
        _ body: [String: String]? = nil
    ) async throws(CustomerError) -> Answer {
        try await call(method, path, json: body.map { try? JSONEncoder().encode($0) } ?? nil)
    }

    /// Sends `body` as JSON with its names in snake case.
    package func call<Answer: Codable & Sendable>(
        _ method: Method,
        _ path: String,
        sending body: some Encodable & Sendable
    ) async throws(CustomerError) -> Answer {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.withoutEscapingSlashes]
        guard let json = try? encoder.encode(body) else { throw .unexpected("a request that is no JSON") }
        return try await call(method, path, json: json)
    }

    package func call<Answer: Codable & Sendable>(
        _ method: Method,
        _ path: String,
        json: Data?
    ) async throws(CustomerError) -> Answer {
        try Self.decode(try await bytes(method, path, json: json), method, path)
    }

    /// An answer that is a document of a unit: shown as it is.
    package func document(
        _ method: Method,
        _ path: String,
        json: Data? = nil
    ) async throws(CustomerError) -> UnitDocument {
        UnitDocument(text: String(decoding: try await bytes(method, path, json: json), as: UTF8.self))
    }

    /// An answer as it comes: a picture, a log.
    package func bytes(
        _ method: Method,
        _ path: String,
        json: Data? = nil
    ) async throws(CustomerError) -> Data {
        guard let token = session?.accessToken else { throw .notLoggedIn }
        do {
            return try await exchange(method, path, json: json, token: token)
        } catch .refused(status: 401, _) {
            try await renew()
            return try await exchange(method, path, json: json, token: session?.accessToken)
        }
    }

    /// Sends a file as it is, within two hours.
    package func upload<Answer: Codable & Sendable>(
        _ file: FileUpload,
        to path: String
    ) async throws(CustomerError) -> Answer {
        var request = HTTPClientRequest(url: base + "/api/v1" + path)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/octet-stream")
        request.body = .stream(file, length: .known(file.size))
        guard let token = session?.accessToken else { throw .notLoggedIn }
        let limit = TimeAmount.hours(2)
        do {
            return try Self.decode(try await perform(request, token: token, within: limit), .post, path)
        } catch .refused(status: 401, _) {
            try await renew()
            let data = try await perform(request, token: session?.accessToken, within: limit)
            return try Self.decode(data, .post, path)
        }
    }

    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    /// An answer without a body.
    package struct Nothing: Codable, Sendable {}

    private func send<Answer: Codable & Sendable>(
        _ method: Method,
        _ path: String,
        _ body: [String: String],
        token: String?
    ) async throws(CustomerError) -> Answer {
        let json = try? JSONEncoder().encode(body)
        return try Self.decode(try await exchange(method, path, json: json, token: token), method, path)
    }

    private func exchange(
        _ method: Method,
        _ path: String,
        json: Data?,
        token: String?
    ) async throws(CustomerError) -> Data {
        var request = HTTPClientRequest(url: base + "/api/v1" + path)
        request.method = HTTPMethod(rawValue: method.rawValue)
        if let json {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: json))
        }
        // A live request is answered when the unit really publishes, 25 s at the latest.
        return try await perform(request, token: token, within: .seconds(40))
    }

    private func perform(
        _ request: HTTPClientRequest,
        token: String?,
        within limit: TimeAmount
    ) async throws(CustomerError) -> Data {
        var request = request
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        let status: Int
        let data: Data
        do {
            let response = try await http.execute(request, timeout: limit)
            status = Int(response.status.code)
            data = Data(buffer: try await response.body.collect(upTo: Self.largestAnswer))
        } catch {
            throw .unreachable(url: base, "\(ConnectionProblem(error))")
        }
        guard (200..<300).contains(status) else { throw Self.refusal(status, data) }
        return data
    }

    private static func decode<Answer: Codable & Sendable>(
        _ data: Data,
        _ method: Method,
        _ path: String
    ) throws(CustomerError) -> Answer {
        if let nothing = Nothing() as? Answer { return nothing }
        do {
            return try decoder.decode(Answer.self, from: data)
        } catch {
            throw .unexpected("\(method.rawValue) \(path) answered something else than promised")
        }
    }

    /// Opens a streamed body, for live pictures.
    package func open(url: String) async throws(CustomerError) -> HTTPClientResponse.Body {
        do {
            let response = try await http.execute(HTTPClientRequest(url: url), deadline: .distantFuture)
            guard response.status == .ok else {
                let data = Data(buffer: (try? await response.body.collect(upTo: 65_536)) ?? ByteBuffer())
                throw Self.refusal(Int(response.status.code), data)
            }
            return response.body
        } catch let error as CustomerError {
            throw error
        } catch {
            throw .unreachable(url: base, "\(ConnectionProblem(error))")
        }
    }

    /// A streamed body at an address of the platform, with the fields of its answer. `path` begins with a slash.
    func response(
        path: String,
        fields: [(String, String)]
    ) async throws(CustomerError) -> HTTPClientResponse {
        var request = HTTPClientRequest(url: base + path)
        for (name, value) in fields { request.headers.add(name: name, value: value) }
        do {
            let response = try await http.execute(request, deadline: .distantFuture)
            guard (200..<300).contains(Int(response.status.code)) else {
                let data = Data(buffer: (try? await response.body.collect(upTo: 65_536)) ?? ByteBuffer())
                throw Self.refusal(Int(response.status.code), data)
            }
            return response
        } catch let error as CustomerError {
            throw error
        } catch {
            throw .unreachable(url: base, "\(ConnectionProblem(error))")
        }
    }

    /// An address of the platform that it told without its host.
    package nonisolated func address(_ path: String) -> String { base + path }

    /// A playlist; at most 1 MiB.
    func text(url: String) async throws(CustomerError) -> String {
        let body = try await open(url: url)
        do { return String(buffer: try await body.collect(upTo: 1 << 20)) } catch {
            throw .unreachable(url: base, "\(ConnectionProblem(error))")
        }
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }

    /// What is said where the answer has no words of a platform (RFC 9457).
    private static let wordless = "refused with status"

    private static func refusal(_ status: Int, _ data: Data) -> CustomerError {
        let problem = try? decoder.decode(ProblemAnswer.self, from: data)
        return .refused(status: status, problem?.detail ?? problem?.title ?? "\(wordless) \(status)")
    }

    /// What this client trusts, for connections that are not of HTTP.
    nonisolated var tls: NIOSSLContext {
        get throws(CustomerError) {
            do { return try NIOSSLContext(configuration: Self.tls(authority: authority)) } catch let error
                as CustomerError
            {
                throw error
            } catch {
                throw .authority("\(error)")
            }
        }
    }

    private static func tls(authority: String?) throws(CustomerError) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let authority {
            do {
                tls.additionalTrustRoots = [
                    .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)))
                ]
            } catch {
                throw .authority("it is not a PEM certificate")
            }
        }
        return tls
    }

    private static func configuration(authority: String?) throws(CustomerError) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(tlsConfiguration: try tls(authority: authority))
        configuration.timeout.connect = .seconds(10)
        return configuration
    }
}
