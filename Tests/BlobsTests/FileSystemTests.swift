import Glibc
import Testing

@testable import Blobs

@Suite("Calls of the file system") struct FileSystemTests {
    /// The kernel fills a listing to its last bytes. What follows may be no memory of ours: here it is a page that nobody may
    /// read, and to read beyond the name ends this process.
    @Test func aNameIsReadNoFurtherThanItGoes() throws {
        let page = Int(getpagesize())
        let memory = try #require(
            mmap(nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        )
        defer { munmap(memory, 2 * page) }
        #expect(mprotect(memory + page, page, PROT_NONE) == 0)
        // linux_dirent64: inode, offset, length, type, then the name with its zero; lengths are multiples of eight.
        let entry = memory + page - 24
        let start = try #require(MemoryLayout<dirent>.offset(of: \.d_name))
        for (place, letter) in "last".utf8.enumerated() {
            entry.storeBytes(of: letter, toByteOffset: start + place, as: UInt8.self)
        }
        #expect(FileSystem.name(of: entry.assumingMemoryBound(to: dirent.self)) == "last")
    }
}
