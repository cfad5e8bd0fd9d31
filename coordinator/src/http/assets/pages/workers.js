// Workers: what their slots do.

import * as api from '../api.js';
import { h, keyed, setChildren, setText } from '../dom.js';
import * as format from '../format.js';
import { ask } from '../parts/dialog.js';
import { note, problem } from '../parts/note.js';
import { prose } from '../parts/prose.js';
import { cell, rowOf, table } from '../parts/table.js';
import { href } from '../router.js';
import { t } from '../text.js';

/** Slots that are drawn one by one. */
const DRAWN_SLOTS = 32;
/** A worker that beats is heard of more often. */
const SILENT_MS = 15_000;
/** Tasks of a worker that are listed. */
const LISTED = 8;

export function workersPage(ctx) {
  const heads = [
    { text: t('workers.worker') },
    { text: t('workers.slots') },
    { text: t('workers.does') },
    { text: t('workers.rate'), kind: 'number' },
    { text: t('workers.tasks'), kind: 'number' },
    { text: t('workers.beat'), kind: 'number' },
    ...(ctx.can('operate') ? [{ text: t('workers.drain'), hidden: true }] : []),
  ];
  const list = table(t('workers.caption'), heads, 'workers stack');
  const nothing = h('p', { class: 'empty', role: 'status', hidden: true });
  const sum = h('p', { class: 'lead' });
  const show = (workers) => {
    keyed(
      list.body,
      workers,
      (worker) => worker.worker_id,
      (worker) => workerRow(heads, worker, ctx),
    );
    list.el.hidden = workers.length === 0;
    nothing.hidden = workers.length > 0;
    if (!nothing.hidden && nothing.childNodes.length === 0) setChildren(nothing, prose(t('workers.none')));
    const slots = workers.reduce((all, worker) => all + worker.slots, 0);
    const busy = workers.reduce((all, worker) => all + worker.attempts.length, 0);
    const rate = workers.reduce((all, worker) => all + (worker.attempts.length > 0 ? worker.bytes_per_second : 0), 0);
    setText(
      sum,
      workers.length > 0
        ? t('workers.sum', { n: workers.length, busy: format.count(busy), slots: format.count(slots), rate: format.rate(rate) })
        : '',
    );
  };
  const load = () =>
    api.get(['workers'], {}, ctx.signal).then(
      (found) => show(found.workers),
      (error) => error.status > 0 && error.status !== 401 && problem(error),
    );
  load();
  ctx.whenBack(load);
  ctx.listen(['events'], { workers: show });
  return {
    el: h('div', { class: 'page' }, h('h1', { tabindex: -1 }, t('workers.title')), sum, list.el, nothing),
    title: t('workers.title'),
  };
}

function workerRow(heads, worker, ctx) {
  const id = worker.worker_id;
  const boxes = h('span', { class: 'slots', 'aria-hidden': 'true' });
  const slots = h('span');
  const idle = h('span', { class: 'soft' });
  const attempts = h('ul', { class: 'attempts' });
  const further = h('span', { class: 'soft' });
  const rate = cell(heads, 3);
  const tasks = cell(heads, 4);
  const beat = cell(heads, 5);
  const draining = h('span', { class: 'tag' }, t('workers.draining'));
  const drain = h(
    'button',
    { type: 'button', class: 'quiet', 'aria-label': t('workers.drain-this', { worker: id }), on: { click: () => askDrain(id) } },
    t('workers.drain'),
  );
  const el = rowOf(
    cell(
      heads,
      0,
      h('span', { class: 'job-name' }, id),
      ' ',
      draining,
      h('span', { class: 'soft block' }, `${worker.host} · tamis ${worker.version}`),
    ),
    cell(heads, 1, boxes, slots),
    cell(heads, 2, idle, attempts, further),
    rate,
    tasks,
    beat,
    ctx.can('operate') && cell(heads, 6, drain),
  );
  return {
    el,
    update(worker) {
      const busy = worker.attempts.length;
      draining.hidden = !worker.draining;
      drain.hidden = worker.draining;
      if (boxes.childElementCount !== Math.min(worker.slots, DRAWN_SLOTS)) {
        setChildren(
          boxes,
          Array.from({ length: Math.min(worker.slots, DRAWN_SLOTS) }, () => h('i')),
        );
      }
      [...boxes.children].forEach((box, place) => box.classList.toggle('busy', place < busy));
      setText(slots, t('workers.busy', { busy: format.count(busy), slots: format.count(worker.slots) }));
      // The coordinator forgets a worker some time after it left.
      const isSilent = worker.last_seen_ms > SILENT_MS;
      const hasLeft = worker.draining && busy === 0 && isSilent;
      setText(idle, busy > 0 ? '' : hasLeft ? t('workers.left') : worker.draining ? t('workers.leaves') : t('workers.idle'));
      keyed(
        attempts,
        worker.attempts.slice(0, LISTED),
        (attempt) => `${attempt.job_id} ${attempt.phase} ${attempt.shard} ${attempt.attempt}`,
        attemptItem,
      );
      setText(further, busy > LISTED ? t('workers.more', { n: busy - LISTED }) : '');
      setText(rate, busy > 0 ? format.rate(worker.bytes_per_second) : format.NONE);
      setText(tasks, format.count(worker.tasks_committed));
      setText(beat, format.ago(0, worker.last_seen_ms));
      beat.classList.toggle('late', isSilent && !hasLeft);
    },
  };
}

function attemptItem(attempt) {
  const progress = h('span', { class: 'soft' });
  const where = { phase: attempt.phase, shard: attempt.shard };
  const el = h(
    'li',
    null,
    h(
      'a',
      { href: href(['jobs', attempt.job_id, 'shards'], where) },
      t('workers.attempt', { phase: t(`step.${attempt.phase}`), shard: format.count(attempt.shard) }),
    ),
    ' ',
    h('code', { class: 'id' }, attempt.job_id),
    ' ',
    progress,
  );
  return {
    el,
    update(attempt) {
      setText(progress, [format.bytes(attempt.bytes_done), t('records', { n: attempt.records_done })].join(' · '));
    },
  };
}

async function askDrain(id) {
  const isDone = await ask({
    title: t('drain.title', { worker: id }),
    body: h('p', null, t('drain.body')),
    action: t('workers.drain'),
    danger: true,
    run: () => api.post(['workers', id, 'drain'], {}),
  });
  if (isDone) note(t('drain.done', { worker: id }));
}
