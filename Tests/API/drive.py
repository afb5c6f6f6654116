#!/usr/bin/env python3
"""Drives every operation of Schemas/openapi.yaml against a platform that runs, and holds each answer to what is described.

An operation that is described and not driven to a success is a failure, so that whoever adds one has to say here how it is
used, where its example does not do.
"""

import argparse
import base64
import hashlib
import hmac
import json
import struct
import sys
import time
import urllib.parse

import house
from description import Description, Violation

# Operations of which no answer but a refusal can be had here, each with its reason.
WITHOUT_SUCCESS = ()
# What takes away that others are driven with comes at the end.
LAST = ("releaseClip", "rebootChannel", "rebootDevice", "reschedule", "formatDisk", "resetConfiguration", "unbindDevice")


class Driver:
    def __init__(self, platform, description):
        self.platform, self.description = platform, description
        self.answers = {o.id: set() for o in description.operations}
        self.faults = []

    def __call__(self, name, user, objects=None, body=None, query=None, expect=None, **more):
        """One call, whose answer has to be a described one; with `expect` of this status."""
        operation = self.description.by_id[name]
        path = self.path(operation, objects or {})
        answer = self.platform.send(operation.method, path, user, body, query, **more)
        try:
            self.description.check_answer(operation, answer)
            if expect and answer.status_code != expect:
                raise Violation(f"{operation} -> {answer.status_code}, expected {expect}: {answer.text[:500]}")
        except Violation as violation:
            self.faults.append(str(violation))
        self.answers[name].add(answer.status_code)
        if expect and answer.status_code != expect:
            raise Violation(f"{operation} did not go as planned")
        return answer

    def step(self, step, *arguments):
        """What breaks in a step is a fault of it, and the others are driven all the same."""
        try:
            step(self, *arguments)
        except Exception as error:
            line = error.__traceback__.tb_next.tb_lineno
            self.faults.append(f"{step.__name__} {arguments[:1]}, line {line}: {error!r}")

    @staticmethod
    def path(operation, objects):
        path = operation.path
        for name in operation.names:
            if name not in objects:
                raise Violation(f"{operation}: nothing is known of a {name}; teach Tests/API/house.py to make one")
            path = path.replace("{" + name + "}", urllib.parse.quote(str(objects[name]), safe=""))
        return path

    # MARK: what every operation has in common

    def refusals(self, operation, objects):
        """What any caller may get wrong: each answer has to be a described one."""
        if operation.needs_login():
            self(operation.id, None, objects, expect=401)
            if operation.is_operators:
                self(operation.id, "bert", objects, operation.example, operation.query_example(), expect=403)
        if operation.example is not None:
            self(operation.id, "anna", objects, data=b"no json", headers={"Content-Type": "application/json"})
            self(operation.id, "anna", objects, data=b"<a/>", headers={"Content-Type": "text/xml"})
        if operation.names and operation.needs_login():
            strange = {n: 7 if n in ("n", "viewer") else "nobody-knows-it" for n in operation.names}
            user = "admin" if operation.is_operators else "anna"
            self(operation.id, user, strange, operation.example, operation.query_example())

    def examples(self):
        """Whatever no step has driven to a success is tried with its own example."""
        order = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")
        for operation in sorted(self.description.operations, key=lambda o: order.index(o.method)):
            if not self.succeeded(operation.id) and operation.id not in WITHOUT_SUCCESS + LAST:
                self.step(Driver.example, operation)

    def example(self, operation):
        user = "admin" if operation.is_operators else "anna"
        self(operation.id, user, self.objects, operation.example, operation.query_example())

    def succeeded(self, name):
        return any(200 <= status < 400 for status in self.answers[name])

    def verdict(self):
        for name, statuses in self.answers.items():
            if not self.succeeded(name) and name not in WITHOUT_SUCCESS:
                self.faults.append(f"{name} was never driven to a success, only {sorted(statuses)}")
        return self.faults


