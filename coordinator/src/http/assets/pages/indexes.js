// The global dedup indexes: what was published into them.

import * as api from '../api.js';
import { h, setChildren } from '../dom.js';
import * as format from '../format.js';
import { ask } from '../parts/dialog.js';
import { note, problem } from '../parts/note.js';
import { plot } from '../parts/plot.js';
import { prose } from '../parts/prose.js';
import { row, table } from '../parts/table.js';
import { tiles } from '../parts/tiles.js';
import { href } from '../router.js';
import { t } from '../text.js';

/** Jobs of an index that are listed at first. */
const LISTED = 100;

export function indexesPage(ctx) {
  const name = ctx.route.path[1] ?? null;
  const body = h('div', null, h('p', { class: 'soft' }, t('loading')));
  const show = () =>
    (name === null ? list(ctx, body) : one(ctx, body, name)).catch((error) => {
      if (error.name === 'AbortError' || error.status === 401) return;
      setChildren(body, h('p', { class: 'empty' }, error.status === 404 ? t('indexes.no-such', { name }) : error.message));
    });
  ctx.listen(['events'], {});
  show();
  ctx.whenBack(show);
  const title = name === null ? t('indexes.title') : t('indexes.one', { name });
  return {
    el: h(
      'div',
      { class: 'page' },
      name !== null && h('p', { class: 'crumbs' }, h('a', { href: href(['indexes']) }, t('indexes.title'))),
      h('h1', { tabindex: -1 }, title),
      h('p', { class: 'lead' }, t('indexes.lead')),
      body,
    ),
    title,
  };
}

async function list(ctx, body) {
  const { indexes } = await api.get(['indexes'], {}, ctx.signal);
  if (indexes.length === 0) {
    setChildren(body, h('p', { class: 'empty' }, prose(t('indexes.none'))));
    return;
  }
  const heads = [
    { text: t('indexes.name') },
    { text: t('indexes.documents'), kind: 'number' },
    { text: t('indexes.jobs'), kind: 'number' },
    { text: t('indexes.size'), kind: 'number' },
    { text: t('indexes.last'), kind: 'number', minor: true },
  ];
  const made = table(t('indexes.caption'), heads);
  made.body.append(
    ...indexes.map((index) => {
      const last = index.jobs.at(-1)?.published_at_ms;
      return row(heads, [
        h('a', { class: 'job-name', href: href(['indexes', index.name]) }, index.name),
        format.count(index.documents),
        format.count(index.jobs.length),
        format.bytes(index.bytes),
        last ? h('time', { title: format.time(last) }, format.ago(last)) : format.NONE,
      ]);
    }),
  );
  setChildren(body, made.el);
}

async function one(ctx, body, name) {
  const index = await api.get(['indexes', name], {}, ctx.signal);
  const figures = tiles([
    { id: 'documents', label: t('indexes.documents') },
    { id: 'jobs', label: t('indexes.jobs') },
    { id: 'bytes', label: t('indexes.size') },
  ]);
  figures.set('documents', format.count(index.documents));
  figures.set('jobs', format.count(index.jobs.length));
  figures.set('bytes', format.bytes(index.bytes), t('indexes.runs', { n: index.runs }));

  const first = index.jobs[0]?.published_at_ms ?? Date.now();
  const isShort = Date.now() - first < 2 * 86_400_000;
  const growth = plot({
    label: t('indexes.growth'),
    value: format.compact,
    moment: isShort ? format.clock : format.date,
    isStepped: true,
  });
  let documents = 0;
  const points = index.jobs.map((job) => [job.published_at_ms, (documents += job.documents)]);
  if (points.length > 0) points.unshift([points[0][0] - 1, 0], [points[0][0], 0]);
  growth.update([
    { name: t('indexes.documents'), class: 's0', points: points.length > 0 ? [...points, [Date.now(), documents]] : [] },
  ]);

  setChildren(
    body,
    figures.el,
    h('section', { 'aria-labelledby': 'h-growth' }, h('h2', { id: 'h-growth' }, t('indexes.growth')), growth.el),
    h(
      'section',
      { 'aria-labelledby': 'h-in-it' },
      h('h2', { id: 'h-in-it' }, t('indexes.in-it')),
      jobsOf(ctx, index, () => one(ctx, body, name).catch(problem)),
    ),
    h('details', null, h('summary', null, t('indexes.parameters')), parameters(index)),
  );
}

function jobsOf(ctx, index, onForgotten) {
  if (index.jobs.length === 0) return h('p', { class: 'empty' }, t('indexes.empty'));
  const heads = [
    { text: t('jobs.job') },
    { text: t('indexes.documents'), kind: 'number' },
    { text: t('indexes.share'), kind: 'number', minor: true },
    { text: t('indexes.published'), kind: 'number' },
    ...(ctx.can('operate') ? [{ text: t('indexes.forget'), hidden: true }] : []),
  ];
  const made = table(t('indexes.in-it'), heads, 'in-it stack');
  const newest = index.jobs.toReversed();
  const show = (most) => {
    const rows = newest.slice(0, most).map((job) => {
      const forget = () => askForget(index, job, onForgotten);
      return row(heads, [
        [h('a', { class: 'job-name', href: href(['jobs', job.job_id]) }, job.name), h('code', { class: 'id' }, job.job_id)],
        format.count(job.documents),
        format.share(index.documents > 0 ? job.documents / index.documents : 0),
        h('time', { title: format.time(job.published_at_ms) }, format.ago(job.published_at_ms)),
        ...(ctx.can('operate')
          ? [
              h(
                'button',
                {
                  type: 'button',
                  class: 'quiet',
                  'aria-label': t('indexes.forget-this', { name: job.name }),
                  on: { click: forget },
                },
                t('indexes.forget'),
              ),
            ]
          : []),
      ]);
    });
    setChildren(made.body, rows);
  };
  show(LISTED);
  const more = h(
    'button',
    { type: 'button', class: 'quiet', on: { click: () => (show(Infinity), more.remove()) } },
    t('more-jobs', { n: newest.length - LISTED }),
  );
  return h('div', null, made.el, newest.length > LISTED && more);
}

async function askForget(index, job, onForgotten) {
  let documents = 0;
  const isDone = await ask({
    title: t('forget.title', { name: job.name }),
    body: h('p', null, t('forget.body', { n: job.documents, index: index.name })),
    action: t('indexes.forget'),
    danger: true,
    run: async () => {
      documents = (await api.post(['indexes', index.name, 'forget'], { job_id: job.job_id })).documents;
    },
  });
  if (!isDone) return;
  note(t('forget.done', { n: documents }));
  onForgotten();
}

function parameters(index) {
  let pairs = [];
  try {
    pairs = Object.entries(JSON.parse(index.params_json));
  } catch {
    pairs = [['params_json', index.params_json]];
  }
  pairs.push(['state_digest', index.state_digest]);
  return h(
    'dl',
    { class: 'facts' },
    pairs.map(([name, value]) =>
      h(
        'div',
        null,
        h('dt', null, h('code', null, name)),
        h('dd', null, h('code', null, typeof value === 'string' ? value : JSON.stringify(value))),
      ),
    ),
  );
}
