/// `GetConfig` (Table I.2-19): asks for the whole configuration.
package struct GetConfig: VdRequest, VdBare {
    package typealias Answer = ConfigurationDocument
    package static let name = "GetConfig"

    package init() {}
}

/// `SetConfig` (Table I.2-20): changes what the document names and nothing else. Answered with the whole
/// configuration, or with 12, 13 or 102.
package struct SetConfig: VdRequest {
    package typealias Answer = ConfigurationDocument
    package static let name = "SetConfig"

    package var document: ConfigurationDocument

    package init(document: ConfigurationDocument) {
        self.document = document
    }

    package init(_ object: JSONObject) throws(FieldError) {
        document = try ConfigurationDocument(object)
    }

    package var object: JSONObject { document.object }
}

/// `ResetConfig` (Table I.2-21): everything goes back to factory settings, Wi-Fi too, without dropping the
/// connection; the platform then sends ``RebootDevice``.
package struct ResetConfig: VdRequest, VdBare {
    package typealias Answer = NoResult
    package static let name = "ResetConfig"

    package init() {}
}
