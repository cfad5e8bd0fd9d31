// The shards of a job by phase.

import * as api from '../../api.js';
import { h, setChildren, setText } from '../../dom.js';
import * as format from '../../format.js';
import { LETTERS, STATE_OF, counts, nextTrouble } from '../../logic/cells.js';
import { isOver } from '../../logic/steps.js';
import { problemText } from '../../parts/dialog.js';
import { cellWords, shardGrid } from '../../parts/grid.js';
import { problem } from '../../parts/note.js';
import { prose } from '../../parts/prose.js';
import { replace } from '../../router.js';
import { t } from '../../text.js';

/** How often the chosen shard is asked for while it runs. */
const ANEW_MS = 2_000;

export function shardsTab(shared) {
  const { query } = shared.route;
  const isEmit = ['emitting', 'publishing', 'published'].includes(shared.job().state);
  let phase = ['scan', 'emit'].includes(query.get('phase'))
    ? query.get('phase')
    : isEmit && shared.job().state !== 'published'
      ? 'emit'
      : 'scan';
  let wanted = query.has('shard') ? Number(query.get('shard')) : -1;
  const known = {};
  let askedMs = 0;
  let lastLetter = '';

  const choices = h(
    'fieldset',
    { class: 'chips' },
    h('legend', { class: 'unseen' }, t('shards.phase')),
    ['scan', 'emit'].map((name) =>
      h(
        'label',
        { class: 'chip' },
        h('input', {
          type: 'radio',
          name: 'shards-phase',
          value: name,
          props: { checked: name === phase },
          on: { change: () => choose(name) },
        }),
        h('span', null, t(`step.${name}`)),
      ),
    ),
  );
  const sums = new Map(LETTERS.map((letter) => [letter, h('b')]));
  const legend = h(
    'ul',
    { class: 'legend cells' },
    LETTERS.map((letter) =>
      h(
        'li',
        null,
        h('i', { class: `key cell-${STATE_OF[letter]}` }),
        h('span', null, t(`task.${STATE_OF[letter]}`)),
        ' ',
        sums.get(letter),
      ),
    ),
    h('li', null, h('i', { class: 'key cell-failed' }), t('shards.with-failures')),
  );
  const grid = shardGrid((shard) => picked(shard));
  const nothing = h('p', { class: 'empty', role: 'status' });
  const jump = h('input', {
    type: 'number',
    id: 'shard-number',
    min: 0,
    inputmode: 'numeric',
    on: { change: () => jump.value !== '' && grid.pick(Math.min(Number(jump.value), (known[phase]?.total ?? 1) - 1)) },
  });
  const trouble = h('button', { type: 'button', class: 'quiet', on: { click: () => toTrouble() } }, t('shards.next-trouble'));
  const summary = h('p', { class: 'soft', id: 'shards-summary' });
  const detail = h(
    'section',
    { class: 'shard-detail', 'aria-live': 'polite', 'aria-label': t('shards.chosen') },
    h('p', { class: 'soft' }, t('shards.choose')),
  );
  const el = h(
    'div',
    null,
    h(
      'div',
      { class: 'filters' },
      choices,
      h('label', { class: 'field inline', for: 'shard-number' }, h('span', null, t('shards.number')), jump),
      trouble,
    ),
    summary,
    legend,
    nothing,
    h('div', { class: 'columns shards' }, grid.el, detail),
  );

  const choose = (name) => {
    phase = name;
    wanted = -1;
    replace(['jobs', shared.job().job_id, 'shards'], { phase });
    setChildren(detail, h('p', { class: 'soft' }, t('shards.choose')));
    show();
    load();
  };

  const load = async () => {
    const of = phase;
    try {
      told({ phase: of, ...(await api.get(['jobs', shared.job().job_id, 'tasks', of], {}, shared.signal)) });
    } catch (error) {
      if (error.name !== 'AbortError' && error.status > 0 && error.status !== 401) problem(error);
    }
  };

  const told = (tasks) => {
    known[tasks.phase] = tasks;
    if (tasks.phase === phase) show();
  };

  const show = () => {
    const tasks = known[phase] ?? { total: 0, states: '', failed: {} };
    const found = counts(tasks.states);
    for (const letter of LETTERS) setText(sums.get(letter), format.count(found[letter]));
    const failures = Object.keys(tasks.failed).length;
    const isEmpty = tasks.total === 0;
    for (const part of [grid.el, legend, detail, summary]) part.hidden = isEmpty;
    nothing.hidden = !isEmpty;
    setText(nothing, isEmpty ? t('shards.not-begun', { phase: t(`step.${phase}`) }) : '');
    trouble.hidden = failures === 0 && found.Q === 0;
    jump.max = String(Math.max(0, tasks.total - 1));
    setText(
      summary,
      t('shards.summary', {
        n: tasks.total,
        done: format.count(found.C),
        running: format.count(found.R),
        failures: format.count(failures),
        bad: format.count(found.Q),
      }),
    );
    grid.update(tasks);
    if (wanted >= 0 && wanted < tasks.total) {
      grid.pick(wanted);
      wanted = -1;
    }
    const shard = grid.picked();
    const letter = tasks.states[shard];
    const isMoving = letter === 'R' && Date.now() - askedMs > ANEW_MS;
    if (shard >= 0 && (letter !== lastLetter || isMoving)) describe(shard);
  };

  const picked = (shard) => {
    jump.value = String(shard);
    replace(['jobs', shared.job().job_id, 'shards'], { phase, shard });
    lastLetter = known[phase]?.states[shard];
    // Keys that are held down pass many shards: the one that stays is asked for.
    setChildren(detail, h('h2', null, cellWords(shard, known[phase]?.states[shard], known[phase]?.failed[shard])));
    clearTimeout(timer);
    timer = setTimeout(() => describe(shard), 120);
  };
  let timer = 0;

  const describe = async (shard) => {
    askedMs = Date.now();
    lastLetter = known[phase]?.states[shard];
    try {
      const task = await api.get(['jobs', shared.job().job_id, 'tasks', phase, String(shard)], {}, shared.signal);
      if (shard === grid.picked()) setChildren(detail, taskFacts(task));
    } catch (error) {
      if (error.name !== 'AbortError' && shard === grid.picked())
        setChildren(detail, h('p', { class: 'problem' }, problemText(error)));
    }
  };

  const toTrouble = () => {
    const tasks = known[phase];
    const next = tasks ? nextTrouble(tasks.states, tasks.failed, grid.picked()) : -1;
    if (next >= 0) grid.pick(next);
  };

  load();
  return {
    el,
    onTasks: told,
    onStatus(job) {
      // A retry begins phases anew.
      if (!isOver(job) && !known[phase]) load();
    },
    onEnded: load,
    destroy() {
      clearTimeout(timer);
      grid.destroy();
    },
  };
}

