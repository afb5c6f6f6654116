import HSSModel
import Testing
import Vd

@testable import ServiceControl

@Suite("What units can do") struct CapabilityBookTests {
    private let unit = UnitID(unchecked: "cam-1")
    private let capabilities = Capabilities([.ptz, .battery], alarms: [.motion])

    /// What the store had is there like what was heard, however often it is asked for.
    @Test func aStoredDocumentIsReadWhenItIsAskedFor() {
        let book = CapabilityBook()
        let document = String(decoding: capabilities.object.bytes, as: UTF8.self)
        book.recall(document, of: unit, firmwareModel: "1")
        #expect(!book.lacks(unit, firmwareModel: "1") && book.lacks(unit, firmwareModel: "2"))
        #expect(book.known(of: unit) == capabilities)
        #expect(book.known(of: unit) == capabilities)
        #expect(!book.lacks(unit, firmwareModel: "1"))
    }

    /// It is asked for again, as if nothing had been stored.
    @Test(arguments: ["", "{", "[]", #"{"ptz":3}"#]) func aBrokenDocumentIsForgotten(document: String) {
        let book = CapabilityBook()
        book.recall(document, of: unit, firmwareModel: "1")
        #expect(book.known(of: unit) == nil)
        #expect(book.lacks(unit, firmwareModel: "1"))
    }

    @Test func whatWasHeardReplacesWhatWasStored() {
        let book = CapabilityBook()
        book.recall("{}", of: unit, firmwareModel: "1")
        book.note(capabilities, of: unit, firmwareModel: "2")
        #expect(book.known(of: unit) == capabilities)
        book.note(nil, of: unit, firmwareModel: "3")
        #expect(book.known(of: unit) == nil && !book.lacks(unit, firmwareModel: "3"))
    }
}