def accounts(drive):
    tokens = drive("openSession", None, body={"user": "anna", "password": "password-of-anna"}, expect=201).json()
    drive("openSession", None, body={"user": "anna", "password": "wrong"}, expect=401)
    fresh = drive("refreshSession", None, body={"refresh_token": tokens["refresh_token"]}, expect=200).json()
    drive("closeSession", fresh["access_token"], expect=204)
    drive("addUser", "admin", body={"user": "cleo", "password": "password-of-cleo"}, expect=201)
    drive("addUser", "admin", body={"user": "cleo", "password": "password-of-cleo"}, expect=409)
    drive("addUser", "admin", body={"user": "cleo", "password": "short"}, expect=400)
    drive("switchUser", "admin", {"user": "cleo"}, {"disabled": True}, expect=200)
    drive("switchUser", "admin", {"user": "admin"}, {"disabled": True}, expect=409)
    page = drive("listUsers", "admin", query={"limit": 1}, expect=200).json()
    drive("listUsers", "admin", query={"cursor": page["next_cursor"]}, expect=200)
    drive("listUsers", "admin", query={"limit": 0}, expect=400)


def sharing(drive, anna):
    device, guest = {"id": anna.device}, {"id": anna.device, "user": "dora"}
    rights = {"rights": ["live", "playback"]}
    drive("addUser", "admin", body={"user": "dora", "password": "password-of-dora"}, expect=201)
    drive("putShare", "anna", guest, drive.description.by_id["putShare"].example, expect=201)
    drive("putShare", "anna", guest, rights, expect=200)
    drive("putShare", "anna", guest, {"rights": ["everything"]}, expect=400)
    drive("listShares", "anna", device, expect=200)
    drive("endShare", "anna", guest, expect=204)
    drive("endShare", "anna", guest, expect=404)
    home = {"household": drive("addHousehold", "anna", body={"name": "Cabin"}, expect=201).json()["household_id"]}
    home |= {"user": "dora", "device": anna.device}
    drive("getHousehold", "anna", home, expect=200)
    drive("renameHousehold", "anna", home, {"name": "Hut"}, expect=200)
    drive("putMember", "anna", home, {"role": "member", "rights": ["live"]}, expect=201)
    drive("putMember", "anna", home, {"role": "admin", "rights": ["live"]}, expect=200)
    drive("addHouseholdDevice", "anna", home, expect=200)
    drive("removeHouseholdDevice", "anna", home, expect=204)
    drive("removeMember", "anna", home, expect=204)
    drive("endHousehold", "anna", home, expect=204)
    drive("getHousehold", "anna", home, expect=404)
    group = {"group": drive("addGroup", "anna", body={"name": "Fence"}, expect=201).json()["group_id"]}
    group["device"] = anna.device
    drive("renameGroup", "anna", group, {"name": "Wall"}, expect=200)
    drive("addGroupDevice", "anna", group, expect=200)
    drive("removeGroupDevice", "anna", group, expect=204)
    drive("removeGroup", "anna", group, expect=204)


