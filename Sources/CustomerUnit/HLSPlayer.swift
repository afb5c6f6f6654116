import AsyncHTTPClient
package import HSSModel
import NIOCore

extension LivePlayer {
    /// "Nothing came" in a row, each after the platform's longest wait: more than `live.grace` with usual key frames.
    private static let mostWaits = 10

    /// Watches over HLS (RFC 8216bis), part by part as they come: a fragmented file that players take as it is.
    package func play(hls url: Secret, with client: PlatformClient) async throws(CustomerError) -> End {
        let variants = try await client.text(url: url.reveal())
        guard let path = HLSPlaylist.variant(in: variants) else {
            throw .stream("its playlist has no variant")
        }
        let playlistURL = HLSPlaylist.resolve(path, against: url.reveal())
        var query = ""
        var position: HLSPlaylist.Position?
        var header: String?
        var waits = 0
        watching: while !isOver, !Task.isCancelled {
            let text: String
            do {
                text = try await client.text(url: playlistURL + query)
                waits = 0
            } catch .refused(status: 404, _) {
                return .streamEnded
            } catch .unreachable {
                // The platform may be, too.
                return .streamEnded
            } catch .refused(status: 503, _) {
                // The camera may be on its way back.
                waits += 1
                guard waits < Self.mostWaits else { return .streamEnded }
                continue
            }
            let playlist = HLSPlaylist(text)
            for piece in playlist.pieces(from: position) {
                do {
                    if piece.header != header {
                        guard try await fetch(piece.header, playlistURL, client) else { return .finished }
                        header = piece.header
                    }
                    guard try await fetch(piece.path, playlistURL, client), !isOver else { return .finished }
                } catch .unreachable {
                    return .streamEnded
                } catch .refused(status: 404, _) {
                    // It was listed too long ago; the playlist knows what there is now, and whether there is any.
                    query = ""
                    continue watching
                }
                position = piece.next
            }
            guard !playlist.isOver else { return .streamEnded }
            let next = playlist.next
            query = "?_HLS_msn=\(next.segment)&_HLS_part=\(next.part)"
        }
        return .finished
    }

    /// False: the reader has gone.
    private func fetch(
        _ path: String,
        _ playlist: String,
        _ client: PlatformClient
    ) async throws(CustomerError) -> Bool {
        let body = try await client.open(url: HLSPlaylist.resolve(path, against: playlist))
        do {
            for try await buffer in body {
                guard try buffer.withUnsafeReadableBytes({ try sink($0) }) else { return false }
            }
            return true
        } catch let error as CustomerError {
            throw error
        } catch {
            throw .unreachable(url: playlist, "a part of it broke off")
        }
    }
}

/// What a player needs of a media playlist of ours.
struct HLSPlaylist {
    struct Position: Comparable {
        var segment: Int
        var part: Int

        static func < (one: Self, other: Self) -> Bool {
            (one.segment, one.part) < (other.segment, other.part)
        }
    }

    /// A part, or a whole segment whose parts are told no more.
    struct Piece {
        var path: String
        var header: String
        var position: Position
        var next: Position
        var isIndependent: Bool
    }

    private(set) var isOver = false
    /// What comes behind everything that is told.
    private(set) var next = Position(segment: 0, part: 0)
    private var pieces: [Piece] = []

    init(_ text: String) {
        var header = ""
        var part = 0
        for line in text.split(separator: "\n") {
            let value = line.drop { $0 != ":" }.dropFirst()
            if line.hasPrefix("#EXT-X-MEDIA-SEQUENCE:") {
                next.segment = Int(value) ?? 0
            } else if line.hasPrefix("#EXT-X-MAP:") {
                header = Self.address(in: value)
            } else if line.hasPrefix("#EXT-X-PART:") {
                append(Self.address(in: value), header, part, line.contains("INDEPENDENT=YES"))
                part += 1
            } else if line.hasPrefix("#EXT-X-ENDLIST") {
                isOver = true
            } else if !line.hasPrefix("#") {
                if part == 0 { append(String(line), header, 0, true, isWhole: true) }
                next = Position(segment: next.segment + 1, part: 0)
                part = 0
            }
        }
        next.part = part
    }

    private mutating func append(
        _ path: String,
        _ header: String,
        _ part: Int,
        _ isIndependent: Bool,
        isWhole: Bool = false
    ) {
        let position = Position(segment: next.segment, part: part)
        let next =
            isWhole
            ? Position(segment: position.segment + 1, part: 0)
            : Position(segment: position.segment, part: part + 1)
        pieces.append(
            Piece(path: path, header: header, position: position, next: next, isIndependent: isIndependent)
        )
    }

    /// What has not been fetched; at first from the newest point at which decoding can begin.
    func pieces(from position: Position?) -> ArraySlice<Piece> {
        guard let position else {
            return pieces[(pieces.lastIndex { $0.isIndependent } ?? pieces.startIndex)...]
        }
        return pieces[(pieces.firstIndex { $0.position >= position } ?? pieces.endIndex)...]
    }

    static func variant(in text: String) -> String? {
        text.split(separator: "\n").first { !$0.hasPrefix("#") }.map(String.init)
    }

    /// For the relative paths that the platform makes.
    static func resolve(_ path: String, against url: String) -> String {
        let bare = url.prefix { $0 != "?" }
        guard let slash = bare.lastIndex(of: "/") else { return path }
        return bare[...slash] + path
    }

    private static func address(in attributes: Substring) -> String {
        let quoted = attributes.split(separator: "\"", omittingEmptySubsequences: false)
        guard let name = quoted.firstIndex(where: { $0.hasSuffix("URI=") }), name + 1 < quoted.count else {
            return ""
        }
        return String(quoted[name + 1])
    }
}
