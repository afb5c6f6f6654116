package import NIOCore

/// The system calls behind the files of segments: those of the host, or those of a test that forgets what was not
/// synced. Each may wait for the disk.
package protocol FileCalls: Sendable {
    /// A folder of mode 0700, durable when it returns; one that is there is left as it is.
    func makeFolder(_ path: String, in parent: String) throws(BlobError)
    /// A file that was not there, of mode 0600.
    func create(_ path: String) throws(BlobError) -> Int32
    /// Nil: there is no such file.
    func open(_ path: String, toWrite: Bool) throws(BlobError) -> Int32?
    func close(_ file: Int32)
    /// Reserves space, where the file system can.
    func allocate(_ file: Int32, _ size: Int64) throws(BlobError)
    /// All of it.
    func write(_ bytes: ByteBuffer, to file: Int32, at offset: Int64) throws(BlobError)
    /// At most `count` bytes; fewer only at the end.
    func read(_ file: Int32, at offset: Int64, count: Int) throws(BlobError) -> ByteBuffer
    /// The bytes are on the disk.
    func sync(_ file: Int32) throws(BlobError)
    func rename(_ path: String, to other: String) throws(BlobError)
    /// Nothing happens where there is no such file.
    func remove(_ path: String) throws(BlobError)
    /// Names that came into this folder, or went, are on the disk. Nothing happens where there is no such folder.
    func syncFolder(_ path: String) throws(BlobError)
    /// Nil: there is no such file.
    func size(of path: String) throws(BlobError) -> Int64?
    /// None where there is no such folder.
    func names(in folder: String) throws(BlobError) -> [String]
    /// What may still be written, in bytes.
    func freeSpace(_ folder: String) throws(BlobError) -> Int64
}
