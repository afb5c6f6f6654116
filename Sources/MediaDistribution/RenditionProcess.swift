import Bus
import ChildProcesses
import HSSModel
import HostClock
import MediaFormats
import NIOCore
import SRTTransport
import Vm

/// One run of ffmpeg for a ``RenditionStream``: three tasks, one that writes the original to it, one that takes what comes out,
/// and one that looks at the clock. The first that has done ends the others and the process.
struct RenditionProcess {
    /// How often viewers over SRT that have not caught up are moved on.
    private static let tick: Duration = .milliseconds(20)

    private enum End: Sendable {
        /// It is not wanted any more, or not with this header.
        case input
        /// Its output has ended.
        case output
        case hung
    }

    private let stream: RenditionStream
    private let number: UInt64
    private let feed: HTTPViewer
    private let progress: RenditionProgress

    private var patience: Duration { stream.making.settings.patience }

    init(_ stream: RenditionStream, _ number: UInt64, _ feed: HTTPViewer) {
        self.stream = stream
        self.number = number
        self.feed = feed
        progress = RenditionProgress(patience: stream.making.settings.patience)
    }

    func run() async -> RenditionFailure? {
        var input = RenditionInput()
        let found: (MP4Header, [RenditionInput.Piece])?
        do throws(RenditionFailure) { found = try await beginning(&input) } catch { return error }
        guard let (header, first) = found else { return nil }
        let plan = RenditionPlan(stream.rendition, of: header, stream.making.settings)
        do {
            let (failure, exit) = try await ChildProcess.run(plan.command(stream.making.ffmpeg)) {
                [input] child, output, writer in
                stream.began(child)
                return await attend(child, output, writer, header, first, input)
            }
            stream.ended(using: exit.cpuTime)
            return failure
        } catch {
            stream.ended(using: .zero)
            return RenditionFailure(reason: .unstartable, text: "\(error)")
        }
    }

    /// What the original is, once it has shown it; with everything up to there. `nil`: it was ended before.
    private func beginning(
        _ input: inout RenditionInput
    ) async throws(RenditionFailure) -> (MP4Header, [RenditionInput.Piece])? {
        var bell = feed.makeBell()
        var header: MP4Header?
        var began: Instant?
        while let batches = await feed.next(&bell) {
            var pieces: [RenditionInput.Piece] = []
            for batch in batches { pieces += input.take(batch) }
            for case .header(let found) in pieces { header = header ?? found }
            if let header { return (header, pieces) }
            let since = began ?? .now
            began = since
            guard .now - since < patience * 2 else {
                throw RenditionFailure(reason: .unreadable, text: "neither pictures nor sound can be read")
            }
        }
        return nil
    }

    private func attend(
        _ child: ChildProcess,
        _ output: ChildProcess.Output,
        _ writer: ChildProcess.Input,
        _ header: MP4Header,
        _ first: [RenditionInput.Piece],
        _ input: RenditionInput
    ) async -> RenditionFailure? {
        let end = await withTaskGroup(of: End.self) { tasks in
            tasks.addTask { await write(first, input, header, to: writer) }
            tasks.addTask { await read(output) }
            tasks.addTask { await watch() }
            defer { tasks.cancelAll() }
            return await tasks.next() ?? .input
        }
        guard !stream.isOver, !Task.isCancelled else { return nil }
        switch end {
        case .input where !feed.isTooSlow: return nil
        case .input, .hung:
            child.signal(9)
            let text =
                feed.isTooSlow
                ? "it takes nothing" : "no picture for \(patience.wholeMilliseconds) ms"
            return RenditionFailure(reason: .hung, text: text)
        case .output:
            let exit = await child.waitUntilExit(within: .seconds(1))
            let words = child.lastLines.last.map { ": \($0)" } ?? ""
            let text = exit?.description ?? "it closed its output"
            return RenditionFailure(reason: .crashed, text: text + words)
        }
    }

    /// Waits where ffmpeg does not take it; what comes meanwhile waits in the feed, up to its bound.
    private func write(
        _ first: [RenditionInput.Piece],
        _ input: RenditionInput,
        _ header: MP4Header,
        to writer: ChildProcess.Input
    ) async -> End {
        var input = input
        var bell = feed.makeBell()
        do {
            guard try await write(first, header, to: writer) else { return .input }
            while let batches = await feed.next(&bell) {
                for batch in batches {
                    guard try await write(input.take(batch), header, to: writer) else { return .input }
                }
            }
            return .input
        } catch {
            // It reads no more; why is told by its end.
            return .output
        }
    }

    /// False: what follows needs another process.
    private func write(
        _ pieces: [RenditionInput.Piece],
        _ header: MP4Header,
        to writer: ChildProcess.Input
    ) async throws -> Bool {
        var buffer = ByteBuffer()
        var isSame = true
        for piece in pieces where isSame {
            switch piece {
            case .header(let found):
                isSame = found == header
                if isSame { buffer.writeBytes(found.bytes) }
            case .fragment(let octets): buffer.writeBytes(octets)
            }
        }
        guard buffer.readableBytes > 0 else { return isSame }
        progress.writes(at: .now)
        try await writer.write(buffer)
        progress.wrote(at: .now)
        return isSame
    }

    /// What comes out is published under the number of the process: where it follows another one the jump is marked.
    private func read(_ output: ChildProcess.Output) async -> End {
        var scanner = TransportStreamScanner()
        stream.hub.begin(publisher: number, at: .now)
        do {
            for try await buffer in output {
                progress.gaveOutput(at: .now)
                stream.gaveOutput()
                stream.output.add(octets: buffer.readableBytes)
                let now = Instant.now
                buffer.withUnsafeReadableBytes { octets in
                    scanner.scan(octets) { run in
                        if let tables = run.tables { stream.hub.setTables(tables, of: number) }
                        publish(run, at: now)
                    }
                }
                stream.hub.tick(at: now)
            }
        } catch {
            return .output
        }
        return .output
    }

    /// Messages of the hub have the length of an SRT message at most.
    private func publish(_ run: TransportStreamScanner.Run, at now: Instant) {
        stream.hub.ingest(run.octets, keyFrame: run.keyFrame, from: number, at: now)
    }

    /// A write that ffmpeg does not take is ended from here only: it hears neither that the feed nor that the stream is over.
    private func watch() async -> End {
        while (try? await Task.sleep(for: Self.tick)) != nil {
            let now = Instant.now
            stream.hub.tick(at: now)
            if stream.isOver { return .input }
            if progress.isHung(at: now) || feed.isTooSlow { return .hung }
        }
        return .input
    }
}

extension HTTPViewer {
    /// Its stream gave it up, because nothing was taken from it.
    fileprivate var isTooSlow: Bool { endReason == .tooSlow }
}
