import Blobs
import HSSModel
import NIOCore
import Synchronization
import TestSupport

/// Whether the process of a test's world still lives. Each process has its own.
final class Life: Sendable {
    private let dead = Atomic<Bool>(false)

    var isOver: Bool { dead.load(ordering: .acquiring) }
    func end() { dead.store(true, ordering: .releasing) }
}

/// A disk in memory that forgets at a power cut what was not synced: bytes are torn, names come back or never were.
final class ForgetfulDisk: Sendable {
    /// A kill leaves what the kernel has; a power cut what the disk has.
    enum End { case kill, powerCut }

    struct Inode {
        var cached: [UInt8] = []
        var durable: [UInt8] = []
        /// A sync failed: the kernel holds its pages for clean from then on, and never writes them.
        var isSpoiled = false
    }

    struct State {
        var inodes: [Int: Inode] = [:]
        var names: [String: Int] = [:]
        var durableNames: [String: Int] = [:]
        var open: [Int32: Int] = [:]
        var lastFile: Int32 = 2
        var lastInode = 0
        var random: SeededGenerator
        /// In a thousand calls.
        var deaths: Int
        var faults: Int

        mutating func chance(_ thousandths: Int) -> Bool {
            thousandths > 0 && Int.random(in: 0..<1000, using: &random) < thousandths
        }
    }

    let state: Mutex<State>

    init(seed: UInt64, deaths: Int = 0, faults: Int = 0) {
        state = Mutex(State(random: SeededGenerator(seed: seed), deaths: deaths, faults: faults))
    }

    /// From now on everything works.
    func calm() {
        state.withLock { ($0.deaths, $0.faults) = (0, 0) }
    }

    func bytes(_ path: String) -> [UInt8]? {
        state.withLock { state in state.names[path].flatMap { state.inodes[$0]?.cached } }
    }

    func files(below folder: String) -> [String] {
        state.withLock { $0.names.keys.filter { $0.hasPrefix(folder + "/") }.sorted() }
    }

    /// The process is gone. What is left is what the next one finds.
    func stop(by end: End) {
        state.withLock { state in
            state.open = [:]
            guard end == .powerCut else { return }
            for name in Set(state.names.keys).union(state.durableNames.keys).sorted()
            where state.names[name] != state.durableNames[name] {
                // The kernel may have written the folder, or not.
                let kept = state.chance(500) ? state.names[name] : state.durableNames[name]
                state.names[name] = kept
            }
            state.durableNames = state.names
            for number in state.inodes.keys.sorted() {
                guard let inode = state.inodes[number], inode.cached != inode.durable else { continue }
                let kept = Int.random(in: 0...inode.cached.count, using: &state.random)
                // Some pages of it, the rest never written: a torn file has the right length and the wrong bytes.
                let torn =
                    inode.cached.prefix(kept)
                    + [UInt8](repeating: 0, count: inode.cached.count - kept)
                let left = !inode.isSpoiled && state.chance(500) ? Array(torn) : inode.durable
                state.inodes[number] = Inode(cached: left, durable: left)
            }
        }
    }
}

/// The system calls of one process on a ``ForgetfulDisk``. They fail, with some of their effect or none, and the process
/// may die before or after any; from then on none does anything.
final class ForgetfulFiles: FileCalls {
    private typealias State = ForgetfulDisk.State

    private let disk: ForgetfulDisk
    private let life: Life

    init(_ disk: ForgetfulDisk, life: Life = Life()) {
        self.disk = disk
        self.life = life
    }

    // MARK: Calls

    /// Does `body`, or fails with or without it, or dies before or after it.
    private func call<Value>(
        _ body: (inout State) throws(BlobError) -> Value
    ) throws(BlobError) -> Value {
        try disk.state.withLock { (state) throws(BlobError) in
            guard !life.isOver else { throw .failed("the process is dead") }
            let dies = state.chance(state.deaths)
            let fails = state.chance(state.faults)
            if dies { life.end() }
            if dies || fails, state.chance(500) { throw fault(&state) }
            let value = try body(&state)
            if dies || fails { throw fault(&state) }
            return value
        }
    }

