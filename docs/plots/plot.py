#!/usr/bin/env python3
"""Draws the plots of the documentation from the figures beside it (standard library only).

    python3 docs/plots/plot.py

`similarity.csv` is written by `tests/bench/curves.py`, `peers.csv` holds what
`tests/bench/score.py` said of the runs that docs/comparison.md names. The pictures
carry their own background, so that they can be read on a light page and on a dark one.
"""
import csv, pathlib
from xml.sax.saxutils import escape

FOLDER = pathlib.Path(__file__).resolve().parent
WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 60, 190, 40, 50
# Okabe and Ito's colours, which people with any colour vision can tell apart, and which show on both backgrounds.
COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8c6bb1', '#7f7f7f')
STYLE = '''  <style>
    .back { fill: #ffffff } .text { fill: #24292f; font: 13px sans-serif } .title { font: bold 15px sans-serif }
    .grid { stroke: #d0d7de } .axis { stroke: #57606a } .line { fill: none; stroke-width: 2.5 }
    @media (prefers-color-scheme: dark) {
      .back { fill: #161b22 } .text { fill: #e6edf3 } .grid { stroke: #30363d } .axis { stroke: #8b949e }
    }
  </style>'''


def read(name):
    with open(FOLDER / name, newline='') as file:
        return list(csv.DictReader(file))


def plot(name, title, curves, x_label='true Jaccard similarity', y_label='share removed', low=0.5, high=0.95):
    """curves: (label, dashed, [(x, y)...]) each, y from 0 to 1."""
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    x_of = lambda x: LEFT + width * (x - low) / (high - low)
    y_of = lambda y: TOP + height * (1 - y)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
           STYLE, f'  <rect class="back" width="{WIDTH}" height="{HEIGHT}"/>',
           f'  <text class="text title" x="{LEFT}" y="22">{escape(title)}</text>']
    for i in range(6):
        y = y_of(i / 5)
        out.append(f'  <line class="grid" x1="{LEFT}" x2="{LEFT + width}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'  <text class="text" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{i / 5:.1f}</text>')
    for x in sorted({x for _, _, points in curves for x, _ in points}):
        out.append(f'  <line class="grid" x1="{x_of(x):.1f}" x2="{x_of(x):.1f}" y1="{TOP}" y2="{TOP + height}"/>')
        out.append(f'  <text class="text" x="{x_of(x):.1f}" y="{TOP + height + 18}" text-anchor="middle">{x:g}</text>')
    out.append(f'  <path class="axis line" d="M{LEFT} {TOP}V{TOP + height}H{LEFT + width}"/>')
    out.append(f'  <text class="text" x="{LEFT + width / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_label)}</text>')
    out.append(f'  <text class="text" transform="translate(16 {TOP + height / 2}) rotate(-90)" text-anchor="middle">'
               f'{escape(y_label)}</text>')
    for i, (label, dashed, points) in enumerate(curves):
        colour = COLOURS[i % len(COLOURS)]
        dash = ' stroke-dasharray="7 4"' if dashed else ''
        path = 'M' + 'L'.join(f'{x_of(x):.1f} {y_of(y):.1f}' for x, y in points)
        out.append(f'  <path class="line" stroke="{colour}"{dash} d="{path}"/>')
        out += [f'  <circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        y = TOP + 12 + 22 * i
        out.append(f'  <path class="line" stroke="{colour}"{dash} d="M{WIDTH - RIGHT + 14} {y - 4}h26"/>')
        out.append(f'  <text class="text" x="{WIDTH - RIGHT + 46}" y="{y}">{escape(label)}</text>')
    (FOLDER / name).write_text('\n'.join(out) + '\n</svg>\n', encoding='utf-8')


def points(rows, **wanted):
    chosen = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return sorted((float(row['similarity']), float(row['removed'])) for row in chosen)


def main():
    rows = read('similarity.csv')
    thresholds = [setting for setting in dict.fromkeys(row['setting'] for row in rows) if setting != '14x8']
    plot('thresholds.svg', 'Near duplicates removed, by threshold',
         [(f'threshold {setting}', False, points(rows, setting=setting, language='all')) for setting in thresholds])
    plot('verified.svg', 'Verified by signatures, and by bands alone',
         [('0.75, English', False, points(rows, setting='0.75', language='en')),
          ('0.75, Chinese', True, points(rows, setting='0.75', language='zh')),
          ('14 x 8, English', False, points(rows, setting='14x8', language='en')),
          ('14 x 8, Chinese', True, points(rows, setting='14x8', language='zh'))])
    peers = read('peers.csv')
    names = list(dict.fromkeys(row['setting'] for row in peers))
    for language, title in (('en', 'English'), ('zh', 'Chinese')):
        plot(f'peers-{language}.svg', f'Near duplicates removed, {title}',
             [(name, False, points(peers, setting=name, language=language)) for name in names])


if __name__ == '__main__':
    main()
