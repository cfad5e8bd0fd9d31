// The funnel as a waterfall: a row a stage, what it left and what it took.

import { h, setText } from '../dom.js';
import * as format from '../format.js';
import { STAGES, waterfall } from '../logic/funnel.js';
import { t } from '../text.js';
import { bar } from './bar.js';
import { cell, rowOf, table } from './table.js';

export function waterfallTable() {
  const heads = [
    { text: t('funnel.stage') },
    { text: t('funnel.bar'), kind: 'plot', hidden: true },
    { text: t('funnel.documents'), kind: 'number' },
    { text: t('funnel.minus'), kind: 'number' },
    { text: t('funnel.bytes'), kind: 'number', minor: true },
    { text: t('funnel.tokens'), kind: 'number', minor: true },
  ];
  const made = table(t('funnel.caption'), heads, 'waterfall');
  const rows = STAGES.map((stage) => makeRow(heads, stage));
  made.body.append(...rows.map((row) => row.el));
  const remark = h('p', { class: 'from' });
  return {
    el: h(
      'div',
      null,
      h('p', { class: 'legend' }, key('s0', t('funnel.left')), key('taken', t('funnel.taken'))),
      made.el,
      remark,
    ),
    update(figures, job) {
      const { rows: facts, whole, estimated } = waterfall(figures, job);
      facts.forEach((row, place) => rows[place].update(row));
      const read = facts[0].documents;
      if (!facts[0].known) setText(remark, t('funnel.nothing'));
      else if (estimated) setText(remark, t('funnel.estimated', { n: read, whole: format.count(Math.round(whole)) }));
      else
        setText(
          remark,
          facts.at(-1).known && figures.final ? t('funnel.kept', { part: format.share(facts.at(-1).left), n: read }) : '',
        );
    },
  };
}

/** A coloured square and what it means. */
export function key(name, text) {
  return h('span', { class: 'key-item' }, h('i', { class: `key ${name}` }), text);
}

function makeRow(heads, stage) {
  const pieces = bar(['s0', 'taken']);
  const cells = { documents: cell(heads, 2), taken: cell(heads, 3), bytes: cell(heads, 4), tokens: cell(heads, 5) };
  const el = rowOf(cell(heads, 0, t(`stage.${stage}`)), cell(heads, 1, pieces.el), Object.values(cells));
  return {
    el,
    update(row) {
      el.classList.toggle('ahead', !row.known);
      pieces.set([row.left, row.upTo - row.left]);
      setText(cells.documents, row.known ? format.count(row.documents) : format.NONE);
      setText(cells.taken, row.taken > 0 ? `−${format.count(row.taken)} (${format.share(row.ofBefore)})` : format.NONE);
      cells.taken.classList.toggle('nil', row.taken === 0);
      setText(cells.bytes, row.known ? format.bytes(row.bytes) : format.NONE);
      setText(cells.tokens, row.tokens === null ? format.NONE : format.count(row.tokens));
    },
  };
}