function taskFacts(task) {
  const fact = (words, value) => h('div', null, h('dt', null, words), h('dd', null, value));
  const error = task.last_error;
  const isRunning = task.state === 'running';
  return [
    h('h2', null, t('shards.cell', { shard: format.count(task.shard), state: t(`task.${task.state}`) })),
    h(
      'dl',
      { class: 'facts stacked' },
      fact(t('source'), task.source),
      fact(t('shards.input'), h('code', null, task.uri)),
      task.part && fact(t('shards.part'), task.part),
      fact(
        t('shards.bytes'),
        isRunning || task.bytes_done < task.bytes_total
          ? t('bytes-of', { done: format.bytes(task.bytes_done), total: format.bytes(task.bytes_total) })
          : format.bytes(task.bytes_total),
      ),
      fact(t('shards.records'), format.count(task.records_done)),
      isRunning && fact(t('workers.worker'), task.worker_id),
      task.attempt > 0 && fact(t('shards.attempt'), format.count(task.attempt)),
      fact(t('shards.failed'), format.count(task.failed_attempts)),
      task.released_attempts > 0 && fact(t('shards.released'), format.count(task.released_attempts)),
    ),
    error &&
      h(
        'div',
        { class: 'error-box' },
        h('b', null, t('shards.last-error')),
        h('p', { lang: 'en', class: 'long' }, prose(error.message)),
        error.hint && h('p', { class: 'hint', lang: 'en' }, prose(error.hint)),
      ),
  ];
}
