/// The text of playlists (RFC 8216bis, 4). Everything in it is made here: no text of a sender gets in.
extension HLSWindow {
    /// What a segment, a part and a header are called, relative to the playlist.
    package static func name(ofSegment number: Int) -> String { "\(number).m4s" }
    package static func name(ofPart place: HLSPlace) -> String { "\(place.segment).\(place.part ?? 0).m4s" }
    package static func name(ofHeader number: Int) -> String { "init\(number).mp4" }

    /// The media playlist. `skips`: the player has an older one and knows the beginning (4.4.5.2).
    package func playlist(skips: Bool = false) -> String {
        let target = settings.targetDuration
        var text = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:\(target)\n"
        let part = seconds(partTarget)
        text += "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=\(Self.skipBoundary * target).0"
        // Three parts: the least that 4.4.3.8 recommends.
        text += ",PART-HOLD-BACK=\(seconds(3 * partTarget))\n#EXT-X-PART-INF:PART-TARGET=\(part)\n"
        text += "#EXT-X-MEDIA-SEQUENCE:\(listed.first?.number ?? 0)\n"
        if discontinuitySequence > 0 { text += "#EXT-X-DISCONTINUITY-SEQUENCE:\(discontinuitySequence)\n" }
        let skipped = skips ? skippable : 0
        if skipped > 0 { text += "#EXT-X-SKIP:SKIPPED-SEGMENTS=\(skipped)\n" }
        var header = skipped > 0 ? listed.dropFirst(skipped - 1).first?.header : nil
        var ahead = listed.reduce(0) { $0 + $1.duration }
        for (index, segment) in listed.enumerated() {
            if index >= skipped {
                append(segment, listsParts: ahead <= Int64(3 * target) * 90_000, &header, &text)
            }
            ahead -= segment.duration
        }
        if isOver {
            text += "#EXT-X-ENDLIST\n"
        } else {
            text += "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"\(Self.name(ofPart: next))\"\n"
        }
        return text
    }

    /// CAN-SKIP-UNTIL in target durations, the least that 4.4.3.8 allows.
    private static var skipBoundary: Int { 6 }

    /// How many segments lie further from the end than the skip boundary.
    private var skippable: Int {
        let boundary = Int64(Self.skipBoundary * settings.targetDuration) * 90_000
        var ahead = listed.reduce(0) { $0 + $1.duration }
        var count = 0
        for segment in listed {
            ahead -= segment.duration
            guard ahead >= boundary else { break }
            count += 1
        }
        return count
    }

    /// Parts are told of the last three target durations, where they are of use (6.2.2).
    private func append(
        _ segment: Segment,
        listsParts: Bool,
        _ header: inout Int?,
        _ text: inout String
    ) {
        if segment.isDiscontinuity { text += "#EXT-X-DISCONTINUITY\n" }
        if header != segment.header {
            text += "#EXT-X-MAP:URI=\"\(Self.name(ofHeader: segment.header))\"\n"
            header = segment.header
        }
        if let date = segment.date {
            text += "#EXT-X-PROGRAM-DATE-TIME:\(DateText.rfc3339(milliseconds: date))\n"
        }
        if listsParts || !segment.isComplete {
            for (index, part) in segment.parts.enumerated() {
                let name = Self.name(ofPart: HLSPlace(segment: segment.number, part: index))
                text += "#EXT-X-PART:DURATION=\(seconds(part.duration)),URI=\"\(name)\""
                text += part.isIndependent ? ",INDEPENDENT=YES\n" : "\n"
            }
        }
        guard segment.isComplete else { return }
        text += "#EXTINF:\(seconds(segment.duration)),\n\(Self.name(ofSegment: segment.number))\n"
    }

    /// Decimal, to five places: a tick is 11 µs.
    private func seconds(_ ticks: Int64) -> String {
        let units = (ticks * 10 + 4) / 9
        let fraction = String(units % 100_000)
        return "\(units / 100_000).\(String(repeating: "0", count: 5 - fraction.count))\(fraction)"
    }

    /// The multivariant playlist of the one variant; `nil` until a header is known.
    package func multivariantPlaylist(mediaPlaylist: String) -> String? {
        guard let header = newestHeader else { return nil }
        // A live stream's peak is not known beforehand: half more than what was seen.
        let peak = max(peakBitrate, 1000) * 3 / 2
        var text = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-STREAM-INF:BANDWIDTH=\(peak)"
        text += ",CODECS=\"\(header.codecs)\""
        if let video = header.video {
            text += ",RESOLUTION=\(video.width)x\(video.height)"
            if let rate = video.framesPerSecond {
                let thousandths = Int((rate * 1000).rounded())
                let fraction = String(thousandths % 1000)
                text += ",FRAME-RATE=\(thousandths / 1000)."
                text += String(repeating: "0", count: 3 - fraction.count) + fraction
            }
        }
        return text + "\n\(mediaPlaylist)\n"
    }
}

/// RFC 3339 in UTC, without a calendar of the host.
enum DateText {
    static func rfc3339(milliseconds: Int64) -> String {
        let (days, rest) = floorDivision(milliseconds, 86_400_000)
        // Days to a date of the Gregorian calendar, counted in eras of 400 years that begin in March.
        let (era, dayOfEra) = floorDivision(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let time = [rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60].map { padded($0, 2) }
        let date = [padded(year, 4), padded(month, 2), padded(day, 2)].joined(separator: "-")
        return "\(date)T\(time.joined(separator: ":")).\(padded(rest % 1000, 3))Z"
    }

    private static func floorDivision(_ value: Int64, _ divisor: Int64) -> (Int64, Int64) {
        let rest = (value % divisor + divisor) % divisor
        return ((value - rest) / divisor, rest)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
