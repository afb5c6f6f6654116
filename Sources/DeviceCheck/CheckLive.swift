import HSSModel
import Vd

/// Live pictures: `PushLive`, `StopLive`, one stream per channel.
extension CheckPlan {
    private static let first = StreamID(unchecked: "check-live-1")
    private static let second = StreamID(unchecked: "check-live-2")

    static let media: [CheckStep] = [
        push("pushes MPEG-TS over SRT to the address within 10 s of its yes", first) { memory in
            memory.delay(from: 0, to: .streamBegan(first)).flatMap { delay in
                delay <= .seconds(10) ? "the stream came after \(CheckRhythm.seconds(delay))" : nil
            }
        },
        CheckStep(
            clause: "§9.3.3",
            rule: "the stream is MPEG-TS that can be played: tables, H.264 or H.265, a key frame, its clock",
            skip: hasNoMedia,
            judge: { memory, isOver in
                guard let sight = memory.sight(of: first) else { return nil }
                if sight.missing.isEmpty {
                    return .passed("\(sight.video ?? ""), tables, a key frame, a clock (PCR)")
                }
                return isOver ? .failed("missing: \(sight.missing.joined(separator: ", "))") : nil
            }
        ),
        CheckStep(
            clause: "I.2-1",
            rule: "tells the stream that it pushes in Keepalive",
            patience: { memory in .seconds(memory.settings.heartbeatSeconds * 2) },
            skip: hasNoMedia,
            judge: { memory, isOver in
                let told = memory.recentHeartbeats.contains { beat in
                    beat.body.channels.contains { $0.number == memory.channel && $0.stream == first }
                }
                return told ? .passed("stream_id is told") : isOver ? .failed("stream_id is not told") : nil
            }
        ),
        push("takes the same stream again as a success, and changes nothing", first) { memory in
            let ended = memory.recent.contains { $0.what == .streamEnded(first) }
            return ended ? nil : "success"
        },
        push("stops the old push for another stream on the same channel", second) { memory in
            let has = { (what: CheckMemory.Occurrence) in memory.recent.contains { $0.what == what } }
            return has(.streamBegan(second)) && has(.streamEnded(first))
                ? "the other stream came, the first ended" : nil
        },
        CheckStep(
            clause: "I.2-13",
            rule: "stops the push",
            skip: isNotAble,
            orders: { [.ask(StopLive(stream: second, channel: $0.channel).request)] },
            judge: { memory, isOver in
                guard let outcome = memory.answer(0) else { return nil }
                guard case .answered(.success) = outcome else { return .failed(outcome.text) }
                if memory.settings.mediaPort == nil || !memory.began(second) {
                    return .passed("answered with success")
                }
                let ended = memory.recent.contains { $0.what == .streamEnded(second) }
                return ended
                    ? .passed("answered, and the stream ended") : isOver ? .failed("the stream goes on") : nil
            }
        ),
        CheckStep(
            clause: "I.2-13",
            rule: "takes the stop of a stream that does not run as a success",
            skip: isNotAble,
            orders: { [.ask(StopLive(stream: first, channel: $0.channel).request)] },
            judge: { memory, _ in
                guard let outcome = memory.answer(0) else { return nil }
                guard case .answered(.success) = outcome else { return .failed(outcome.text) }
                return .passed("answered with success")
            }
        ),
    ]

    private static let isNotAble: @Sendable (CheckMemory) -> String? = { memory in
        memory.pushWasRefused ? "the device has no live pictures" : nil
    }

    private static let hasNoMedia: @Sendable (CheckMemory) -> String? = { memory in
        if memory.settings.mediaPort == nil { return "no media port is open" }
        return memory.began(first) ? nil : "the stream did not come"
    }

    /// `seen` is what shows that it was done, nil until then.
    private static func push(
        _ rule: String,
        _ stream: StreamID,
        seen: @escaping @Sendable (CheckMemory) -> String?
    ) -> CheckStep {
        CheckStep(
            clause: "I.2-12",
            rule: rule,
            skip: isNotAble,
            orders: { memory in
                let url = memory.settings.pushURL(stream)
                return [
                    .ask(PushLive(channel: memory.channel, url: url, stream: stream, maxBitrate: 0).request)
                ]
            },
            judge: { memory, isOver in
                guard let outcome = memory.answer(0) else { return nil }
                switch outcome {
                case .answered(.success): break
                case .answered(.failure(let failure)) where failure.code == 101:
                    return .skipped("the device cannot do it: error 101")
                default: return .failed(outcome.text)
                }
                guard memory.settings.mediaPort != nil else {
                    return .passed(
                        "answered with success; no media port is open, so the picture was not looked at"
                    )
                }
                if let sight = seen(memory) { return .passed(sight) }
                guard isOver else { return nil }
                if memory.began(stream) { return .failed("answered, but it was not done in time") }
                let trouble = memory.mediaTrouble ?? "nobody called the SRT port"
                return .failed("answered, but no stream came: \(trouble)")
            }
        )
    }
}

extension CheckMemory {
    func began(_ stream: StreamID) -> Bool { journal.contains { $0.what == .streamBegan(stream) } }
}
