import CustomerUnit
import Foundation
import HSSModel
import Testing

extension EndToEnd {
    /// Headless Chromium through its driver, a real platform and simulated cameras: what families do with the console.
    @Suite("The web console in Chromium") struct ConsoleTests {
        @Test func aFamilyWatchesAndMovesItsCamera() async throws {
            let house = try await ConsoleHouse()
            let unit = try await house.camera("cam-1", named: "Front door", of: house.anna)
            try await WebDriver.with { browser in
                // Who does not know the password stays outside.
                try await browser.open(house.platform.url + "/")
                try await browser.type("anna", into: "input[name=user]")
                try await browser.type("not anna's password", into: "input[name=password]")
                try await browser.click("button[type=submit]")
                try await browser.wait(for: "User name or password is not right.", in: ".failure")

                try await house.logIn(at: browser)
                try await browser.wait(for: "Front door", in: ".tile")
                try await browser.click(".tile")
                let first = try await browser.picture("the live picture") { $0.frames > 25 && $0.time > 0 }
                #expect(first.width == 640 && first.state == "playing", "\(first)")
                _ = try await browser.picture("it goes on") {
                    $0.time > first.time + 1 && $0.frames > first.frames + 25
                }

                // Table I.2-17: held, it moves; let go, it stands. The camera shows where it looks.
                let before = try await browser.pan()
                try await browser.hold(".pad [data-op=left]") { try await browser.pan() < before - 5 }
                var last = try await browser.pan()
                try await eventually("it stands", within: 60) {
                    let seen: Played = try await browser.run(Played.script)
                    _ = try await browser.picture("a second later") { $0.time > seen.time + 1 }
                    let now = try await browser.pan()
                    defer { last = now }
                    return now == last
                }
                #expect(last < before - 5)

                // The picture is what the browser decoded, and the platform counts one viewer.
                #expect(try await house.platform.figure("vedette_media_viewers{protocol=\"ws\"}") == 1)
                try await browser.click("button[aria-label='Statistics']")
                try await browser.wait(for: "640 × 360", in: ".statistics")
                #expect(try await browser.complaints() == [])
                try await browser.click("a.back")
                try await eventually("nobody watches any more", within: 60) {
                    try await house.platform.figure("vedette_media_viewers{protocol=\"ws\"}") == 0
                }
            }
            withExtendedLifetime(unit) {}
        }

        @Test func whatWasRecordedIsPlayed() async throws {
            let house = try await ConsoleHouse()
            let unit = try await house.camera(
                "cam-1",
                named: "Front door",
                of: house.anna,
                ["--video", try await Clip.path()]
            )
            try await WebDriver.with { browser in
                try await house.logIn(at: browser)
                try await house.open("cameras/cam-1", at: browser)
                try await browser.click("button.record")
                try await browser.wait("the camera records", "document.querySelector('.record.on')")
                // Segments of 10 s: the page sees them by itself.
                try await browser.wait("recordings", "document.querySelector('.strip-recorded')")
                try await browser.click("button.record")
                try await browser.wait(
                    "it is over",
                    "document.querySelector('.record[aria-pressed=false]')"
                )

                try await browser.press("Home", on: ".timeline")
                let first = try await browser.picture("the recording") { $0.frames > 25 && $0.time > 30.5 }
                #expect(first.width == 640, "\(first)")
                try await browser.wait("its mode", "document.querySelector('.stage.is-recorded')")
                let text: String = try await browser.run(
                    "return document.querySelector('.timeline').getAttribute('aria-valuetext')"
                )
                #expect(text.hasSuffix(", recorded"), "\(text)")

                // A jump is another request, to the very moment.
                try await rememberTimes(browser)
                try await browser.press("Home", on: ".timeline")
                try await browser.wait("from the begin again", "window.seen.first < \(first.time)")
                try await browser.choose("8", in: ".recordings select")
                try await browser.wait("eight times as fast", "window.seen.fast > 34")
                // At the end of what there is it says so.
                try await browser.wait(for: "Here the recording ends.", in: ".stage-state")
                #expect(try await browser.complaints() == [])
            }
            withExtendedLifetime(unit) {}
        }

        /// What lasts a moment only: the earliest picture that is shown from now on (the recording begins at second 30), and
        /// the latest one at eight times the speed.
        private func rememberTimes(_ browser: WebDriver) async throws {
            let _: Bool = try await browser.run(
                """
                const seen = window.seen = {first: Infinity, fast: 0};
                const look = ({target}) => {
                  const time = target.currentTime;
                  if (time >= 30) seen.first = Math.min(seen.first, time);
                  if (target.playbackRate === 8) seen.fast = Math.max(seen.fast, time);
                };
                for (const name of ["seeked", "timeupdate", "pause", "ended"]) document.addEventListener(name, look, true);
                return true;
                """
            )
        }

