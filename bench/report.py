"""The numbers of a run: each is printed with its budget and verdict when it is known, and kept for
bench/results/latest.json."""

results = []


def report(name, value, unit, budget=None, peer=None, peer_value=None, at_least=False, spread=None):
    """One number: printed and kept. A budget is the most, or with at_least the least, that is
    allowed; spread is the least and the most of what value is the median of."""
    ok = None if budget is None else (value >= budget if at_least else value <= budget)
    ratio = round(value / peer_value, 3) if peer_value else None
    results.append({"name": name, "value": round(value, 3), "unit": unit, "ok": ok,
                    "budget": None if budget is None else round(budget, 3),
                    "spread": None if spread is None else [round(v, 3) for v in spread],
                    "peer": f"{peer}: {peer_value:.3g} {unit}" if peer_value else None, "ratio": ratio})
    text = f"{name:52} {value:10.2f} {unit:5}"
    if spread is not None:
        text += f"  [{spread[0]:.4g} .. {spread[1]:.4g}]"
    if budget is not None:
        text += f"  budget {'>=' if at_least else '<='} {budget:.4g} {unit}  {'ok' if ok else 'MISSED'}"
    if ratio is not None:
        text += f"  ({ratio:.2f} x {peer}, {peer_value:.3g} {unit})"
    print(text, flush=True)


def missing(name, why):
    """A number that could not be taken, or a peer that could not be had: a miss, with its reason."""
    results.append({"name": name, "ok": False, "why": why})
    print(f"{name:52}    MISSING  {why}", flush=True)


def misses():
    return [r["name"] for r in results if r["ok"] is False]
