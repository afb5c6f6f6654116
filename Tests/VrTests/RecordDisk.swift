import HSSModel
import TestSupport
import Vr

/// A disk and a database that forget at a power cut what was not synced: bytes are torn, names come back or never were.
struct RecordDisk {
    struct Inode {
        var cached: [UInt8] = []
        var durable: [UInt8] = []

        mutating func sync() { durable = cached }
    }

    enum Fault: Error { case crash, step(RecordStepFailure) }
    /// A kill leaves what the kernel has; a power cut what the disk has.
    enum Crash { case kill, powerCut }

    private var inodes: [Int: Inode] = [:]
    private var parts: [UploadAttempt: Int] = [:]
    private var names: [SegmentBlob: Int] = [:]
    private var durableNames: [SegmentBlob: Int] = [:]
    private(set) var rows: [SegmentName: SegmentRow] = [:]
    private var durableRows: [SegmentName: SegmentRow] = [:]
    private(set) var dropped = DroppedSegments()
    private var lastInode = 0
    var random: SeededGenerator
    /// In a thousand, for each step.
    var crashes = 0
    var failures = 0

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    var blobs: [SegmentBlob] { names.keys.sorted() }
    var partCount: Int { parts.count }

    func bytes(_ blob: SegmentBlob) -> [UInt8]? { names[blob].flatMap { inodes[$0]?.cached } }

    func stored(_ name: SegmentName) -> StoredSegment? {
        rows[name].map { StoredSegment(row: $0, blobSize: bytes($0.blob).map { Int64($0.count) }) }
    }

    // MARK: Uploads

    mutating func append(_ bytes: [UInt8], to attempt: UploadAttempt, after: UploadAttempt?) {
        if let after, let inode = parts.removeValue(forKey: after) { parts[attempt] = inode }
        if parts[attempt] == nil {
            lastInode += 1
            parts[attempt] = lastInode
            inodes[lastInode] = Inode()
        }
        guard let inode = parts[attempt] else { return }
        inodes[inode]?.cached += bytes
        // The kernel writes some of it when it likes.
        if chance(300) { inodes[inode]?.sync() }
    }

    mutating func abort(_ attempt: UploadAttempt) {
        if let inode = parts.removeValue(forKey: attempt) { inodes[inode] = nil }
    }

    // MARK: Steps

    /// Does one step, or fails with some of it done, or crashes before, in the midst or after.
    mutating func carryOut(_ step: RecordStep) throws(Fault) {
        if chance(crashes) { throw .crash }
        let fails = chance(failures)
        let crash = chance(crashes)
        let happens = !(fails || crash) || chance(500)
        if happens { apply(step, durably: !fails && !crash || chance(500)) }
        if crash { throw .crash }
        if fails { throw .step(chance(500) ? .noSpace : .failed) }
    }

    private mutating func apply(_ step: RecordStep, durably: Bool) {
        switch step {
        case .writeRows(let changed):
            for row in changed { rows[row.name] = row }
            if durably { durableRows = rows }
        case .deleteRows(let gone):
            for name in gone { rows[name] = nil }
            if durably { durableRows = rows }
        case .addDropped(let more):
            dropped.count += more.count
            dropped.time += more.time
        case .syncBytes(let attempt):
            guard durably, let inode = parts[attempt] else { return }
            inodes[inode]?.sync()
        case .putInPlace(let attempt, let blob):
            if let inode = parts.removeValue(forKey: attempt) { names[blob] = inode }
        case .syncFolder(let blob): if durably { durableNames[blob] = names[blob] }
        case .deleteBlob(let blob): names[blob] = nil
        }
    }

    // MARK: The end of a process

    mutating func stop(by crash: Crash) {
        parts = [:]
        guard crash == .powerCut else { return }
        rows = durableRows
        for blob in Set(names.keys).union(durableNames.keys) where names[blob] != durableNames[blob] {
            // The kernel may have written the folder, or not.
            names[blob] = chance(500) ? names[blob] : durableNames[blob]
        }
        durableNames = names
        for (number, inode) in inodes where inode.cached != inode.durable {
            let kept = Int.random(in: 0...inode.cached.count, using: &random)
            // Some pages of it, the rest never written: a torn file has the right length and the wrong bytes.
            let torn = inode.cached.prefix(kept) + [UInt8](repeating: 0, count: inode.cached.count - kept)
            let left = chance(500) ? Array(torn) : inode.durable
            inodes[number] = Inode(cached: left, durable: left)
        }
    }

    /// The first thing a start does: what it reads of the database from now on stays.
    mutating func start() {
        durableRows = rows
    }

    private mutating func chance(_ thousandths: Int) -> Bool {
        thousandths > 0 && Int.random(in: 0..<1000, using: &random) < thousandths
    }
}
