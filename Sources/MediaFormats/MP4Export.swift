/// Joins stored segments to one fragmented MP4 (ISO/IEC 14496-12, 8.8). Gaps are closed up: pictures and sound go on where
/// the segment before ended.
///
/// At both ends it is exact to the picture. A cut that begins between two key frames carries the pictures from the last one
/// on in `moov`, and an edit list that hides them (8.6.6): fragments cannot be hidden from players that build on FFmpeg.
/// Pictures behind the end are left out, but for the few that others before it refer to.
///
/// One file has one kind of pictures and of sound, those that come first. New parameter sets of the same kind go in front
/// of their key frame; what is coded otherwise is left out.
package struct MP4Export: RecordingExport {
    /// Sound that waits for its pictures: ten seconds.
    fileprivate static let mostWaitingSound = 470
    /// Pictures behind the end that others may refer to: H.264 and H.265 hold 16.
    fileprivate static let mostLate = 16

    private var reader = SegmentDemultiplexer()
    private var state = State()

    /// `duration`: what is shown of all segments, in milliseconds.
    package init(duration: Int64) {
        state.duration = duration
    }

    package mutating func begin(_ segment: ExportSegment, _ output: inout [UInt8]) {
        if !segment.isContinuous {
            reader = SegmentDemultiplexer()
            state.breakOff(&output)
        }
        state.begin(segment)
    }

    package mutating func take(_ octets: UnsafeRawBufferPointer, _ output: inout [UInt8]) {
        Self.read(&reader, &state, &output) { $0.take(octets, $1) }
    }

    package mutating func endSegment(_ output: inout [UInt8]) {
        Self.read(&reader, &state, &output) { $0.endSegment($1) }
        // Nothing refers to them any more.
        state.late = []
    }

    package mutating func finish(_ output: inout [UInt8]) {
        state.breakOff(&output)
    }

    package var failure: ExportFailure? { state.failure }

    private static func read(
        _ reader: inout SegmentDemultiplexer,
        _ state: inout State,
        _ output: inout [UInt8],
        _ body: (inout SegmentDemultiplexer, (TransportStreamDemultiplexer.Event) -> Void) -> Void
    ) {
        body(&reader) { state.take($0, &output) }
    }

    fileprivate struct State: Sendable {
        var duration: Int64 = 0
        var segment = ExportSegment(isContinuous: false)
        /// Presentation time of the segment's first picture.
        var first: Int64?
        var awaitsKey = false
        /// Decoding times have passed the end.
        var isOver = false

        /// Those of the first pictures and the first sound: of the file.
        var content: TransportStreamDemultiplexer.Content?
        var video: VideoFormat?
        var audio: AudioFormat?
        /// Of what comes.
        var current: (video: VideoFormat?, audio: AudioFormat?)
        /// They stand in front of the next key frame.
        var newSets: [UInt8] = []

        /// Pictures that are decoded and not shown, or shown among such.
        var lead: [AccessUnit] = []
        var leadInOctets = 0
        var failure: ExportFailure?
        var late: [AccessUnit] = []
        var sound: [AccessUnit] = []
        var segmenter: MediaSegmenter?
        var edit: MP4Header.Edit?
        var hasHeader = false
        var hasAnnouncedAudio = false
    }
}

// MARK: What comes

extension MP4Export.State {
    mutating func begin(_ segment: ExportSegment) {
        self.segment = segment
        first = segment.begin?.first
        awaitsKey = segment.begin != nil
        isOver = false
    }

    mutating func take(_ event: TransportStreamDemultiplexer.Event, _ output: inout [UInt8]) {
        switch event {
        case .content(let content):
            if self.content == nil { self.content = content }
        case .video(let format):
            current.video = format
            if video == nil { video = format }
            guard let video, format != video, format.coding == video.coding else {
                newSets = []
                return
            }
            newSets = []
            for set in format.parameterSets { set.withUnsafeBytes { NALUnits.append($0, to: &newSets) } }
        case .audio(let format):
            current.audio = format
            if audio == nil { audio = format }
        case .unit(let unit) where unit.track == .video: takePicture(unit, &output)
        case .unit(let unit): takeSound(unit, &output)
        case .discontinuity:
            if lead.isEmpty { feed(.discontinuity, &output) }
        case .refused: break
        }
    }

    private mutating func takePicture(_ unit: AccessUnit, _ output: inout [UInt8]) {
        guard let video, video.coding == current.video?.coding, !isOver else { return }
        let begin = first ?? unit.presentation
        first = begin
        if awaitsKey {
            guard let place = segment.begin, unit.isKeyFrame, unit.presentation == place.key else { return }
            awaitsKey = false
        }
        guard let end = segment.end.map({ begin + $0 }), unit.presentation >= end else {
            for unit in late { place(unit, &output) }
            late = []
            return place(unit, &output)
        }
        if unit.decoding >= end || late.count >= MP4Export.mostLate {
            isOver = true
        } else {
            late.append(unit)
        }
    }

