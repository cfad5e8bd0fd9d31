// How far a job is, where its text goes, how fast.

import { h, keyed, setChildren, setText } from '../../dom.js';
import * as format from '../../format.js';
import { isOver } from '../../logic/steps.js';
import { bar } from '../../parts/bar.js';
import { prose } from '../../parts/prose.js';
import { plot } from '../../parts/plot.js';
import { section } from '../../parts/section.js';
import { sign } from '../../parts/sign.js';
import { stepRows } from '../../parts/steps.js';
import { cell, rowOf, table } from '../../parts/table.js';
import { tiles } from '../../parts/tiles.js';
import { waterfallTable } from '../../parts/waterfall.js';
import { href } from '../../router.js';
import { t } from '../../text.js';

/** Rules that are listed here; the others stand in their tab. */
const RULES = 8;
/** A line over time is cut where nothing was noted for so long. */
const GAP_MS = 30_000;

export function overviewTab(shared) {
  const top = h('div');
  const steps = stepRows();
  const funnel = waterfallTable();
  const throughput = plot({ label: t('throughput'), value: format.rate, moment: (at) => format.clock(at), gapMs: GAP_MS });
  const rules = ruleBars(shared);
  const sources = sourceTable();
  const totals = jobTiles();
  const stepBox = h('div');
  const speed = section('throughput', t('throughput'), t('throughput.lead'), throughput.el);
  const el = h(
    'div',
    null,
    top,
    totals.el,
    stepBox,
    h(
      'div',
      { class: 'columns' },
      h('div', null, section('funnel', t('funnel'), t('funnel.lead'), funnel.el)),
      h('div', null, speed, section('rules', t('rules'), t('rules.lead'), rules.el)),
    ),
    section('sources', t('sources'), null, sources.el),
  );
  let verdict = null;

  const showTop = async (job) => {
    if (job.state === 'failed') {
      setChildren(top, failure(job));
    } else if (job.state === 'published') {
      verdict ??= shared.report().catch(() => null);
      const report = await verdict;
      if (report && shared.job().state === 'published') setChildren(top, verdictLine(shared.job(), report));
    } else {
      setChildren(top);
    }
  };
  let shown = '';
  const redraw = () => funnel.update(shared.figures(), shared.job());

  return {
    el,
    onStatus(job) {
      steps.update(job);
      if (shown !== `${job.state} ${job.ended_at_ms}`) {
        shown = `${job.state} ${job.ended_at_ms}`;
        verdict = null;
        showTop(job);
        // Of a published job the steps say nothing new.
        const isDone = job.state === 'published';
        setChildren(
          stepBox,
          isDone
            ? h('details', null, h('summary', null, t('steps.done')), steps.el)
            : section('steps', t('steps'), null, steps.el),
        );
      }
      redraw();
    },
    onFigures(figures) {
      redraw();
      totals.update(figures);
      rules.update(figures);
      sources.update(figures);
      const of = (phase) =>
        figures.throughput.filter((point) => point.phase === phase).map((point) => [point.at_ms, point.bytes_per_second]);
      const lines = [
        { name: t('step.scan'), class: 's0', points: of('scan') },
        { name: t('step.emit'), class: 's2', points: of('emit') },
      ];
      speed.hidden = isOver(shared.job()) && figures.throughput.length === 0;
      throughput.update(lines);
    },
  };
}

/** What came in and what comes out. */
function jobTiles() {
  const made = tiles([
    { id: 'read', label: t('tile.read') },
    { id: 'written', label: t('tile.written') },
    { id: 'tokens', label: t('tile.tokens') },
    { id: 'dropped', label: t('tile.dropped') },
  ]);
  made.el.hidden = true;
  return {
    el: made.el,
    update(figures) {
      const of = (name) => figures.funnel.find((stage) => stage.stage === name);
      const [read, emitted] = [of('read'), of('emitted')];
      made.el.hidden = !read?.documents;
      if (!read) return;
      const dropped = figures.drops.reduce((sum, drop) => sum + drop.documents, 0);
      made.set('read', format.count(read.documents), format.bytes(read.bytes));
      made.set('written', format.count(emitted?.documents), emitted ? format.bytes(emitted.bytes) : '');
      made.set('tokens', format.count(emitted?.tokens));
      made.set(
        'dropped',
        format.count(dropped),
        read.documents > 0 ? t('tile.of-read', { part: format.share(dropped / read.documents) }) : '',
      );
    },
  };
}

