import HSSModel
import ServiceControl
import TestSupport
import Testing

@Suite("Webhooks, rules") struct WebhookRulesTests {
    @Test(arguments: [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "100.64.0.1", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.168.1.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::", "::1",
        "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:a00:1", "64:ff9b::10.0.0.1",
        "2002:7f00:1::1", "2001:0:1::1", "2001:db8::1", "::127.0.0.1", "example.org", "", "1.2.3",
    ]) func privateNetworksAreRefused(_ address: String) {
        #expect(!PublicAddress.isPublic(address))
    }

    @Test(arguments: [
        "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1",
        "192.167.1.1", "223.255.255.255", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1",
    ]) func otherAddressesAreAllowed(_ address: String) {
        #expect(PublicAddress.isPublic(address))
    }

    @Test(arguments: [
        "", "example.org", "/hook", "ftp://example.org/", "http://example.org/", "https:///x",
        "https://user@example.org/", "https://user:pw@example.org/", "https://example.org/#x",
        "https://localhost/", "https://a.localhost/", "https://127.0.0.1/", "https://[::1]:8443/x",
        "https://192.168.0.1/", "https://\(String(repeating: "a", count: 2100)).org/",
    ]) func anAddressThatCannotBeOneIsRefused(_ url: String) {
        #expect(WebhookClient.objection(to: url, WebhookSettings()) != nil)
    }

    @Test func whatIsAllowedIsAllowed() {
        #expect(WebhookClient.objection(to: "https://example.org:444/x?y=z", WebhookSettings()) == nil)
        #expect(WebhookClient.objection(to: "https://1.1.1.1/", WebhookSettings()) == nil)
        let open = WebhookSettings(allowsHTTP: true, allowsPrivate: true)
        for url in ["http://127.0.0.1:80/", "https://[::1]/", "http://localhost/x"] {
            #expect(WebhookClient.objection(to: url, open) == nil)
        }
    }

    /// A name that leads into the own network, also through a look-up of its own at each delivery.
    @Test(arguments: ["127.0.0.1", "10.0.0.7", "::1", "::ffff:169.254.169.254"])
    func aNameThatLeadsInsideIsRefused(_ address: String) async {
        let client = WebhookClient(settings: WebhookSettings()) { _, _ in address }
        let outcome = await client.deliver([], to: "https://rebind.example/", headers: []).outcome
        #expect(outcome == .refused("the host's name has no address that may be used"))
    }

    @Test func aNameWithoutAnAddressIsTriedAgain() async {
        let client = WebhookClient(settings: WebhookSettings()) { _, _ in nil }
        let outcome = await client.deliver([], to: "https://nobody.example/", headers: []).outcome
        #expect(outcome == .failed("the host's name has no address that may be used"))
    }

    /// printf '1763700000.{"a":1}' | openssl dgst -sha256 -hmac secret
    @Test func theSignatureIsThatOfOpenSSL() {
        let time = WallTime(milliseconds: 1_763_700_000_999)
        let header = WebhookSignature.header(Array(#"{"a":1}"#.utf8), at: time, secret: Secret("secret"))
        #expect(header == "t=1763700000,v1=aeda4b96ad7484ccb3e34e59454640c50849967c5b827c23d2b00237a059c5dd")
    }

    /// Each pause is between half and all of the doubled one, and none is longer than the longest.
    @Test func pausesGrowToTheirBound() {
        var random = SeededGenerator(seed: 1)
        let settings = WebhookSettings()
        for attempt in 1...40 {
            let whole = min(settings.longestPause, settings.firstPause * (1 << min(attempt - 1, 20)))
            for _ in 0..<20 {
                let pause = settings.pause(afterAttempt: attempt, using: &random)
                #expect(pause >= whole * 0.5 && pause <= whole)
            }
        }
    }
}
