"""Writes the example corpus below data/: made-up texts, the same ones at every run.

    python3 make_example.py

Needs Python 3.9 or later and nothing else. No two texts share more than half of their 5-shingles unless a
duplicate was planted; what was planted is printed.
"""

import csv
import gzip
import io
import json
import random
import unicodedata
from pathlib import Path

from phrases import DOMAIN, GENERAL_EN, GENERAL_ZH, JUNK, SLOTS

HERE = Path(__file__).parent / "data"
MONTHS = "January February March April May June July August September October November December".split()
MOST_SHARED = 0.5


class Maker:
    """Composes texts and refuses those that come too near an earlier one."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.by_shingle = {}
        self.sizes = []

    def pick(self, options):
        # random() is the one method whose results never change between versions of Python.
        return options[int(self.random.random() * len(options))]

    def number(self, low, high):
        return low + int(self.random.random() * (high - low + 1))

    def fill(self, sentence):
        out, rest = [], sentence
        while "{" in rest:
            before, _, rest = rest.partition("{")
            name, _, rest = rest.partition("}")
            out += [before, self.slot(name)]
        return "".join(out) + rest

    def slot(self, name):
        if name in SLOTS:
            return self.pick(SLOTS[name])
        if name == "n":
            return str(self.number(2, 99))
        if name == "m":
            return f"{self.number(100, 9999):,}"
        if name == "p":
            return f"{self.number(10, 4999) / 100:.2f}"
        if name == "s":
            return f"{self.number(10, 699) / 100:.2f}"
        if name == "r":
            return str(self.number(105, 260))
        if name == "y":
            return str(self.number(1996, 2025))
        if name == "q":
            return self.pick("一二三四")
        if name == "mo":
            return str(self.number(1, 12))
        if name == "mo_en":
            return self.pick(MONTHS)
        if name == "d":
            return str(self.number(1, 28))
        if name == "code":
            return f"{self.pick(['600', '000', '300', '688'])}{self.number(0, 999):03}"
        raise KeyError(name)

    def compose(self, kinds, low, high, joint):
        """A new text of `low` to `high` sentences, unlike all before."""
        while True:
            titles, sentences = kinds[self.pick(sorted(kinds))]
            left, chosen = list(sentences), []
            for _ in range(min(self.number(low, high), len(left))):
                chosen.append(left.pop(int(self.random.random() * len(left))))
            title = self.fill(self.pick(titles))
            text = title[0].upper() + title[1:] + "\n" + joint.join(self.fill(sentence) for sentence in chosen)
            if self.is_new(text):
                return text

    def is_new(self, text):
        mine = shingles(text)
        shared = {}
        for shingle in mine:
            for other in self.by_shingle.get(shingle, ()):
                shared[other] = shared.get(other, 0) + 1
        for other, common in shared.items():
            if common / (len(mine) + self.sizes[other] - common) > MOST_SHARED:
                return False
        for shingle in mine:
            self.by_shingle.setdefault(shingle, []).append(len(self.sizes))
        self.sizes.append(len(mine))
        return True

    def shuffled(self, items):
        keyed = [(self.random.random(), i, item) for i, item in enumerate(items)]
        return [item for _, _, item in sorted(keyed, key=lambda entry: entry[:2])]


def units(text):
    """Han characters one by one, other letters and digits by words."""
    spaced = "".join(f" {c} " if "\u4e00" <= c <= "\u9fff" else c if c.isalnum() else " " for c in text.lower())
    return spaced.split()


def shingles(text):
    words = units(text)
    return {tuple(words[i : i + 5]) for i in range(max(1, len(words) - 4))}


def wide(text):
    """Digits and Latin letters as full-width forms."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def exact_variant(maker, text):
    """The same match text, other bytes: as it is, in capitals, in full width, or with other white space."""
    variants = [text, text.upper(), wide(text), "  " + text.replace("\n", "\n\n \t") + " \n"]
    variant = maker.pick(variants)
    assert match_text(variant) == match_text(text)
    return variant


def match_text(text):
    """What two exact duplicates have in common."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def near_variant(maker, text, chinese):
    """A few words more at the end: over 90 % of the shingles are shared."""
    if chinese:
        return text + maker.pick(["（本文为转载）", "来源：公开资料整理", "责任编辑：小禾"])
    return text + maker.pick([" Posted by the editor.", " Reprinted with thanks."])


def write_jsonl(path, records, broken=()):
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    for at, line in broken:
        lines.insert(at, line)
    data = ("\n".join(lines) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    path.write_bytes(data)


def write_csv(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "url", "text"])
    for record in records:
        writer.writerow([record["id"], record["url"], record["text"]])
    path.write_bytes(out.getvalue().encode())


def main():
    maker = Maker(20_240_607)
    domain = [maker.compose(DOMAIN, 2, 3, "") for _ in range(620)]
    english = [maker.compose(GENERAL_EN, 6, 8, " ") for _ in range(1_500)]
    chinese = [maker.compose(GENERAL_ZH, 6, 8, "") for _ in range(1_000)]

    # Planted: the copy stands in another source or a later file than the original, or in the same one.
    exact_domain = [exact_variant(maker, domain[i]) for i in range(0, 600, 20)]
    exact_general = [exact_variant(maker, english[i]) for i in range(0, 600, 30)]
    near_domain = [near_variant(maker, domain[i], True) for i in range(7, 600, 20)]
    near_general = [near_variant(maker, text, False) for text in english[11:600:30]]
    near_general += [near_variant(maker, text, True) for text in chinese[5:400:20]]
    junk = [maker.pick(JUNK) for _ in range(40)]

    reports = domain + exact_domain[:15] + near_domain[:15]
    reports = [{"id": f"r{i:05}", "text": text, "year": 2015 + i % 10} for i, text in enumerate(reports)]
    broken = [(101, '{"id": "r-broken", "text": "这一行在写到一半时断了')]
    write_jsonl(HERE / "reports" / "annual.jsonl", reports[:400], broken)
    write_jsonl(HERE / "reports" / "notices.jsonl.gz", reports[400:])

    # The notes are blocks between blank lines: what holds a blank line goes to the web pages.
    notes, pages = chinese[:300], english + chinese[300:] + exact_domain[15:] + exact_general
    pages = maker.shuffled(pages + near_domain[15:] + near_general + junk)
    pages = [
        {"id": f"w{i:05}", "url": f"https://example.com/{i % 17}/{i}", "text": text} for i, text in enumerate(pages)
    ]
    write_csv(HERE / "web" / "pages-1.csv", pages[:1_200])
    write_csv(HERE / "web" / "pages-2.csv", pages[1_200:])
    (HERE / "notes").mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, len(notes), 100), 1):
        blocks = "\n\n".join(notes[start : start + 100])
        (HERE / "notes" / f"notes-{number}.txt").write_bytes((blocks + "\n").encode())

    print(f"domain documents: {len(domain)}, general documents: {len(english) + len(chinese)}")
    print(f"planted: {len(exact_domain) + len(exact_general)} exact, {len(near_domain) + len(near_general)} near,")
    print(f"{len(junk)} too short, {len(broken)} malformed line")


if __name__ == "__main__":
    main()
