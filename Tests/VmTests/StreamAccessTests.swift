import HSSModel
import Testing
import Vm

@Suite("Stream IDs, SRT access control") struct StreamAccessTests {
    private let access = StreamAccess(
        stream: StreamID(unchecked: "cam1-0"),
        mode: .publish,
        ticket: Secret("abc-_")
    )

    @Test func textReadsBack() {
        #expect(access.text.reveal() == "#!::r=cam1-0,m=publish,s=abc-_")
        #expect(StreamAccess(parsing: access.text.reveal()) == access)
    }

    @Test(arguments: [
        // FFmpeg 5 sends what stands in the address.
        "%23%21%3A%3Ar%3Dcam1-0%2Cm%3Dpublish%2Cs%3Dabc-_",
        "#!::u=somebody,s=abc-_,m=publish,r=cam1-0,t=stream",
    ]) func otherSpellings(_ text: String) {
        #expect(StreamAccess(parsing: text) == access)
    }

    @Test func withoutAModeItIsARequest() {
        #expect(StreamAccess(parsing: "#!::r=cam1-0,s=abc")?.mode == .request)
    }

    @Test(arguments: [
        "", "#!::", "cam1-0", "#!::r=cam1-0", "#!::s=abc", "#!::r=,s=abc", "#!::r=a b,s=abc", "#!::r=a,s=",
        "#!::r=a,r=b,s=abc", "#!::r=a,s=abc,s=abd", "#!::r=a,m=bidirectional,s=abc", "#!::r=a,s=abc,x",
        "#!::r=../x,s=abc", "%23%2", "#!:{r=a,s=abc}", "#!::r=a,s=" + String(repeating: "s", count: 512),
    ]) func whatIsNoStreamID(_ text: String) {
        #expect(StreamAccess(parsing: text) == nil)
    }
}
