/// What a blob store could not do. Errors of the system stop here.
package enum BlobError: Error, Equatable, CustomStringConvertible {
    case notFound(BlobName)
    /// The disk is full, a quota is used up, or the free space is down to what is kept in reserve.
    case noSpace
    /// More than `limit` bytes: the largest size allowed, or the size that was announced.
    case tooLarge(limit: Int64)
    /// The writer got less than was announced.
    case incomplete(expected: Int64, received: Int64)
    /// The writer was used after its end.
    case ended
    /// The disk or the service failed.
    case failed(String)
    /// The folder cannot be used as it is.
    case unusablePath(String, String)

    package var description: String {
        switch self {
        case .notFound(let name): "blob \(name) does not exist"
        case .noSpace: "no space is left for blobs; free some, or lower 'blobs.reserve'"
        case .tooLarge(let limit): "more than \(limit) bytes"
        case .incomplete(let expected, let received): "\(received) of \(expected) bytes came"
        case .ended: "the blob has ended already"
        case .failed(let reason): "the storage of blobs failed: \(reason)"
        case .unusablePath(let path, let reason): "blobs.url: \(path): \(reason)"
        }
    }
}
