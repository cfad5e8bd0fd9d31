// Token statistics.

import { h, keyed, setChildren, setText } from '../../dom.js';
import * as format from '../../format.js';
import { bucket } from '../../logic/scale.js';
import { bar } from '../../parts/bar.js';
import { problemText } from '../../parts/dialog.js';
import { histogram } from '../../parts/histogram.js';
import { empty, section } from '../../parts/section.js';
import { cell, row, rowOf, table } from '../../parts/table.js';
import { tiles } from '../../parts/tiles.js';
import { key } from '../../parts/waterfall.js';
import { t } from '../../text.js';

/** Languages with a colour of their own; the rest is one. */
const NAMED = 6;

export function tokensTab(shared) {
  const body = h('div');
  const load = async () => {
    if (shared.job().state !== 'published') {
      running(body, shared);
      return;
    }
    setChildren(body, h('p', { class: 'soft' }, t('loading')));
    try {
      show(body, await shared.report());
    } catch (error) {
      if (error.name !== 'AbortError') setChildren(body, h('p', { class: 'problem' }, problemText(error)));
    }
  };
  load();
  return {
    el: body,
    onFigures() {
      if (shared.job().state !== 'published') running(body, shared);
    },
    onEnded: load,
  };
}

/** What is written so far, by source. */
function running(body, shared) {
  const sources = shared.figures()?.sources ?? [];
  if (!sources.some((source) => source.tokens > 0)) {
    setChildren(body, empty(t('tokens.later')));
    return;
  }
  const all = sources.reduce((sum, source) => sum + source.tokens, 0);
  if (!body.querySelector('table')) {
    const made = table(t('tokens.caption'), HEADS().slice(0, 4));
    setChildren(body, h('p', { class: 'lead' }, t('tokens.so-far')), made.el);
  }
  keyed(
    body.querySelector('tbody'),
    sources,
    (source) => source.name,
    (source) => {
      const pieces = bar(['s0']);
      const heads = HEADS();
      const tokens = cell(heads, 3);
      const el = rowOf(cell(heads, 0, source.name), cell(heads, 1, t(`role.${source.role}`)), cell(heads, 2, pieces.el), tokens);
      return {
        el,
        update(source) {
          pieces.set([source.tokens / Math.max(1, all)]);
          setText(tokens, format.count(source.tokens));
        },
      };
    },
  );
}

const HEADS = () => [
  { text: t('source') },
  { text: t('source.role') },
  { text: t('tokens.share-bar'), kind: 'plot', hidden: true },
  { text: t('source.tokens'), kind: 'number' },
  { text: t('tokens.share'), kind: 'number' },
  { text: t('indexes.documents'), kind: 'number', minor: true },
  { text: t('tokens.chars'), kind: 'number' },
  { text: t('tokens.bytes'), kind: 'number', minor: true },
];

function show(body, report) {
  const { tokens } = report;
  if (!tokens) {
    setChildren(body, empty(t('tokens.no-tokenizer')));
    return;
  }
  const figures = tiles([
    { id: 'total', label: t('tokens.total') },
    { id: 'documents', label: t('tokens.documents') },
    { id: 'mean', label: t('tokens.mean') },
    { id: 'checked', label: t('tokens.checked') },
  ]);
  const documents = tokens.sources.reduce((sum, source) => sum + source.docs, 0);
  figures.set('total', format.count(tokens.total));
  figures.set('documents', format.count(documents));
  figures.set('mean', documents > 0 ? format.number(tokens.total / documents, 1) : format.NONE);
  figures.set('checked', format.count(tokens.reference_checked));
  const heads = HEADS();
  const made = table(t('tokens.caption'), heads);
  made.body.append(
    ...tokens.sources.map((source, place) => {
      const pieces = bar(['s0']);
      const part = source.tokens / Math.max(1, tokens.total);
      pieces.set([part]);
      const role = report.sources[place]?.role;
      return row(heads, [
        source.source,
        role ? t(`role.${role}`) : format.NONE,
        pieces.el,
        format.count(source.tokens),
        format.share(part),
        format.count(source.docs),
        format.decimal(source.chars_per_token, 2),
        format.decimal(report.measures.sources[place]?.bytes_per_token, 2),
      ]);
    }),
  );
  setChildren(
    body,
    figures.el,
    section('by-source', t('tokens.by-source'), t('tokens.lead'), made.el),
    section('lengths', t('tokens.lengths'), t('tokens.lengths-lead'), lengths(tokens.sources)),
    languages(report.measures.sources),
    h(
      'dl',
      { class: 'facts' },
      h('div', null, h('dt', null, t('tokens.tokenizer')), h('dd', null, h('code', null, tokens.tokenizer_sha256))),
      tokens.eos && h('div', null, h('dt', null, t('tokens.eos')), h('dd', null, h('code', null, tokens.eos))),
    ),
  );
}

/** Small multiples over the same lengths. */
function lengths(sources) {
  const filled = sources.flatMap((source) => source.length_histogram.flatMap((amount, place) => (amount > 0 ? [place] : [])));
  if (filled.length === 0) return empty(t('plot.nothing'));
  const [first, last] = [Math.min(...filled), Math.max(...filled)];
  const sizes = (place) => {
    const [from, to] = bucket(place);
    return from === to ? format.count(from) : t('range', { from: format.count(from), to: format.count(to) });
  };
  const figures = sources
    .filter((source) => source.docs > 0)
    .map((source) => {
      const columns = [];
      for (let place = first; place <= last; place++) {
        const amount = source.length_histogram[place] ?? 0;
        columns.push({ name: t('tokens.column', { sizes: sizes(place), n: amount }), amount, place });
      }
      const highest = columns.reduce((best, column) => (column.amount > best.amount ? column : best));
      const words = t('tokens.most-often', { source: source.source, sizes: sizes(highest.place) });
      return h('figure', null, histogram(words, columns, sizes(first), sizes(last)), h('figcaption', null, words));
    });
  return h('div', { class: 'small-multiples' }, figures);
}

function languages(sources) {
  const weights = new Map();
  for (const source of sources)
    for (const [code, part] of Object.entries(source.languages)) weights.set(code, (weights.get(code) ?? 0) + part);
  if (weights.size === 0) return null;
  const named = [...weights]
    .sort((a, b) => b[1] - a[1])
    .slice(0, NAMED)
    .map(([code]) => code);
  const hasRest = weights.size > named.length;
  const heads = [{ text: t('source') }, { text: t('languages'), kind: 'plot' }];
  const made = table(t('languages'), heads, 'languages stack');
  made.body.append(
    ...sources
      .filter((source) => Object.keys(source.languages).length > 0)
      .map((source) => {
        const parts = named.map((code) => source.languages[code] ?? 0);
        const rest = Math.max(0, 1 - parts.reduce((sum, part) => sum + part, 0));
        const pieces = bar([...named.map((_, place) => `s${place}`), 's7']);
        pieces.set([...parts, hasRest ? rest : 0]);
        const words = named.flatMap((code, place) =>
          parts[place] > 0 ? [key(`s${place}`, `${languageName(code)} ${format.share(parts[place])}`)] : [],
        );
        if (hasRest && rest > 0.0005) words.push(key('s7', `${t('languages.rest')} ${format.share(rest)}`));
        return row(heads, [source.source, [pieces.el, h('span', { class: 'legend' }, words)]]);
      }),
  );
  return section('languages', t('languages'), t('languages.lead'), made.el);
}

function languageName(code) {
  return code === 'other' ? t('languages.other') : format.languageName(code);
}