function failure(job) {
  const error = job.error ?? { class: 'internal', message: job.message, hint: '' };
  return h(
    'div',
    { class: 'verdict bad' },
    sign('bad'),
    h(
      'div',
      null,
      h('b', null, t('job.failed')),
      h('p', { lang: 'en', class: 'long' }, prose(error.message)),
      error.hint && h('p', { class: 'hint', lang: 'en' }, prose(error.hint)),
      h('p', { class: 'from' }, t('job.error-class', { name: error.class }), error.retryable ? ` · ${t('job.retryable')}` : ''),
    ),
  );
}

function verdictLine(job, report) {
  const { ready, sentence } = report.readiness;
  const kind = ready ? 'good' : 'bad';
  return h(
    'div',
    { class: `verdict slim ${kind}` },
    sign(kind),
    h(
      'div',
      null,
      h(
        'p',
        null,
        h('b', null, t(ready ? 'ready' : 'not-ready')),
        ' ',
        h('span', { lang: 'en' }, reason(sentence)),
        ' ',
        h('a', { href: href(['jobs', job.job_id, 'readiness']) }, t('ready.why')),
      ),
    ),
  );
}

/** The verdict without the words that it begins with. */
export function reason(sentence) {
  const rest = sentence.replace(/^(Not ready|Ready) to train:? */, '');
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}

function ruleBars(shared) {
  const list = h('ul', { class: 'rule-bars' });
  const nothing = h('p', { class: 'soft' }, t('rules.none'));
  const more = h('p', null, h('a', { href: href(['jobs', shared.job().job_id, 'drops']) }, t('rules.all')));
  let most = 1;
  return {
    el: h('div', null, list, nothing, more),
    update(figures) {
      const drops = figures.drops.slice(0, RULES);
      most = Math.max(1, ...drops.map((drop) => drop.documents));
      nothing.hidden = drops.length > 0;
      more.hidden = drops.length === 0;
      const read = figures.funnel[0]?.documents ?? 0;
      keyed(
        list,
        drops,
        (drop) => `${drop.stage}/${drop.rule}`,
        (drop) => ruleBar(shared.job().job_id, drop, (part) => part / most, read),
      );
    },
  };
}

function ruleBar(jobId, { stage, rule }, partOf) {
  const pieces = bar(['taken']);
  const amount = h('span', { class: 'n' });
  const link = h('a', { href: href(['jobs', jobId, 'drops'], { stage, rule }) }, `${stage} ${rule}`);
  return {
    el: h(
      'li',
      null,
      h('span', { class: 'rule-name' }, link, ' ', h('span', { class: 'soft' }, t(`cause.${stage}`))),
      amount,
      pieces.el,
    ),
    update(drop) {
      pieces.set([partOf(drop.documents)]);
      setText(amount, format.count(drop.documents));
    },
  };
}

function sourceTable() {
  const heads = [
    { text: t('source') },
    { text: t('source.role') },
    { text: t('source.records'), kind: 'number' },
    { text: t('source.filtered'), kind: 'number', minor: true },
    { text: t('source.emitted'), kind: 'number' },
    { text: t('source.tokens'), kind: 'number' },
  ];
  const made = table(t('sources'), heads);
  return {
    el: made.el,
    update(figures) {
      keyed(
        made.body,
        figures.sources,
        (source) => source.name,
        (source) => {
          const figures = ['records', 'filtered', 'emitted', 'tokens'].map((name, place) => [name, cell(heads, place + 2)]);
          return {
            el: rowOf(
              cell(heads, 0, source.name),
              cell(heads, 1, t(`role.${source.role}`)),
              figures.map(([, made]) => made),
            ),
            update(source) {
              for (const [name, made] of figures) setText(made, format.count(source[name]));
            },
          };
        },
      );
    },
  };
}