def code(secret, moment):
    """RFC 6238: the six digits of this moment."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(moment) // 30), hashlib.sha1).digest()
    place = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[place : place + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def credentials(drive, anna):
    """Of dora, who loses nothing that others are driven with."""
    password = "password-of-dora"
    log_in = lambda: drive("openSession", None, body={"user": "dora", "password": password}, expect=201).json()
    log_in()
    token = log_in()["access_token"]
    sessions = drive("listSessions", token, expect=200).json()["items"]
    other = next(s["session_id"] for s in sessions if not s["current"])
    drive("endSession", token, {"session": other}, expect=204)
    drive("endOtherSessions", token, expect=204)
    drive("getAccount", token, expect=200)
    drive("changePassword", token, body={"password": "wrong", "new_password": "hers, and new"}, expect=400)
    drive("changePassword", token, body={"password": password, "new_password": "hers, and new"}, expect=204)
    password = "hers, and new"
    token = log_in()["access_token"]
    secret = drive("beginTOTP", token, body={"password": password}, expect=201).json()["secret"]
    # The moment may pass while it is on its way.
    confirmed = lambda: drive("confirmTOTP", token, body={"code": code(secret, time.time())})
    answer = house.eventually("a code of now is taken", lambda: (a := confirmed()).ok and a)
    recovery = answer.json()["recovery_codes"]
    drive("openSession", None, body={"user": "dora", "password": password}, expect=401)
    drive("endTOTP", token, body={"password": password, "code": recovery[0]}, expect=204)
    drive("resetPassword", "admin", {"user": "dora"}, {"password": "from the desk"}, expect=204)
    drive("getAccount", token, expect=401)
    password = "from the desk"
    token = log_in()["access_token"]
    drive("beginTOTP", token, body={"password": password}, expect=201)
    drive("resetTOTP", "admin", {"user": "dora"})
    drive("addToken", token, body={"name": "Blinds", "scope": "read live"}, expect=201)
    drive("addToken", token, body={"name": "Blinds", "scope": "admin"}, expect=403)


def audit(drive, anna):
    page = drive("listAudit", "admin", query={"user": "admin", "limit": 1}, expect=200).json()
    drive("listAudit", "admin", query={"cursor": page["next_cursor"], "limit": 1}, expect=200)
    drive("listAudit", "admin", query={"cursor": "nonsense"}, expect=400)
    entry = page["items"][0]
    verdict = drive("verifyAudit", "admin", query={"id": entry["id"], "hash": entry["hash"]}, expect=200).json()
    if not verdict["intact"]:
        raise Violation(f"the trail is not intact: {verdict}")
    drive("verifyAudit", "admin", query={"id": entry["id"]}, expect=400)
    drive("exportAudit", "admin", query={"from_id": entry["id"], "limit": 1}, expect=200)
    drive("exportAudit", "admin", query={"from_id": 10**12}, expect=400)


def unit(drive, anna):
    o = anna.objects
    drive("setTime", "anna", o, expect=204)
    drive("setTime", "anna", o, {"datetime": "2026-13-01T00:00:00"}, expect=400)
    drive("movePTZ", "anna", o, {"op": "right", "value": 20}, expect=202)
    drive("movePTZ", "anna", o, {"op": "goto_preset"}, expect=400)
    drive("movePTZ", "anna", o, {"op": "set_preset", "value": 3}, expect=202)
    drive("play", "anna", o, {"url": "https://example.org/dog.aac"}, expect=202)
    drive("play", "anna", o, {"op": "stop"}, expect=202)
    drive("changeConfiguration", "anna", o, {"nothing": 1}, expect=400)
    drive("changeConfiguration", "anna", o, {"led": False})
    drive("changeConfiguration", "anna", o, {"led": None})
    drive("takeSnapshot", "anna", o, expect=200)
    tag = drive("getPicture", "anna", o, query={"width": 160}, expect=200).headers["ETag"]
    drive("getPicture", "anna", o, query={"width": 160}, headers={"If-None-Match": tag}, expect=304)
    drive("checkPicture", "anna", o, expect=200)
    drive("getPicture", "anna", o, query={"width": 15}, expect=400)
    drive("getAlarmPicture", "anna", o, expect=200)
    drive("listAlarms", "anna", query={"device": anna.device, "type": "bell_ring", "limit": 1}, expect=200)
    drive("listAlarms", "anna", query={"type": "rain"}, expect=400)
    drive("listBattery", "anna", o, query={"limit": 1}, expect=200)
    drive("getLogFile", "anna", o, expect=200)


def recordings(drive, anna):
    o = anna.objects
    drive("listRecordings", "anna", o, query=anna.range, expect=200)
    drive("listRecordings", "anna", o, query={"from": anna.range["to"], "to": anna.range["from"]}, expect=400)
    drive("getRecordedPicture", "anna", o, query={"at": anna.range["to"]}, expect=200)
    drive("checkRecordedPicture", "anna", o, query={"at": anna.range["to"]}, expect=200)
    drive("openPlayback", "anna", o, anna.range, expect=201)
    for name, kind in (("getPlaylist", "hls"), ("exportMP4", "mp4"), ("checkExportMP4", "mp4")) + (
        ("exportTS", "ts"),
        ("checkExportTS", "ts"),
    ):
        query = dict(urllib.parse.parse_qsl(anna.playback[kind].split("?")[1]))
        drive(name, None, o, query=query, expect=200)
        drive(name, None, o, query={**query, "ticket": "forged"}, expect=403)
    query = dict(urllib.parse.parse_qsl(anna.playback["ts"].split("?")[1]))
    drive("exportTS", None, o, query=query, headers={"Range": "bytes=0-187"}, expect=206)
    drive("keepClip", "anna", o, {**anna.range, "note": "another one"}, expect=201)
    drive("startRecording", "anna", o, {"seg_duration": 1}, expect=400)
    drive("startRecording", "anna", o, {"seg_duration": 2, "duration_seconds": 600})
    drive("getRecording", "anna", o, expect=200)
    drive("stopRecording", "anna", o)
    for name in ("Plan", "Rule"):
        drive(f"getRecording{name}", "anna", o, expect=404)
        example = drive.description.by_id[f"setRecording{name}"].example
        drive(f"setRecording{name}", "anna", o, example, expect=200)
        drive(f"getRecording{name}", "anna", o, expect=200)
        drive(f"clearRecording{name}", "anna", o, expect=204)
    drive("startCheck", "admin", body={"depth": "size"}, expect=202)
    drive("getCheck", "admin", expect=200)
    drive("stopCheck", "admin", expect=204)


def live(drive, anna, objects):
    drive("startLive", "anna", anna.objects, expect=200)
    drive("startLive", "anna", anna.objects, {"rendition": "huge"}, expect=400)
    drive("getLive", "anna", anna.objects, expect=200)
    drive("listStreams", "admin", expect=200)
    # Somebody watches: the stream has a viewer.
    play = drive("startLive", "anna", anna.objects, expect=200).json()["play"]["ts"]
    with drive.platform.session.get(play, stream=True, timeout=60) as viewer:
        viewer.raw.read(188)
        found = lambda: drive("getStream", "admin", objects, expect=200).json()["items"]
        items = house.eventually("the viewer is listed", found)
        drive("endViewer", "admin", {**objects, "viewer": items[0]["viewer_id"]}, expect=204)
    play = drive("startLive", "anna", anna.objects, expect=200).json()["play"]["ts"]
    with drive.platform.session.get(play, stream=True, timeout=60) as viewer:
        viewer.raw.read(188)
        house.eventually("the viewer is listed again", found)
        drive("endViewing", "anna", anna.objects, expect=204)
    drive("stopLive", "anna", anna.objects, query={"lease": anna.lease}, expect=204)
    drive("endStream", "admin", objects, expect=202)


def events(drive, anna):
    with drive("followEvents", "anna", query={"last_event_id": 0}, stream=True, expect=200) as stream:
        lines = stream.iter_lines()
        first = next(line for line in lines if line.startswith(b"data:"))
    schema = {"$ref": "#/components/schemas/Event"}
    drive.description.validate(json.loads(first[5:]), schema, "an event")
    ticket = drive("makeEventTicket", "anna", expect=201).json()["ticket"]
    drive("followEvents", None, query={"ticket": ticket}, stream=True, expect=200).close()
    drive("followEvents", None, query={"ticket": ticket}, expect=401)
    drive("followEvents", "anna", query={"kind": "rain"}, expect=400)
    hook = {"url": "https://127.0.0.1:1/x", "kinds": ["alarm"]}
    made = {"webhook": drive("addWebhook", "anna", body=hook, expect=201).json()["webhook_id"]}
    drive("addWebhook", "anna", body={"url": "http://10.0.0.1/"}, expect=400)
    drive("testWebhook", "anna", made, expect=200)
    drive("listDeliveries", "anna", made, expect=200)
    drive("removeWebhook", "anna", made, expect=204)


def firmware(drive, anna, objects):
    image = b"an image" * 1000
    model = drive("getStatus", "anna", anna.objects, expect=200).json()["hardware_model"]
    query = {"hardware_model": model, "version": "9.0.0"}
    stream = {"Content-Type": "application/octet-stream"}
    made = drive("addFirmware", "admin", query=query, data=image, headers=stream, expect=201).json()
    drive("addFirmware", "admin", query=query, data=image, headers=stream, expect=409)
    drive("addFirmware", "admin", query={"version": "9"}, data=image, headers=stream, expect=400)
    objects["firmware"] = made["firmware_id"]
    order = {"firmware_id": made["firmware_id"], "units": [anna.device], "opens_at": "2099-01-01T00:00:00Z"}
    order["closes_at"] = "2099-01-02T00:00:00Z"
    objects["roll_out"] = drive("startRollOut", "admin", body=order, expect=201).json()["roll_out_id"]
    drive("startRollOut", "admin", body={**order, "percent": 10}, expect=400)
    drive("upgradeDevice", "anna", anna.objects, {"firmware_id": made["firmware_id"]}, expect=409)
    drive("removeFirmware", "admin", objects, expect=409)
    for word in ("pause", "resume", "cancel"):
        drive(f"{word}RollOut", "admin", objects, expect=200)
    drive("cancelRollOut", "admin", objects, expect=409)
    drive("upgradeDevice", "anna", anna.objects, {"firmware_id": made["firmware_id"]}, expect=202)
    spare = {"hardware_model": "another camera", "version": "1"}
    other = drive("addFirmware", "admin", query=spare, data=image, headers=stream, expect=201).json()
    drive("removeFirmware", "admin", {"firmware": other["firmware_id"]}, expect=204)


def operator(drive, anna, objects):
    drive("enrolDevice", "admin", body={"device_id": "cam-9", "mac_id": "mac-9"}, expect=201)
    drive("enrolDevice", "admin", body={"device_id": "cam-9", "mac_id": "mac-9"}, expect=409)
    drive("enrolDevice", "admin", body={"device_id": "cam-8", "mac_id": "mac-8", "channels": 999}, expect=400)
    drive("switchDevice", "admin", {"id": "cam-9"}, {"disabled": True}, expect=200)
    drive("removeDevice", "admin", {"id": "cam-9"}, expect=204)
    drive("setLatency", "admin", objects, {"srt_latency_ms": 19}, expect=400)
    drive("listUnitSessions", "admin", query={"limit": 1}, expect=200)
    nodes = drive("listNodes", "admin", expect=200).json()["items"]
    objects["node"] = nodes[0]["node"]
    drive("drainNode", "admin", objects, {"rate": 50}, expect=409)
    drive("drainNode", "admin", objects, {"rate": 0}, expect=400)
    drive("drainNode", "admin", objects, {"rate": 50, "force": True}, expect=202)
    drive("undrainNode", "admin", objects, expect=200)
    drive("listUseTotals", "admin", query={"by": "day"}, expect=200)
    drive("listUseTotals", "admin", query={"by": "hour"}, expect=400)


def last(drive, anna):
    """What ends things."""
    drive("releaseClip", "anna", anna.objects, expect=204)
    drive("releaseClip", "anna", anna.objects, expect=404)
    for name in ("formatDisk", "rebootChannel", "reschedule", "resetConfiguration", "rebootDevice"):
        # Some make the unit go and come back.
        asked = lambda: drive(name, "anna", anna.objects).status_code == 202
        house.eventually(f"{name} is taken", asked)
    drive("unbindDevice", "anna", anna.objects, expect=204)
    drive("getDevice", "anna", anna.objects, expect=404)


def run(arguments):
    description = Description()
    description.check()
    with house.Platform(arguments) as platform:
        anna = house.Household(platform, "anna").furnish()
        house.Household(platform, "bert")
        drive = Driver(platform, description)
        drive.objects = objects = {**anna.objects, "node": "nobody", "viewer": "1"}
        drive.step(accounts)
        drive.step(sharing, anna)
        drive.step(credentials, anna)
        drive.step(firmware, anna, objects)
        drive.step(operator, anna, objects)
        for operation in description.operations:
            if operation.id not in ("openSession", "refreshSession"):
                drive.step(Driver.refusals, operation, objects)
        drive.step(unit, anna)
        drive.step(recordings, anna)
        drive.step(live, anna, objects)
        drive.step(events, anna)
        drive.step(audit, anna)
        drive.examples()
        drive.step(last, anna)
        faults = drive.verdict()
    for fault in dict.fromkeys(faults):
        print(fault)
    count = sum(len(statuses) for statuses in drive.answers.values())
    print(f"{len(description.operations)} operations, {count} kinds of answers, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(run(house.arguments(argparse.ArgumentParser(description=__doc__)).parse_args()))
