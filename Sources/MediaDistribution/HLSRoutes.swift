import Bus
import HSSModel
import HTTPTypes
import HostClock
import Hummingbird
import MediaFormats
import NIOCore
import ServerKit
import Vm

/// `GET /live/{stream}/index.m3u8?ticket=…` opens a session; everything else lies under its name (RFC 8216bis):
///
///     /live/{stream}/{session}/live.m3u8?_HLS_msn=…&_HLS_part=…&_HLS_skip=YES
///     /live/{stream}/{session}/init{n}.mp4, {segment}.m4s, {segment}.{part}.m4s
extension MediaService {
    private static var mediaPlaylist: String { "live.m3u8" }
    private static let playlistType = "application/vnd.apple.mpegurl"
    /// A browser's player may stand on any page; what it fetches is opened by the path alone.
    private static let anyOrigin: HTTPFields = [.accessControlAllowOrigin: "*"]

    func addHLSRoutes<Context: RequestContext>(
        to router: Router<Context>,
        peer: @escaping @Sendable (Context) -> ViewerPeer
    ) {
        router.get("live/{stream}/index.m3u8") { request, context in
            let ticket = try self.admit(request, context.parameters.get("stream"))
            return try await self.open(ticket, from: peer(context))
        }
        router.get("live/{stream}/{session}/{file}") { request, context in
            let (file, session, muxer) = try self.wanted(context)
            let response = try await self.file(file, request, session, muxer)
            let octets = response.body.contentLength ?? 0
            session.tally.add(octets: octets)
            muxer.hub.count(sent: octets)
            return response
        }
        // What says how something is, without giving it: neither opens a session nor counts as delivered.
        router.head("live/{stream}/index.m3u8") { request, context in
            _ = try self.admit(request, context.parameters.get("stream"))
            return Response(
                status: .ok,
                headers: [
                    .contentType: Self.playlistType, .cacheControl: "no-store",
                    .accessControlAllowOrigin: "*",
                ]
            )
        }
        router.head("live/{stream}/{session}/{file}") { request, context in
            let (file, session, muxer) = try self.wanted(context)
            return try await self.file(file, request, session, muxer).createHeadResponse()
        }
    }

    private func wanted(_ context: some RequestContext) throws -> (String, HLSSession, HLSMuxer) {
        let stream = context.parameters.get("stream").flatMap(StreamID.init(rawValue:))
        guard let stream, let name = context.parameters.get("session"),
            let file = context.parameters.get("file"),
            let (session, muxer) = hls.find(name, of: stream)
        else { throw Self.over }
        return (file, session, muxer)
    }

    private static var over: Problem {
        Problem(.notFound, detail: "The session is over, or what it asks for is gone.", headers: anyOrigin)
    }

    private func open(_ ticket: Ticket, from peer: ViewerPeer) async throws -> Response {
        let session: HLSSession
        do throws(MediaRefusal) {
            session = try hls.open(ticket, from: peer)
        } catch {
            throw refuse(error)
        }
        guard let (_, muxer) = hls.find(session.name, of: ticket.stream) else { throw Self.over }
        let answer = try await waiting(session) {
            await muxer.multivariantPlaylist(
                "\(session.name)/\(Self.mediaPlaylist)",
                until: .now + muxer.longestWait
            )
        }
        // It opens the session for whoever has it.
        return try respond(answer, type: Self.playlistType, cache: "no-store")
    }

    private func file(
        _ name: String,
        _ request: Request,
        _ session: HLSSession,
        _ muxer: HLSMuxer
    ) async throws -> Response {
        switch HLSFile(name) {
        case .playlist:
            let query = request.uri.queryParameters
            guard
                let wanted = HLSRequest(
                    segment: query["_HLS_msn"].map(String.init),
                    part: query["_HLS_part"].map(String.init),
                    skip: query["_HLS_skip"].map(String.init)
                )
            else {
                throw Problem(
                    .badRequest,
                    detail: "_HLS_msn and _HLS_part are numbers.",
                    headers: Self.anyOrigin
                )
            }
            let answer = try await waiting(session) {
                await muxer.playlist(wanted, until: .now + muxer.longestWait)
            }
            return try respond(answer, type: Self.playlistType, cache: "no-cache")
        case .part(let place):
            let answer = try await waiting(session) {
                await muxer.part(place, until: .now + muxer.longestWait)
            }
            return try media(answer)
        case .segment(let number):
            return try media(muxer.segment(number).map { .content($0) } ?? .missing)
        case .header(let number):
            return try media(muxer.header(number).map { .content([$0]) } ?? .missing)
        case nil: throw Self.over
        }
    }

    private func waiting<Content>(
        _ session: HLSSession,
        _ body: () async -> HLSMuxer.Answer<Content>
    ) async throws -> HLSMuxer.Answer<Content> {
        guard session.beginWaiting() else {
            metrics.hlsWaitsRefused.add()
            throw Problem(
                .tooManyRequests,
                detail: "Too many requests of this session wait already.",
                headers: [.retryAfter: "1", .accessControlAllowOrigin: "*"]
            )
        }
        defer { session.endWaiting(at: .now) }
        let answer = await body()
        // Whoever may watch no longer hears nothing more, though the request was allowed when it came.
        guard session.end?.letsViewersFinish ?? true else { return .missing }
        return answer
    }

    /// What has a number never changes: a player may keep it for as long as it could be asked for, but no cache that others
    /// share, who may not watch.
    private func media(_ answer: HLSMuxer.Answer<[ByteBuffer]>) throws -> Response {
        let buffers = try content(answer)
        return Response(
            status: .ok,
            headers: [
                .contentType: "video/mp4", .cacheControl: "private, max-age=60, immutable",
                .accessControlAllowOrigin: "*",
            ],
            body: ResponseBody(contentsOf: buffers)
        )
    }

    private func respond(_ answer: HLSMuxer.Answer<String>, type: String, cache: String) throws -> Response {
        Response(
            status: .ok,
            headers: [.contentType: type, .cacheControl: cache, .accessControlAllowOrigin: "*"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: try content(answer)))
        )
    }

    private func content<Content>(_ answer: HLSMuxer.Answer<Content>) throws -> Content {
        switch answer {
        case .content(let content): return content
        case .missing: throw Self.over
        case .tooFarAhead:
            throw Problem(.badRequest, detail: "That segment is too far ahead.", headers: Self.anyOrigin)
        case .timedOut:
            throw Problem(
                .serviceUnavailable,
                detail: "Nothing came in time.",
                headers: [.retryAfter: "1", .accessControlAllowOrigin: "*"]
            )
        }
    }
}

/// The names that ``HLSWindow`` gives to what a playlist lists.
enum HLSFile: Equatable {
    case playlist
    case header(Int)
    case segment(Int)
    case part(HLSPlace)

    init?(_ name: String) {
        if name == "live.m3u8" {
            self = .playlist
            return
        }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count == 2, parts[1] == "mp4", parts[0].hasPrefix("init"),
            let number = Self.number(parts[0].dropFirst(4))
        {
            self = .header(number)
        } else if parts.count == 2, parts[1] == "m4s", let number = Self.number(parts[0]) {
            self = .segment(number)
        } else if parts.count == 3, parts[2] == "m4s", let number = Self.number(parts[0]),
            let part = Self.number(parts[1])
        {
            self = .part(HLSPlace(segment: number, part: part))
        } else {
            return nil
        }
    }

    private static func number(_ text: Substring) -> Int? {
        guard (1...15).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }
}
