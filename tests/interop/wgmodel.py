"""The timers of a WireGuard peer as a list of rules (chapter 6 of the paper, and the persistent keepalive of
`wg`), in milliseconds: what happens goes in, what is wanted comes out. A handshake's retry has no jitter here,
and a keepalive without a session is a wish for one."""

REKEY_TIMEOUT, REKEY_ATTEMPT, KEEPALIVE = 5_000, 90_000, 10_000
ANSWER = KEEPALIVE + REKEY_TIMEOUT  # how long we wait for an answer to data
FORGET = 3 * 180_000


class Timers:
    def __init__(self):
        self.told = []  # (when, what)
        self.deadlines = {}
        self.interval, self.attempt, self.initiated, self.last = 0, None, None, None
        self.has_session = False

    def at(self, now, event):
        while self.deadlines and min(self.deadlines.values()) <= now:
            self.expire(min(self.deadlines.values()))
        wanted = self.happen(now, event)
        self.carry_out(now, wanted)

    # ---- what happens ----

    def happen(self, now, event):
        if event.startswith("sent"):
            self.sent(now, event.endswith("+"))
        elif event.startswith("received"):
            self.pass_by(now, "answer")
            if event.endswith("+"):
                self.deadlines.setdefault("keepalive", now + KEEPALIVE)
        elif event == "want":
            return self.want(now)
        elif event.startswith("session"):
            self.has_session |= event.endswith("+")
            if event.endswith("+"):  # a session to send with ends the attempt
                self.stop_trying()
            self.deadlines["forget"] = now + FORGET
            self.persist(now)
        elif event.startswith("interval"):
            was, self.interval = self.interval, 1000 * int(event[len("interval"):])
            self.persist(now)
            return {"keepalive"} if self.interval and not was else set()
        return set()

    def sent(self, now, is_data):
        self.pass_by(now, "keepalive")
        if is_data:
            self.deadlines.setdefault("answer", now + ANSWER)

    def pass_by(self, now, paid):
        """Any authentic packet of either way."""
        self.deadlines.pop(paid, None)
        self.last = now
        self.persist(now)

    def persist(self, now):
        self.deadlines.pop("persist", None)
        if self.interval:
            self.deadlines["persist"] = now + self.interval

    def want(self, now):
        if self.attempt is not None:
            return set()
        self.attempt = now
        if self.initiated is None or now - self.initiated >= REKEY_TIMEOUT:
            return {"initiate"}
        self.deadlines["retry"] = self.initiated + REKEY_TIMEOUT
        return set()

    def stop_trying(self):
        self.attempt = None
        self.deadlines.pop("retry", None)

    # ---- what expires ----

    def expire(self, now):
        due = [name for name in ("forget", "retry", "keepalive", "answer", "persist") if self.deadlines.get(name) == now]
        for name in due:
            del self.deadlines[name]
        wanted = set()
        for name in due:
            if name == "retry":
                wanted |= self.retry(now)
            elif name == "answer":
                wanted |= self.want(now)
            else:
                wanted |= {"keepalive" if name == "persist" else name}
        if "persist" in due:
            self.persist(now)
        self.carry_out(now, wanted)

    def retry(self, now):
        if now - self.attempt < REKEY_ATTEMPT:
            return {"initiate"}
        self.stop_trying()
        self.deadlines.setdefault("forget", now + FORGET)
        return {"giveup"}

    def carry_out(self, now, wanted):
        if "keepalive" in wanted and not self.has_session:
            wanted = (wanted - {"keepalive"}) | self.want(now)
        if "initiate" in wanted:
            self.initiated = now
            self.deadlines["retry"] = now + REKEY_TIMEOUT
        if wanted & {"initiate", "keepalive"}:
            self.sent(now, False)
        self.told += [(now, what) for what in sorted(wanted)]