    /// The pictures of a cut come with those that they refer to.
    private mutating func place(_ unit: AccessUnit, _ output: inout [UInt8]) {
        var unit = unit
        // The header goes on telling those that came first: each key frame needs them.
        if unit.isKeyFrame, !newSets.isEmpty { unit.sample = newSets + unit.sample }
        if segmenter == nil {
            if let target = segment.begin?.target, unit.decoding < target, isLeading(unit, target) {
                return hide(unit)
            }
            open(before: unit)
        }
        feed(.unit(unit), &output)
        releaseSound(&output)
    }

    /// ``KeyFrameSearch`` ends a lead that is too long by the times of key frames; where many of these have the same time
    /// it has seen the last of them, and the cut begins with the first.
    private mutating func hide(_ unit: AccessUnit) {
        lead.append(unit)
        leadInOctets += unit.sample.count
        guard
            lead.count > KeyFrameSearch.mostLeadingPictures || leadInOctets > KeyFrameSearch.longestLead
        else { return }
        failure = .tooMuchLead
        isOver = true
        (lead, late, sound) = ([], [], [])
    }

    private func isLeading(_ unit: AccessUnit, _ target: Int64) -> Bool {
        !lead.isEmpty || unit.presentation < target
    }

    private mutating func takeSound(_ unit: AccessUnit, _ output: inout [UInt8]) {
        guard let audio, audio == current.audio, failure == nil else { return }
        if let begin = segment.begin, unit.presentation < begin.target { return }
        if let end = segment.end, let first, unit.presentation >= first + end { return }
        guard segmenter == nil, content?.video != nil else {
            if segmenter == nil { open(before: nil) }
            return feed(.unit(unit), &output)
        }
        if sound.count < MP4Export.mostWaitingSound { sound.append(unit) }
    }

    private mutating func releaseSound(_ output: inout [UInt8]) {
        guard !sound.isEmpty else { return }
        let waiting = sound
        sound = []
        for unit in waiting { feed(.unit(unit), &output) }
    }
}

// MARK: What is written

extension MP4Export.State {
    /// The line of times of the file begins with the decoding time of its first picture.
    private mutating func open(before unit: AccessUnit?) {
        var settings = MediaSegmenter.Settings()
        settings.part = 90_000
        settings.firstSegment = 900_000
        settings.longestSegment = 900_000
        settings.includesG711 = true
        settings.origin = 0
        if let first = lead.first ?? unit {
            let earliest = min(first.presentation, sound.first?.presentation ?? .max)
            let shown = segment.begin?.target ?? earliest
            var edit = MP4Header.Edit(start: 0, duration: duration)
            if lead.isEmpty {
                // Sound may be a little earlier than the first picture is decoded.
                settings.origin = max(0, first.decoding - shown)
            } else {
                let end = unit?.decoding ?? lead.last.map { $0.decoding + 3600 } ?? 0
                edit.lead = samples(until: end)
                settings.origin = max(0, end - first.decoding)
                settings.beginsAnywhere = true
            }
            edit.start = max(0, shown - first.decoding)
            self.edit = edit
        }
        var segmenter = MediaSegmenter(settings)
        // Nothing comes of them but what the header waits for.
        segmenter.take(.content(content ?? .init())) { _ in }
        if let video { segmenter.take(.video(video)) { _ in } }
        if let audio { segmenter.take(.audio(audio)) { _ in } }
        hasAnnouncedAudio = audio != nil
        self.segmenter = segmenter
    }

    private mutating func samples(until end: Int64) -> [MP4Fragment.Sample] {
        let ends = lead.dropFirst().map(\.decoding) + [end]
        defer { lead = [] }
        return zip(lead, ends).map { unit, end in
            MP4Fragment.Sample(
                duration: UInt32(clamping: end - unit.decoding),
                compositionOffset: Int32(clamping: unit.presentation - unit.decoding),
                isKeyFrame: unit.isKeyFrame,
                octets: unit.sample
            )
        }
    }

    private mutating func feed(
        _ event: TransportStreamDemultiplexer.Event,
        _ output: inout [UInt8]
    ) {
        if !hasAnnouncedAudio, let audio {
            hasAnnouncedAudio = true
            pass(&output) { $0.take(.audio(audio), $1) }
        }
        pass(&output) { $0.take(event, $1) }
    }

    mutating func breakOff(_ output: inout [UInt8]) {
        if !lead.isEmpty, segmenter == nil {
            open(before: nil)
            writeHeader(MP4Header(video: video, audio: audio), &output)
        }
        releaseSound(&output)
        pass(&output) { $0.breakOff($1) }
    }

    private mutating func pass(
        _ output: inout [UInt8],
        _ body: (inout MediaSegmenter, (MediaSegmenter.Output) -> Void) -> Void
    ) {
        guard var segmenter else { return }
        // One owner, so that nothing is copied.
        self.segmenter = nil
        var parts: [MediaSegmenter.Output] = []
        body(&segmenter) { parts.append($0) }
        self.segmenter = segmenter
        for part in parts {
            switch part {
            case .header(let header): writeHeader(header, &output)
            case .part(let part): output += part.bytes
            }
        }
    }

    private mutating func writeHeader(_ header: MP4Header, _ output: inout [UInt8]) {
        guard !hasHeader else { return }
        hasHeader = true
        var header = header
        header.edit = edit
        output += header.bytes
        edit = nil
    }
}
