"""A strict reader of Prometheus' text format 0.0.4: what is loose in the format's common parsers is an
error here, and theirs has to read the same."""

import http.client
import re

from prometheus_client.parser import text_string_to_metric_families

LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,(?!}))?')
SAMPLE = re.compile(r'([a-z][a-z0-9_]*)(?:\{((?:' + LABEL.pattern + r')+)\})? (\d+(?:\.\d*[1-9])?)')
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


def unescape(text):
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], text)


class Figures:
    """One scrape: samples by (name, labels)."""

    def __init__(self, text):
        self.kinds, self.samples = {}, {}
        assert text.endswith("\n") and "\r" not in text
        lines = text[:-1].split("\n")
        at = 0
        while at < len(lines):
            at = self._family(lines, at)
        self._check_histograms()
        self._compare(text)

    def _family(self, lines, at):
        """HELP, TYPE, and at least one sample; the number of the line behind them."""
        name = re.fullmatch(r"# HELP ([a-z][a-z0-9_]*) \S.*", lines[at])[1]
        kind = re.fullmatch(rf"# TYPE {name} (counter|gauge|histogram)", lines[at + 1])[1]
        assert name not in self.kinds, f"{name} comes twice"
        self.kinds[name] = kind
        first = at = at + 2
        while at < len(lines) and not lines[at].startswith("#"):
            self._sample(name, kind, lines[at])
            at += 1
        assert at > first, f"{name} has no samples"
        return at

    def _sample(self, family, kind, line):
        found = SAMPLE.fullmatch(line)
        assert found, f"not a sample: {line}"
        assert found[1] in [family + suffix for suffix in SUFFIXES[kind]], f"{line} does not belong to {family}"
        labels = {m[1]: unescape(m[2]) for m in LABEL.finditer(found[2] or "")}
        key = (found[1], frozenset(labels.items()))
        assert key not in self.samples, f"{line} comes twice"
        self.samples[key] = float(found[found.re.groups])

    def _check_histograms(self):
        series = {}
        for (name, labels), value in self.samples.items():
            if name.endswith("_bucket"):
                bound = float(dict(labels)["le"])
                rest = frozenset((k, v) for k, v in labels if k != "le")
                series.setdefault((name[:-7], rest), []).append((bound, value))
        for (name, labels), buckets in series.items():
            assert buckets == sorted(buckets), f"{name}: bounds or counts that fall"
            assert [value for _, value in buckets] == sorted(value for _, value in buckets)
            assert buckets[-1] == (float("inf"), self.samples[(name + "_count", labels)])
            assert (name + "_sum", labels) in self.samples

    def _compare(self, text):
        theirs = {(s.name, frozenset(s.labels.items())): s.value
                  for family in text_string_to_metric_families(text) for s in family.samples}
        assert theirs == self.samples

    def get(self, name, **labels):
        """The sum of all samples that have these labels; there is at least one."""
        found = [v for (n, have), v in self.samples.items() if n == name and set(labels.items()) <= have]
        assert found, f"no {name} {labels}"
        return sum(found)

    def has(self, name):
        return any(family == name for family in self.kinds)

    def assert_follows(self, before):
        """No counter has fallen or gone since then."""
        for key, value in before.samples.items():
            family = next(f for f, k in before.kinds.items() for s in SUFFIXES[k] if f + s == key[0])
            if before.kinds[family] != "gauge" and "peer" not in dict(key[1]):
                assert self.samples.get(key, -1) >= value, f"{key} fell from {value}"


def fetch(host, address="127.0.0.1", port=8080, path="/metrics", method="GET"):
    """(status, headers, body) of a request from that host."""
    def work():
        connection = http.client.HTTPConnection(address, port, timeout=30)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), body
    return host.enter(work)


def scrape(host, *where):
    status, headers, body = fetch(host, *where)
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert int(headers["Content-Length"]) == len(body.encode())
    return Figures(body)
