"""What all clients of a group were told, set beside what its replicas say in the end.

The lab's groups run a counter, and each command adds one: the answer to a command is its place among all that were run, on
whichever host its client was. So there is nothing in it of the hosts' clocks, which have nothing to do with each other.
"""

import json


def events(histories):
    """Of the lines of several histories of gaios load: the events, as they stand in each."""
    return [json.loads(line) for lines in histories for line in lines]


def findings(histories, applied):
    """What is wrong with what clients were told, in words; nothing if all is well. `applied` commands were run."""
    found = []
    told = [event for event in events(histories) if event["type"] == "ok"]
    at = {}
    for event in told:
        place = event.get("answer")
        if place is None:
            continue  # its first sending had been answered, and the answer is not kept any more
        if not 1 <= place <= applied:
            found.append(f"lost: a command was acknowledged as number {place}, and {applied} were run")
        if place in at:
            found.append(f"lost or run twice: two commands were acknowledged as number {place}, in slots "
                         f"{at[place]['slot']} and {event['slot']}")
        at[place] = event
    slots = [(place, event["slot"]) for place, event in sorted(at.items()) if event["slot"] is not None]
    found += [f"out of order: number {place} is in slot {slot}, number {before} in slot {its_slot}"
              for (before, its_slot), (place, slot) in zip(slots, slots[1:]) if slot < its_slot]
    return found


def counts(histories):
    """Commands that were sent and not refused, that were acknowledged, and of these those that have no answer with them."""
    all_events = events(histories)
    kinds = [event["type"] for event in all_events]
    bare = sum(1 for event in all_events if event["type"] == "ok" and event.get("answer") is None)
    return kinds.count("invoke") - kinds.count("fail"), kinds.count("ok"), bare
