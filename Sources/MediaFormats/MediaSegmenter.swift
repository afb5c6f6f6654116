/// Cuts access units into the parts and segments of HLS (RFC 8216bis, 3 and 6.2): each part one fragment that may be sent
/// on its own, each segment the parts from one key frame to another.
///
/// Pictures lead, and take the sound of their time with them; without pictures the sound leads. A sample's length is
/// known with the next one, so everything lags by one picture. Times go on without a jump, whatever the sender's do:
/// where the sender's jump or pause, or a loss leaves a hole, the next segment is marked as a discontinuity.
package struct MediaSegmenter: Sendable {
    package struct Settings: Sendable {
        /// Parts come near to this, in whole pictures. Ticks of 90 kHz.
        package var part: Int64 = 22_500
        /// A key frame begins a new segment when the last one is so long.
        package var shortestSegment: Int64 = 90_000
        /// Without a key frame a segment ends here: the target duration of its playlist holds for ever.
        package var longestSegment: Int64 = 180_000
        /// The very first segment ends so early, so that somebody who asks gets one.
        package var firstSegment: Int64 = 90_000
        /// Octets of pictures after which a part and a segment end, however short.
        package var largestPart = 2 << 20
        package var largestSegment = 8 << 20
        /// G.711 goes in as it is: for players that take it, which browsers are not.
        package var includesG711 = false
        /// Where times begin.
        package var origin = MediaSegmenter.origin
        /// The first picture may be any: those that it refers to stand elsewhere.
        package var beginsAnywhere = false

        package init() {}
    }

    package struct Part: Sendable, Equatable {
        package var bytes: [UInt8]
        /// Decoding time of the first picture, or sound; ticks.
        package var start: Int64
        package var duration: Int64
        /// It begins with a key frame.
        package var isIndependent: Bool
        package var beginsSegment: Bool
        package var endsSegment: Bool
        /// Decoders begin anew here. Only of parts that begin a segment.
        package var isDiscontinuity: Bool
    }

    package enum Output: Sendable, Equatable {
        /// Comes before the parts that need it.
        case header(MP4Header)
        case part(Part)
    }

    /// Times begin here, so that sound that is a little early has one above 0.
    package static let origin: Int64 = 900_000
    /// What is so far from the pictures belongs to another time.
    private static let longestDistanceOfSound: Int64 = 900_000
    /// How long a header waits for a sound that the programme announces.
    private static let longestWaitForSound: Int64 = 90_000
    /// Between two frames of sound that leads: those of AAC at 8 kHz are 11,520 apart.
    private static let longestStepOfSound: Int64 = 22_500
    /// In a part, and of those that wait for a header; both are bounded in octets too.
    private static let mostPictures = 1024

    private struct Draft: Sendable {
        var samples: [MP4Fragment.Sample] = []
        var start: Int64
        var duration: Int64 = 0
        var sizeInBytes = 0
        var isIndependent: Bool
        var beginsSegment: Bool
        var endsSegment = false
        var isDiscontinuity: Bool
        /// Nothing comes after it that sound could wait for.
        var takesAllSound = false
    }

    package let settings: Settings
    private var content = TransportStreamDemultiplexer.Content()
    private var video: VideoFormat?
    private var sound = SoundQueue()
    private var header: MP4Header?
    /// Of what leads: its last unit, whose length is not known yet, and its place on our line.
    private var held: (unit: AccessUnit, time: Int64)?
    private var draft: Draft?
    /// Parts that wait for the header.
    private var waiting: [Draft] = []
    /// From the sender's times to ours.
    private var offset: Int64?
    private var end: Int64
    private var usualDuration: Int64 = 3600
    private var segmentDuration: Int64 = 0
    private var segmentSize = 0
    private var isFirstSegment = true
    private var breaksNext = false
    private var awaitsKeyFrame: Bool
    private var fragments: UInt32 = 0
    /// What parts may last: whole pictures near to the setting. Known with the first pictures.
    package private(set) var partTarget: Int64?

    package init(_ settings: Settings) {
        self.settings = settings
        end = settings.origin
        awaitsKeyFrame = !settings.beginsAnywhere
    }

    /// Where the last unit that was taken lies on the line of the parts.
    package var lastTime: Int64 { held?.time ?? end }

    package mutating func take(
        _ event: TransportStreamDemultiplexer.Event,
        _ emit: (Output) -> Void
    ) {
        switch event {
        case .content(let content):
            if content.video == nil, self.content.video != nil { breakOff(emit) }
            self.content = content
        case .video(let format): video = format
        case .audio(let format): announce(format)
        case .unit(let unit) where unit.track == .video: lead(unit, emit)
        case .unit(let unit):
            if content.video == nil { leadBySound(unit, emit) } else { follow(unit) }
        case .discontinuity: if held != nil { breakOff(emit) }
        case .refused: break
        }
    }

    /// The sender has gone, or another one comes: what is there ends the segment.
    package mutating func breakOff(_ emit: (Output) -> Void) {
        if let held {
            add(held.unit, at: held.time, for: usualDuration)
            end = held.time + usualDuration
        }
        held = nil
        draft?.takesAllSound = true
        closeSegment(emit)
        writeWaiting(emit, isLast: true)
        offset = nil
        breaksNext = true
        awaitsKeyFrame = true
        sound.drop()
    }

    // MARK: What leads

    private mutating func lead(_ unit: AccessUnit, _ emit: (Output) -> Void) {
        guard video != nil else { return }
        if let held, let offset {
            let pause = unit.decoding + offset - held.time
            let isHole = unit.followsLoss && pause > partTarget ?? settings.part
            // The picture before a pause lasts until its end, and nothing may be longer than a segment.
            if pause > 0, pause <= settings.longestSegment, !isHole {
                go(on: unit, at: held.time + pause, pause, emit)
            } else {
                breakOff(emit)
            }
        }
        guard held == nil else { return }
        guard unit.isKeyFrame || !awaitsKeyFrame else { return }
        awaitsKeyFrame = false
        offset = end - unit.decoding
        held = (unit, end)
    }

    private mutating func go(
        on unit: AccessUnit,
        at time: Int64,
        _ pause: Int64,
        _ emit: (Output) -> Void
    ) {
        guard let held else { return }
        choosePartTarget(pause)
        // It was thought to be as short as the one before it.
        if segmentDuration > 0, isTooLong(segmentDuration + pause) { closeSegment(emit) }
        add(held.unit, at: held.time, for: pause)
        end = time
        usualDuration = pause
        let changesFormat = unit.isKeyFrame && header.map { $0 != wantedHeader } ?? false
        if changesFormat || endsSegment(before: unit) {
            closeSegment(emit)
            if changesFormat {
                writeWaiting(emit, isLast: true)
                header = nil
                sound.adopt()
                breaksNext = true
            }
        } else if endsPart {
            closePart(emit)
        }
        self.held = (unit, time)
    }

    private func endsSegment(before unit: AccessUnit) -> Bool {
        if unit.isKeyFrame, segmentDuration >= settings.shortestSegment { return true }
        if isFirstSegment, segmentDuration >= settings.firstSegment { return true }
        return isTooLong(segmentDuration + usualDuration) || segmentSize >= settings.largestSegment
    }

    /// A playlist rounds to whole seconds: RFC 8216bis, 4.4.3.1.
    private func isTooLong(_ duration: Int64) -> Bool { duration >= settings.longestSegment + 45_000 }

    private var endsPart: Bool {
        guard let draft, let partTarget else { return false }
        // Clocks of 90 kHz round frame rates: a tick for each picture is allowed for.
        return draft.duration + usualDuration > partTarget + Int64(draft.samples.count) + 1
            || draft.sizeInBytes >= settings.largestPart || draft.samples.count >= Self.mostPictures
    }

    /// RFC 8216bis, 4.4.3.7: parts are at most the target and at least 85 % of it, so it has to be a number of pictures.
    private mutating func choosePartTarget(_ pause: Int64) {
        guard partTarget == nil else { return }
        let claimed = video?.framesPerSecond.map { Int64((90_000 / $0).rounded()) } ?? 0
        let picture = max(1, content.video == nil ? pause : max(pause, min(claimed, 90_000)))
        partTarget = max(1, (settings.part + picture / 2) / picture) * picture
    }

    private mutating func add(_ unit: AccessUnit, at time: Int64, for duration: Int64) {
        if draft == nil {
            let begins = segmentDuration == 0
            draft = Draft(
                start: time,
                isIndependent: unit.isKeyFrame,
                beginsSegment: begins,
                isDiscontinuity: begins && breaksNext
            )
            if begins { breaksNext = false }
        }
        if unit.track == .video {
            draft?.samples.append(
                MP4Fragment.Sample(
                    duration: UInt32(clamping: duration),
                    compositionOffset: Int32(clamping: unit.presentation - unit.decoding),
                    isKeyFrame: unit.isKeyFrame,
                    octets: unit.sample
                )
            )
        }
        draft?.duration += duration
        draft?.sizeInBytes += unit.sample.count
        segmentDuration += duration
        segmentSize += unit.sample.count
    }

    // MARK: Sound

    private mutating func announce(_ format: AudioFormat) {
        if case .aac = format.coding {
        } else if !settings.includesG711 {
            content.hasAudio = false
            return
        }
        sound.announce(format, isFirst: header == nil)
    }

    private mutating func follow(_ unit: AccessUnit) {
        guard let offset else { return }
        let time = unit.decoding + offset
        guard abs(time - end) <= Self.longestDistanceOfSound else { return }
        sound.append(unit, at: time)
    }

    private mutating func leadBySound(_ unit: AccessUnit, _ emit: (Output) -> Void) {
        guard sound.format != nil else { return }
        if let held, let offset {
            let pause = unit.decoding + offset - held.time
            if pause > 0, pause <= Self.longestStepOfSound {
                go(on: unit, at: held.time + pause, pause, emit)
            } else {
                breakOff(emit)
            }
        }
        if held == nil {
            offset = end - unit.decoding
            held = (unit, end)
        }
        if let held { sound.append(held.unit, at: held.time) }
    }

    // MARK: Writing

    private var wantedHeader: MP4Header {
        MP4Header(video: content.video == nil ? nil : video, audio: sound.newestFormat)
    }

    private mutating func closeSegment(_ emit: (Output) -> Void) {
        draft?.endsSegment = true
        closePart(emit)
        segmentDuration = 0
        segmentSize = 0
        isFirstSegment = false
    }

    private mutating func closePart(_ emit: (Output) -> Void) {
        guard let draft else { return }
        self.draft = nil
        waiting.append(draft)
        writeWaiting(emit, isLast: false)
    }

    private mutating func writeWaiting(_ emit: (Output) -> Void, isLast: Bool) {
        guard let first = waiting.first else { return }
        if header == nil {
            let awaitsSound = content.hasAudio && sound.format == nil && content.video != nil
            let mayWait = end - first.start < Self.longestWaitForSound && !isWaitingFull
            if awaitsSound, !isLast, mayWait { return }
            sound.adopt()
            let header = wantedHeader
            self.header = header
            emit(.header(header))
        }
        for draft in waiting { write(draft, emit) }
        waiting.removeAll(keepingCapacity: true)
    }

    private var isWaitingFull: Bool {
        waiting.reduce(0) { $0 + $1.sizeInBytes } >= settings.largestSegment
            || waiting.reduce(0) { $0 + $1.samples.count } >= Self.mostPictures
    }

    private mutating func write(_ draft: Draft, _ emit: (Output) -> Void) {
        var runs = [
            MP4Fragment.Run(
                track: MP4Header.videoTrack,
                start: UInt64(max(0, draft.start)),
                samples: draft.samples
            )
        ]
        let soundEnd = draft.start + draft.duration + (draft.takesAllSound ? Self.longestWaitForSound : 0)
        if header?.audio != nil, let run = sound.take(before: soundEnd) { runs.append(run) }
        fragments &+= 1
        guard let bytes = MP4Fragment(number: fragments, runs: runs).bytes else { return }
        emit(
            .part(
                Part(
                    bytes: bytes,
                    start: draft.start,
                    duration: draft.duration,
                    isIndependent: draft.isIndependent,
                    beginsSegment: draft.beginsSegment,
                    endsSegment: draft.endsSegment,
                    isDiscontinuity: draft.isDiscontinuity
                )
            )
        )
    }
}