        @Test func alarmsComeByThemselves() async throws {
            let house = try await ConsoleHouse()
            try await WebDriver.with { browser in
                try await house.logIn(at: browser)
                try await browser.wait(for: "No cameras yet.")
                let unit = try await house.camera(
                    "cam-1",
                    named: "Front door",
                    of: house.anna,
                    ["--alarm", "bell_ring@3s"]
                )
                try await browser.wait(for: "Doorbell: Front door", in: ".message.alarm")
                try await browser.open(house.platform.url + "/#/alarms")
                try await browser.wait(for: "Doorbell", in: ".alarm-list")
                // With the picture that the camera took, once it is there.
                try await browser.wait(
                    "the alarm's picture",
                    "document.querySelector('.alarm-list img')?.naturalWidth > 0"
                )
                #expect(try await browser.complaints() == [])
                withExtendedLifetime(unit) {}
            }
        }

        /// Whatever reads QR codes reads ours; the camera that brings the code is hers.
        @Test func aCameraIsBoundByItsCode() async throws {
            let house = try await ConsoleHouse()
            try await WebDriver.with { browser in
                try await house.logIn(at: browser)
                try await browser.click("button.primary")
                try await browser.wait("the code", "document.querySelector('.bind .code')")
                let code = try await browser.text(".bind .code")
                let file = house.platform.folder + "/code.png"
                try await browser.picture(of: ".qr").write(to: URL(filePath: file))
                let read = try await Tool.output("zbarimg", ["--quiet", "--raw", file])
                // Where no bus of the desktop runs it says so first.
                #expect(read.hasSuffix("\n" + code + "\n") || read == code + "\n", "\(read)")
                let unit = try await house.camera("cam-7", named: "Garage", ["--bind", code])
                try await browser.wait(for: "Garage is yours now.", in: ".message")
                try await browser.wait(for: "Garage", in: ".tile")
                // The next one is not taken for the one that came before.
                try await browser.click("button.primary")
                try await browser.wait("another code", "document.querySelector('.bind .code')")
                let other = try await house.camera(
                    "cam-8",
                    named: "Shed",
                    ["--bind", try await browser.text(".bind .code")]
                )
                try await browser.wait(for: "Shed is yours now.", in: ".message")
                try await browser.wait(for: "Shed", in: ".tile")
                withExtendedLifetime((unit, other)) {}
            }
        }

        @Test func strangersSeeNothing() async throws {
            let house = try await ConsoleHouse()
            let unit = try await house.camera("cam-1", named: "Front door", of: house.anna)
            _ = try await house.platform.customer("bert")
            try await WebDriver.with { browser in
                // Not even that there is such a camera; nor the operator's pages.
                try await house.logIn("bert", at: browser)
                try await browser.wait(for: "No cameras yet.")
                try await house.open("cameras/cam-1", at: browser)
                try await browser.wait(for: "There is no such thing here, or it is not yours.")
                try await house.open("operate/users", at: browser)
                try await browser.wait(for: "Only an operator may open this page.")
                #expect(try await browser.complaints() == [])
                // A page that is loaded anew is still bert's; logged out, it is nobody's.
                try await house.open("account", at: browser)
                try await browser.wait(for: "bert · Customer")
                try await browser.open(house.platform.url + "/?again#/account")
                try await browser.wait(for: "bert · Customer")
                try await browser.click("nav.menu button")
                try await browser.wait("the door", "document.querySelector('input[name=password]')")
                let kept: Int = try await browser.run("return sessionStorage.length + localStorage.length")
                #expect(kept == 0)
            }
            withExtendedLifetime(unit) {}
        }

        /// A refresh token works once and its second use ends the session (docs/api.md, Sessions): tabs renew one after
        /// the other, also when the one that did it is closed.
        @Test func tabsShareASession() async throws {
            let house = try await ConsoleHouse()
            try await WebDriver.with { browser in
                try await house.logIn(at: browser)
                let first = try await browser.tab()
                let second = try await browser.openTab()
                // Nobody logs in here.
                try await browser.open(house.platform.url + "/")
                try await browser.wait(for: "No cameras yet.")
                for tab in [second, first, second, first] {
                    try await browser.showTab(tab)
                    let tokens = try await renewed(browser)
                    #expect(tokens.count == 2 && tokens.first != tokens.last, "\(tokens)")
                }
                try await browser.closeTab()
                try await browser.showTab(second)
                let tokens = try await renewed(browser)
                #expect(tokens.count == 2 && tokens.first != tokens.last, "\(tokens)")
                try await browser.open(house.platform.url + "/?again")
                try await browser.wait(for: "No cameras yet.")
            }
        }

        /// The access token of a tab, and the one that it gets when the platform refused that.
        private func renewed(_ browser: WebDriver) async throws -> [String] {
            try await browser.runLater(
                """
                const done = arguments[arguments.length - 1];
                const address = document.querySelector("script[type=module]").src.replace("app.js", "session.js");
                import(address).then(async ({session}) => {
                  const old = await session.access();
                  done([old, await session.access(old)]);
                }).catch((error) => done([String(error)]));
                """
            )
        }
    }
}
