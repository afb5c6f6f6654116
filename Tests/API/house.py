"""A platform with two customers who have one of everything each: what the drivers of the API ask about.

Every name in `Household.objects` is that of a parameter of a path (Schemas/openapi.yaml).
"""

import ctypes
import datetime
import json
import os
import signal
import subprocess
import time
import urllib.parse

import requests

WAIT = 90


def die_with_parent():
    """No unit outlives the test that started it, whatever ends that."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def eventually(what, condition, seconds=WAIT):
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.1)


class Platform:
    """A platform that runs, as `anna`, `bert` and `admin` see it."""

    def __init__(self, arguments):
        self.url = arguments.platform
        self.authority = arguments.ca
        self.program = arguments.vedette
        self.session = requests.Session()
        # REQUESTS_CA_BUNDLE of the environment would count more than what is said here.
        self.session.trust_env = False
        self.session.verify = arguments.ca
        self.units = []
        with open(arguments.password_file) as file:
            self.tokens = {"admin": self.log_in("admin", file.read().strip())["access_token"]}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for unit in self.units:
            unit.kill()
            unit.wait()

    def send(self, method, path, user=None, body=None, query=None, headers=None, data=None, stream=False):
        fields = dict(headers or {})
        if user:
            fields["Authorization"] = f"Bearer {self.tokens.get(user, user)}"
        return self.session.request(
            method,
            self.url + "/api/v1" + path,
            # A space is %20: a plus in an address is a plus (RFC 3986).
            params=urllib.parse.urlencode(query or {}, quote_via=urllib.parse.quote),
            json=body,
            data=data,
            headers=fields,
            stream=stream,
            timeout=120,
            allow_redirects=False,
        )

    def call(self, method, path, user, body=None, query=None, **more):
        """A call that has to succeed: what it answers."""
        answer = self.send(method, path, user, body, query, **more)
        if not answer.ok:
            raise AssertionError(f"{method} {path} as {user}: {answer.status_code} {answer.text}")
        return answer.json() if "json" in answer.headers.get("Content-Type", "") else answer

    def log_in(self, user, password):
        return self.call("POST", "/session", None, {"user": user, "password": password})

    def start_unit(self, device, password, code):
        unit = subprocess.Popen(
            [self.program, "pu", "run", "--platform", self.url, "--ca", self.authority, "--device", device]
            + ["--mac", f"mac-{device}", "--bind", code, "--commands", "--battery", "87"],
            env={**os.environ, "VEDETTE_PASSWORD": password},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )
        self.units.append(unit)
        return unit


class Household:
    """One customer with one of everything."""

    def __init__(self, platform, user):
        self.platform, self.user, self.device = platform, user, f"cam-{user}"
        self.password = f"password-of-{user}"
        call = platform.call
        call("POST", "/admin/users", "admin", {"user": user, "password": self.password})
        self.tokens = platform.log_in(user, self.password)
        platform.tokens[user] = self.tokens["access_token"]
        enrolled = call(
            "POST", "/admin/devices", "admin", {"device_id": self.device, "mac_id": f"mac-{self.device}"}
        )
        code = call("POST", "/bindings", user)["bind_id"]
        self.unit = platform.start_unit(self.device, enrolled["login_password"], code)
        here = lambda: any(d["online"] for d in call("GET", "/devices", user)["items"])
        eventually(f"{self.device} is bound and online", here)
        self.objects = {"id": self.device, "n": 0, "user": user}

    def furnish(self):
        """Makes one of everything that a path can name."""
        self.record()
        self.alarm()
        self.log()
        call, user = self.platform.call, self.user
        hook = call("POST", "/webhooks", user, {"url": "https://127.0.0.1:1/" + user, "kinds": ["upgrade"]})
        self.objects["webhook"] = hook["webhook_id"]
        clip = call("POST", f"{self.channel}/kept-clips", user, {**self.range, "note": "the parcel"})
        self.objects["clip"] = clip["clip_id"]
        live = call("POST", f"{self.channel}/live", user)
        self.objects["stream"], self.lease = live["stream_id"], live["lease"]
        self.playback = call("POST", f"{self.channel}/playback", user, self.range)
        self.company()
        return self

    def company(self):
        """A household and a group with the camera in them, a guest of it, and a second login."""
        call, user = self.platform.call, self.user
        household = call("POST", "/households", user, {"name": "Home"})["household_id"]
        call("PUT", f"/households/{household}/devices/{self.device}", user)
        group = call("POST", "/groups", user, {"name": "Garden"})["group_id"]
        call("PUT", f"/groups/{group}/devices/{self.device}", user)
        self.guest = f"guest-of-{user}"
        call("POST", "/admin/users", "admin", {"user": self.guest, "password": self.password})
        call("PUT", f"/devices/{self.device}/shares/{self.guest}", user, {"rights": ["live"]})
        self.platform.log_in(user, self.password)
        others = [s for s in call("GET", "/sessions", user)["items"] if not s["current"]]
        self.objects |= {"household": household, "group": group, "device": self.device}
        self.objects["session"] = others[0]["session_id"]

    @property
    def channel(self):
        return f"/devices/{self.device}/channels/0"

    def record(self):
        call, user = self.platform.call, self.user
        begin = datetime.datetime.now(datetime.timezone.utc)
        call("POST", f"{self.channel}/record", user, {"seg_duration": 2})

        def listed():
            end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1)
            query = {"from": moment(begin - datetime.timedelta(minutes=5)), "to": moment(end)}
            items = call("GET", f"{self.channel}/recordings", user, query=query)["items"]
            return items[0] if items and sum(i["duration"] for i in items) >= 4 else None

        first = eventually(f"{self.device} is recorded", listed)
        call("DELETE", f"{self.channel}/record", user)
        self.range = {"from": first["start"], "to": first["end"]}

    def alarm(self):
        self.unit.stdin.write(b"alarm bell_ring pulse 0\n")
        self.unit.stdin.flush()
        call, user = self.platform.call, self.user
        pictured = lambda: [a for a in call("GET", "/alarms", user)["items"] if "picture" in a]
        self.objects["alarm"] = eventually(f"an alarm of {self.device} has its picture", pictured)[0]["alarm_id"]

    def log(self):
        call, user = self.platform.call, self.user
        task = call("POST", f"/devices/{self.device}/logs", user)["task"]
        done = lambda: call("GET", f"/devices/{self.device}/logs/{task}", user)["state"] == "done"
        eventually(f"the log of {self.device} has come", done)
        self.objects["task"] = task

    def state(self):
        """All that the customer has, as far as it does not change by itself."""
        call, user = self.platform.call, self.user
        device = call("GET", f"/devices/{self.device}", user)
        for channel in device["channels"]:
            for name in ("streaming", "alarm", "recording"):
                channel.pop(name)
        webhooks = call("GET", "/webhooks", user)["items"]
        for webhook in webhooks:
            # It moves on with every event.
            webhook.pop("delivered_through")
        known = {
            "device": {k: v for k, v in device.items() if k not in ("last_seen", "battery")},
            "enrolled": call("GET", f"/admin/devices/{self.device}", "admin")["disabled"],
            "clips": call("GET", "/kept-clips", user),
            "webhooks": webhooks,
            "alarms": call("GET", "/alarms", user),
            "logs": call("GET", f"/devices/{self.device}/logs", user),
            "shares": call("GET", f"/devices/{self.device}/shares", user),
            "household": call("GET", "/households/" + self.objects["household"], user),
            "groups": call("GET", "/groups", user),
            "sessions": sorted(s["session_id"] for s in call("GET", "/sessions", user)["items"]),
            "account": call("GET", "/account", user),
            "config": call("GET", f"/devices/{self.device}/config", user),
            "presets": call("GET", f"{self.channel}/presets", user),
            "recorded": call("GET", f"{self.channel}/recordings", user, query=self.range),
            "live": call("GET", f"{self.channel}/live", user)["stream_id"],
        }
        for name in ("plan", "rule"):
            known[name] = self.platform.send("GET", f"{self.channel}/record/{name}", user).text
        return json.loads(json.dumps(known))


def moment(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}Z"


def arguments(parser):
    parser.add_argument("--platform", required=True, help="https://HOST:PORT")
    parser.add_argument("--ca", required=True, help="PEM file of the authority to trust")
    parser.add_argument("--vedette", required=True, help="the program")
    parser.add_argument("--password-file", required=True, help="file with the password of 'admin'")
    return parser
