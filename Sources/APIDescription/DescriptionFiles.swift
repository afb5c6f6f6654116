import CAPIDescription
import Crypto

/// The description of the API as it is served: the text of `Schemas/openapi.yaml`, the same as JSON, and a page for people.
///
/// The program carries them all, so that they are there wherever it was put.
package struct DescriptionFiles: Sendable {
    package struct File: Sendable {
        package var type: String
        package var bytes: [UInt8]
        /// An entity tag (RFC 9110, 8.8.3): the digest of the bytes.
        package var tag: String

        init(_ type: String, _ bytes: [UInt8]) {
            self.type = type
            self.bytes = bytes
            let digest = SHA256.hash(data: bytes).prefix(16)
            let digits = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
            tag = "\"\(digits.joined())\""
        }
    }

    package let yaml: File
    package let json: File
    package let page: File
    package let style: File

    package init() throws {
        let text = Self.carried(api_description_yaml)
        let document = try DescriptionValue(yaml: String(decoding: text, as: UTF8.self))
        yaml = File("application/yaml", text)
        json = File("application/json", Array(document.json.utf8))
        page = File("text/html; charset=utf-8", Array(DescriptionPage(try DescribedAPI(document)).html.utf8))
        style = File("text/css; charset=utf-8", Self.carried(api_description_style))
    }

    private static func carried(
        _ file: (UnsafeMutablePointer<Int>?) -> UnsafePointer<UInt8>?
    ) -> [UInt8] {
        var count = 0
        let start = file(&count)
        return Array(UnsafeBufferPointer(start: start, count: count))
    }
}