    private func fault(_ state: inout State) -> BlobError { state.chance(500) ? .noSpace : .failed("EIO") }

    func makeFolder(_ path: String, in parent: String) throws(BlobError) { try call { _ in } }

    func create(_ path: String) throws(BlobError) -> Int32 {
        try call { (state) throws(BlobError) in
            guard state.names[path] == nil else { throw .failed("EEXIST") }
            state.lastInode += 1
            state.inodes[state.lastInode] = ForgetfulDisk.Inode()
            state.names[path] = state.lastInode
            return Self.file(&state, state.lastInode)
        }
    }

    func open(_ path: String, toWrite: Bool) throws(BlobError) -> Int32? {
        try call { state in state.names[path].map { Self.file(&state, $0) } }
    }

    private static func file(_ state: inout State, _ inode: Int) -> Int32 {
        state.lastFile += 1
        state.open[state.lastFile] = inode
        return state.lastFile
    }

    func close(_ file: Int32) {
        guard !life.isOver else { return }
        disk.state.withLock { $0.open[file] = nil }
    }

    func allocate(_ file: Int32, _ size: Int64) throws(BlobError) { try call { _ in } }

    func write(_ bytes: ByteBuffer, to file: Int32, at offset: Int64) throws(BlobError) {
        try call { (state) throws(BlobError) in
            guard let inode = state.open[file] else { throw .failed("EBADF") }
            // Torn: of a write that fails some may have been done.
            let count = state.chance(state.faults) ? bytes.readableBytes / 2 : bytes.readableBytes
            var content = state.inodes[inode]?.cached ?? []
            let end = Int(offset) + count
            if content.count < end { content += [UInt8](repeating: 0, count: end - content.count) }
            content.replaceSubrange(Int(offset)..<end, with: bytes.readableBytesView.prefix(count))
            state.inodes[inode]?.cached = content
            // The kernel writes some of it when it likes.
            if state.chance(200) { state.inodes[inode]?.durable = content }
            if count < bytes.readableBytes { throw .noSpace }
        }
    }

    func read(_ file: Int32, at offset: Int64, count: Int) throws(BlobError) -> ByteBuffer {
        try call { (state) throws(BlobError) in
            guard let inode = state.open[file] else { throw .failed("EBADF") }
            return ByteBuffer(bytes: state.inodes[inode]?.cached.dropFirst(Int(offset)).prefix(count) ?? [])
        }
    }

    func sync(_ file: Int32) throws(BlobError) {
        guard let inode = disk.state.withLock({ $0.open[file] }) else { throw .failed("EBADF") }
        do throws(BlobError) {
            try call { state in
                guard let content = state.inodes[inode], !content.isSpoiled else { return }
                state.inodes[inode]?.durable = content.cached
            }
        } catch {
            disk.state.withLock { $0.inodes[inode]?.isSpoiled = true }
            throw error
        }
    }

    func rename(_ path: String, to other: String) throws(BlobError) {
        try call { (state) throws(BlobError) in
            guard let inode = state.names.removeValue(forKey: path) else { throw .failed("ENOENT") }
            state.names[other] = inode
        }
    }

    func remove(_ path: String) throws(BlobError) { try call { $0.names[path] = nil } }

    func syncFolder(_ path: String) throws(BlobError) {
        try call { state in
            for name in Set(state.names.keys).union(state.durableNames.keys)
            where name.hasPrefix(path + "/") && !name.dropFirst(path.count + 1).contains("/") {
                state.durableNames[name] = state.names[name]
            }
        }
    }

    func size(of path: String) throws(BlobError) -> Int64? {
        try call { state in
            state.names[path].flatMap { state.inodes[$0] }.map { Int64($0.cached.count) }
        }
    }

    func names(in folder: String) throws(BlobError) -> [String] {
        try call { state in
            let below = state.names.keys.filter { $0.hasPrefix(folder + "/") }
            return Set(below.compactMap { $0.dropFirst(folder.count + 1).split(separator: "/").first })
                .map(String.init).sorted()
        }
    }

    func freeSpace(_ folder: String) throws(BlobError) -> Int64 { try call { _ in 1 << 40 } }
}
