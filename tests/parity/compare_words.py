#!/usr/bin/env python3
"""How often datatrove's filters decide otherwise if words are simple: each Han character one, else runs of letters and digits.

  compare_words.py [golden.jsonl.zst]

The filters and thresholds are those of make_golden.py; only the words differ. Prints, by family and language, the share of
documents whose keep or drop stays, and the most frequent changes of the reason.
"""
import io, json, os, re, sys
from collections import Counter

import zstandard
import make_golden as mg
from datatrove.data import Document
from datatrove.utils.word_tokenizers import WordTokenizer

# Roughly the word boundaries of UAX #29: a letter or digit run goes on over one of . ' ’ : , between two of them.
WORD = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]|[^\W\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]+"
                  r"(?:[.'’:,][^\W\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]+)*|\S")


class Simple(WordTokenizer):
    def word_tokenize(self, text):
        return [w for w in (m.strip() for m in WORD.findall(text)) if w]

    def sent_tokenize(self, text):
        raise NotImplementedError

    span_tokenize = sent_tokenize


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(mg.HERE, 'golden.jsonl.zst')
    simple = Simple()
    for fs in mg.FILTERS.values():
        for f in fs.values():
            f.language = simple
    same, total, changes = Counter(), Counter(), Counter()
    with open(path, 'rb') as f:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(f), encoding='utf-8', newline='\n'):
            row = json.loads(line)
            for family in ('gopher_quality', 'gopher_repetition', 'fineweb'):
                key, was = (row['lang'], family), row[family]
                now, _ = mg.decide(mg.FILTERS[row['lang']][family], row['text'])
                total[key] += 1
                same[key] += now['keep'] == was['keep']
                if now['keep'] != was['keep']:
                    changes[key, was['reason'], now['reason']] += 1
    for key in sorted(total):
        print(f'{key[0]} {key[1]:18} {same[key] / total[key]:.1%} of {total[key]} decided alike')
        for (k, was, now), n in sorted(changes.items(), key=lambda c: -c[1]):
            if k == key and n >= 10:
                print(f'    {n:5}  {was or "kept"} -> {now or "kept"}')


if __name__ == '__main__':
    main()
