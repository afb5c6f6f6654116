import Bus
import HSSModel
import HostClock
import Vm

/// Renditions of the streams of a ``StreamTable``: begun by their first viewer, shared by all of them, ended after the last.
/// Their viewers are viewers of the stream.
extension StreamTable {
    /// What was given up is not tried again for so long.
    private static let rest: Duration = .seconds(30)

    /// Why a ticket for it is not made now.
    func checkOffer(of rendition: Rendition, of stream: Stream, at now: WallTime) throws(MediaError) {
        guard rendition != .original else { return }
        if let reason = renditions.whyNot { throw .noTranscoding(reason) }
        guard !stream.isServedByOriginal(rendition), stream.renditions.current(rendition) == nil else {
            return
        }
        if let failed = stream.renditions.givenUp[rendition], failed.until > now {
            throw .transcodingFailed(failed.reason)
        }
        if let shortage = renditions.shortage(at: .now) { throw .transcodingBusy("\(shortage)") }
    }

    /// The same for whoever comes with a ticket.
    func checkRoom(for rendition: Rendition, of stream: Stream, at now: WallTime) throws(MediaRefusal) {
        do throws(MediaError) { try checkOffer(of: rendition, of: stream, at: now) } catch {
            throw .transcoding
        }
    }

    /// Where viewers of a rendition find it. It begins with the first of them.
    func hub(
        for rendition: Rendition,
        of stream: Stream,
        _ id: StreamID,
        _ state: inout State
    ) throws(MediaRefusal) -> StreamHub {
        guard !stream.isServedByOriginal(rendition) else { return stream.hub }
        if let current = stream.renditions.current(rendition) { return current.hub }
        let opened = renditions.open(rendition, of: id, from: stream.hub, at: .now) { [weak self] in
            self?.giveUp($0, $1, at: .now)
        }
        guard let opened else { throw .transcoding }
        endRendition(rendition, of: id, &state)
        state.streams[id]?.renditions.running[rendition] = .init(stream: opened)
        return opened.hub
    }

    /// It came to nothing, again and again: its viewers hear it.
    private func giveUp(_ rendition: RenditionStream, _ failure: RenditionFailure, at now: WallTime) {
        withState { state in
            let id = rendition.stream
            guard state.streams[id]?.renditions.running[rendition.rendition]?.stream === rendition else {
                return
            }
            endRendition(rendition.rendition, of: id, &state)
            state.streams[id]?.renditions.givenUp[rendition.rendition] = (failure.text, now + Self.rest)
            endViewers(of: id, .transcodingFailed, at: now, &state) {
                $0.isTranscoded && $0.rendition == rendition.rendition
            }
        }
    }

    /// A unit may change its coding from one push to the next: who watches the original because it was what they wanted gets
    /// something else then.
    func endViewersOfAnotherFormat(of id: StreamID, at now: WallTime, _ state: inout State) {
        guard let stream = state.streams[id] else { return }
        endViewers(of: id, .formatChanged, at: now, &state) {
            !$0.isTranscoded && !stream.isServedByOriginal($0.rendition)
        }
    }

    private func endViewers(
        of id: StreamID,
        _ reason: MediaEnd,
        at now: WallTime,
        _ state: inout State,
        where isConcerned: (Viewer) -> Bool
    ) {
        for (number, viewer) in state.streams[id]?.viewers ?? [:] where isConcerned(viewer) {
            viewer.stop(reason)
            remove(number, viewer, of: id, reason, at: now, &state)
        }
    }

    /// Twice a second: ends those that nobody has watched for a while, so that a player may come again.
    func stopIdleRenditions(at now: WallTime, _ state: inout State) {
        for (id, stream) in state.streams {
            for (rendition, running) in stream.renditions.running {
                running.stream.output.look(at: .now)
                guard stream.viewers(of: rendition) == 0 else {
                    state.streams[id]?.renditions.running[rendition]?.idleSince = nil
                    continue
                }
                let since = running.idleSince ?? now
                state.streams[id]?.renditions.running[rendition]?.idleSince = since
                guard now - since >= limits.renditionLinger else { continue }
                endRendition(rendition, of: id, &state)
            }
        }
    }

    /// Nobody is handed it from now on. What it sent stays counted.
    func endRendition(_ rendition: Rendition, of id: StreamID, _ state: inout State) {
        guard let running = state.streams[id]?.renditions.running.removeValue(forKey: rendition) else {
            return
        }
        running.stream.stop()
        state.streams[id]?.renditions.earlierSent += running.stream.hub.bytesSent
    }

    /// What operators see of them.
    func renditionStatuses(of stream: Stream, at now: Instant) -> [RenditionStatus] {
        stream.renditions.running.sorted { $0.key.rawValue < $1.key.rawValue }.map { rendition, running in
            running.stream.status(
                viewers: stream.viewers(of: rendition),
                cores: renditions.load(of: running.stream),
                at: now
            )
        }
    }
}

extension StreamTable.Stream {
    /// All that its viewers are served from.
    var hubs: [StreamHub] { [hub] + renditions.running.values.map(\.stream.hub) }

    /// What its viewers were sent, those of renditions that have ended too.
    var bytesSent: UInt64 { hubs.reduce(renditions.earlierSent) { $0 + $1.bytesSent } }

    /// Nothing has to be made. Before a programme has shown itself nobody knows.
    func isServedByOriginal(_ rendition: Rendition) -> Bool {
        guard rendition != .original else { return true }
        guard publishing?.isAnnounced ?? false else { return false }
        return RenditionPlan.isOriginal(rendition, of: (contents.video, contents.audio))
    }

    /// Those of one that is made.
    fileprivate func viewers(of rendition: Rendition) -> Int {
        viewers.values.count { $0.isTranscoded && $0.rendition == rendition }
    }
}
