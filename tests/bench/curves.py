#!/usr/bin/env python3
"""Measures which share of near duplicates a job removes, by their true Jaccard similarity, for several thresholds.

  curves.py CORPUS OUT.csv [--tamis PROGRAM]

CORPUS is a folder of make_corpus.py. One job a setting (deduplication alone, one worker), scored by score.py. A row of OUT.csv
is a setting, a language (en, zh, all), a true similarity and the share removed there.
"""
import argparse, csv, json, os, subprocess, sys, tempfile

THRESHOLDS = ('0.5', '0.6', '0.7', '0.75', '0.8', '0.85', '0.9', '0.95')
SETTINGS = {threshold: f'threshold = {threshold}' for threshold in THRESHOLDS}
SETTINGS['14x8'] = 'verify = false\nbands = 14\nrows = 8'
SCORE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'score.py')


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('corpus'); ap.add_argument('out'); ap.add_argument('--tamis', default='tamis')
    a = ap.parse_args()
    corpus = os.path.abspath(a.corpus)
    rows = []
    for setting, keys in SETTINGS.items():
        with tempfile.TemporaryDirectory() as folder:
            with open(f'{folder}/job.toml', 'w') as spec:
                spec.write(f'name = "curve"\n[[source]]\nname = "web"\ninputs = ["{corpus}/part-*.jsonl"]\n'
                           f'[dedup]\n{keys}\n[output]\nuri = "out"\n')
            command = [os.path.abspath(a.tamis) if os.path.exists(a.tamis) else a.tamis, 'run', 'job.toml',
                       '--workers', '1', '--allow-read', corpus, '--allow-write', folder]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            score = subprocess.run([sys.executable, SCORE, corpus, f'{folder}/out/text', '--json'],
                                   check=True, capture_output=True)
        found = json.loads(score.stdout)
        print(setting, json.dumps({name: found[name] for name in found if name != 'recall'}), flush=True)
        for language, levels in found['recall'].items():
            rows += [(setting, language, level, share) for level, share in sorted(levels.items())]
    with open(a.out, 'w', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(('setting', 'language', 'similarity', 'removed'))
        writer.writerows(rows)


if __name__ == '__main__':
    main()
