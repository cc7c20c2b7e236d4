"""segment() of a text of 160 characters. Ceiling: str.encode of the same text.

160 characters of UCS-2 are three segments; the other texts are one.
"""

from __future__ import annotations

from tests.benchmarks.harness import Result, per_second, rounded, run, target

from smsfleet.workers.segments import segment

TEXTS = {
    "ascii": ("The quick brown fox jumps over the lazy dog. " * 4)[:160],
    "gsm": ("Grüße aus Köln: è più caldo, ñandù, Ærø, Ωmega. " * 4)[:160],
    "ucs2": ("Привет из Москвы, ваш заказ уже в пути. " * 4)[:160],
}
CODECS = {"ascii": "ascii", "gsm": "latin-1", "ucs2": "utf-16-be"}
MEANT = {"ascii": ("gsm0338", 1), "gsm": ("gsm0338", 1), "ucs2": ("ucs2", 3)}
"""Encoding and segments of each: one character outside GSM would measure something else."""


def measure(count: int) -> Result:
    rates, ratios = {}, {}
    for name, text in TEXTS.items():
        segmented = segment(text)
        if (segmented.encoding, segmented.segments) != MEANT[name]:
            raise ValueError(f"{name} is {segmented.segments} segments of {segmented.encoding}")
        rates[name] = per_second(lambda text=text: segment(text), count)
        raw = per_second(lambda text=text, codec=CODECS[name]: text.encode(codec, "replace"), count)
        ratios[name] = rates[name] / raw
    each = {name: 1e6 / rate for name, rate in rates.items()}
    return {
        "rates": rounded({f"{name}_per_s": rate for name, rate in rates.items()}),
        "us_each": rounded(each),
        "ratio_to_raw": rounded(ratios),
        "targets": [target(f"{name} µs", each[name], at_most=5) for name in ("ascii", "gsm")],
    }


if __name__ == "__main__":
    run("encoding", measure, 20_000)
