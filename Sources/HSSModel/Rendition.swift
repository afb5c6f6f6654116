/// A form in which customers may ask for a live picture (H.627.2, 8.2 b: transcoding).
package enum Rendition: String, CaseIterable, Hashable, Sendable, Codable {
    /// As the unit sends it.
    case original
    /// What every browser plays: H.264 and AAC, in the size of the original. What is so already is not touched.
    case compatible
    /// For a grid of cameras: small, slow and cheap.
    case small
}
