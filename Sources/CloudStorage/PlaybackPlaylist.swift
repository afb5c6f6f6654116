import HSSModel
import ServerKit
import Vr

/// The text of playlists of recordings (RFC 8216). Segments are those that units uploaded, byte for byte; only where a part
/// of one is played it is cut on its way.
struct PlaybackPlaylist {
    /// Every so many segments the time of day is told anew: clocks of units drift.
    private static let dateInterval = 10

    var pieces: [PlayedPiece]
    /// Of what was asked for.
    var start: WallTime
    /// More will come.
    var isGrowing: Bool

    /// The one variant, at `address`. No codecs are told: of what is recorded nothing was looked at yet.
    func multivariant(_ address: String) -> String {
        let rates = pieces.map { bitrate($0) }
        let peak = max(1000, rates.max() ?? 0)
        let seconds = pieces.reduce(0) { $0 + $1.piece.duration.inSeconds }
        let bytes = pieces.reduce(0) { $0 + Double($1.piece.bytes) }
        let mean = max(1000, Int(bytes * 8 / max(seconds, 0.001)))
        return "#EXTM3U\n#EXT-X-VERSION:6\n"
            + "#EXT-X-STREAM-INF:BANDWIDTH=\(peak),AVERAGE-BANDWIDTH=\(min(mean, peak))\n\(address)\n"
    }

    private func bitrate(_ played: PlayedPiece) -> Int {
        let seconds = max((played.piece.segment.end - played.row.start).inSeconds, 0.001)
        return Int(min(Double(played.row.size) * 8 / seconds, 1e12))
    }

    /// The media playlist; names are relative to it.
    var media: String {
        let durations = pieces.indices.map { duration($0) }
        // 4.4.3.1: rounded to whole seconds no segment may be longer.
        let target = max(1, durations.map { Int($0.inSeconds.rounded()) }.max() ?? 10)
        var text = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:\(target)\n#EXT-X-MEDIA-SEQUENCE:0\n"
        text += "#EXT-X-PLAYLIST-TYPE:\(isGrowing ? "EVENT" : "VOD")\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        // Else a player begins at the end of what grows; and a segment may begin before what was asked for.
        let lead = pieces.first.map { max(.zero, start - $0.row.start) } ?? .zero
        if isGrowing || lead > .zero {
            text += "#EXT-X-START:TIME-OFFSET=\(Self.seconds(lead)),PRECISE=YES\n"
        }
        text.reserveCapacity(text.utf8.count + pieces.count * 96)
        for (index, played) in pieces.enumerated() {
            let breaks = index > 0 && played.piece.isDiscontinuous
            if breaks { text += "#EXT-X-DISCONTINUITY\n" }
            if breaks || index % Self.dateInterval == 0 {
                let time = index == 0 ? played.row.start : played.piece.from
                text += "#EXT-X-PROGRAM-DATE-TIME:\(time.rfc3339Exact)\n"
            }
            text += "#EXTINF:\(Self.seconds(durations[index])),\n\(name(index))\n"
        }
        if !isGrowing { text += "#EXT-X-ENDLIST\n" }
        return text
    }

    /// The first segment is played from its beginning on, and `EXT-X-START` passes over what was not asked for.
    private func duration(_ index: Int) -> Duration {
        let piece = pieces[index].piece
        return index == 0 ? piece.to - pieces[0].row.start : piece.duration
    }

    private func name(_ index: Int) -> String {
        let (piece, row, end) = (pieces[index].piece, pieces[index].row, pieces[index].end)
        var cuts: [String] = []
        if index > 0, piece.from > row.start { cuts.append("from=\(piece.from.milliseconds)") }
        if let end { cuts.append("to=\(end.milliseconds)") }
        let query = cuts.isEmpty ? "" : "?" + cuts.joined(separator: "&")
        // A name with a colon is not to be taken for a scheme.
        return "./\(row.session)/\(row.name)\(query)"
    }

    private static func seconds(_ duration: Duration) -> String {
        let milliseconds = duration.wholeMilliseconds
        return "\(milliseconds / 1000)." + String(String(1000 + milliseconds % 1000).dropFirst())
    }
}
