import Bus
import MediaFormats

/// What a publisher's programme must be, so that customers can play it. §9.3.3 leaves the coding to the platform;
/// `video_encoding.encoder` of a unit's configuration knows `h264` and `h265`.
struct IngestRules {
    private static let playable: Set = ["h264", "h265"]

    let contents: StreamContents
    /// Why the programme will not be carried, and it makes no difference what follows.
    let objection: MediaEnd?
    /// There is nothing in it yet. Encoders that know their streams only later may send another table.
    let isEmpty: Bool

    init(_ program: ProgramSummary) {
        contents = StreamContents(video: program.video, audio: program.audio)
        let isPlayable = program.video.map { Self.playable.contains($0) } ?? true
        objection = isPlayable ? nil : .unsupportedCodec
        isEmpty = !program.hasMedia
    }
}
