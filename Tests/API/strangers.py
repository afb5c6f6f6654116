#!/usr/bin/env python3
"""Two customers: every operation of Schemas/openapi.yaml whose path names an object, by one on what the other has.

Each is answered as if there were no such thing (404), an operator's with 403, and nothing has changed afterwards. The
operations are those of the description, so that a new one is looked at without a word here.
"""

import argparse
import sys

import house
from description import Description
from drive import Driver

def expected(operation):
    """The status for somebody who has nothing to do with the object."""
    if operation.is_operators:
        return 403
    # Without a ticket, and a ticket is made for its owner only.
    return 403 if operation.takes_ticket() else 404


def attempt(platform, operation, objects, user, faults):
    """One call by a stranger: the fault of its answer is noted."""
    path = Driver.path(operation, objects)
    answer = platform.send(operation.method, path, user, operation.example, operation.query_example())
    if answer.status_code != expected(operation):
        faults.append(f"{operation} by {user or 'nobody'} -> {answer.status_code}: {answer.text[:300]}")
    return answer.text


def run(arguments):
    description = Description()
    faults, asked = [], 0
    with house.Platform(arguments) as platform:
        anna = house.Household(platform, "anna").furnish()
        bert = house.Household(platform, "bert")
        others = {"node": "nobody", "firmware": "nobody", "roll_out": "nobody", "viewer": "1"}
        before = anna.state()
        for operation in description.operations:
            if not operation.names:
                continue
            asked += 1
            objects = {**(others if operation.is_operators else {}), **anna.objects}
            theirs = attempt(platform, operation, objects, "bert", faults)
            if operation.is_operators or operation.takes_ticket():
                continue
            # What is anna's is told no otherwise than what is not there at all.
            nothing = {name: value if name == "n" else "nobody" for name, value in objects.items()}
            absent = attempt(platform, operation, nothing, "bert", faults)
            for name in operation.names:
                theirs = theirs.replace(str(objects[name]), str(nothing[name]))
            if theirs != absent:
                faults.append(f"{operation} tells what is there from what is not: {theirs} {absent}")
        # A ticket of one's own opens nothing of others.
        bert.record()
        own = bert.platform.call("POST", f"{bert.channel}/playback", "bert", bert.range)
        for kind in ("hls", "mp4", "ts"):
            path = own[kind].removeprefix("/api/v1").replace(bert.device, anna.device)
            answer = platform.send("GET", path)
            if answer.status_code != 403:
                faults.append(f"GET {path} with bert's ticket -> {answer.status_code}")
        listed(platform, anna, faults)
        after = anna.state()
        for name in before:
            if before[name] != after[name]:
                faults.append(f"{name} has changed:\n  {before[name]}\n  {after[name]}")
    for fault in faults:
        print(fault)
    print(f"{asked} attempts, {len(faults)} faults")
    return 1 if faults else 0


def listed(platform, anna, faults):
    """No list that bert may see has anything of anna's."""
    names = [str(anna.objects[name]) for name in ("id", "alarm", "webhook", "clip", "stream", "household", "group", "session")]
    for operation in Description().operations:
        if operation.names or operation.method != "GET" or operation.is_operators or operation.id == "followEvents":
            continue
        for query in ({}, {"user": "anna"}, {"device": anna.device}):
            text = platform.send("GET", operation.path, "bert", query={**operation.query_example(), **query}).text
            faults += [f"{operation} {query} shows bert {name}" for name in names if f'"{name}"' in text]


if __name__ == "__main__":
    sys.exit(run(house.arguments(argparse.ArgumentParser(description=__doc__)).parse_args()))
