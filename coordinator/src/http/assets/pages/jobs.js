// All jobs, newest first.

import * as api from '../api.js';
import { attribute, h, keyed, setChildren, setText } from '../dom.js';
import * as format from '../format.js';
import { ACTIVE, isOver } from '../logic/steps.js';
import { pager } from '../parts/pager.js';
import { problem } from '../parts/note.js';
import { prose } from '../parts/prose.js';
import { stateBadge } from '../parts/state.js';
import { stepBar } from '../parts/steps.js';
import { cell, rowOf, table } from '../parts/table.js';
import { tiles } from '../parts/tiles.js';
import { when } from '../parts/when.js';
import { bar } from '../parts/bar.js';
import { href, replace } from '../router.js';
import { t } from '../text.js';

const PAGE = 50;
/** How long a typed filter rests before it is asked for, and how often a page is asked for anew while jobs change. */
const [TYPED_MS, ANEW_MS] = [250, 2_000];

/** The states behind each choice. */
const CHOICES = {
  all: [],
  active: ACTIVE,
  waiting: ['waiting'],
  published: ['published'],
  failed: ['failed'],
  cancelled: ['cancelled'],
};

export function jobsPage(ctx) {
  const query = ctx.route.query;
  let choice = query.get('state') in CHOICES ? query.get('state') : 'all';
  let text = query.get('text') ?? '';
  let jobs = [];
  let overview = ctx.overview();
  let asked = 0;
  let timer = 0;
  let lastAskedMs = 0;
  let isLoaded = false;

  const figures = overviewTiles();
  const chips = stateChips(choice, (next) => {
    choice = next;
    anew();
  });
  const search = h('input', {
    type: 'search',
    id: 'jobs-text',
    placeholder: t('jobs.search'),
    autocomplete: 'off',
    spellcheck: 'false',
    props: { value: text },
    on: {
      input: () => {
        text = search.value.trim();
        later(TYPED_MS, anew);
      },
    },
  });
  const heads = [
    { text: t('jobs.job') },
    { text: t('jobs.state') },
    { text: t('jobs.progress') },
    { text: t('jobs.rate'), kind: 'number' },
    { text: t('jobs.left'), kind: 'number' },
    { text: t('jobs.submitted'), kind: 'number' },
  ];
  const list = table(t('jobs.caption'), heads, 'jobs');
  const nothing = h('p', { class: 'empty', role: 'status' });
  const pages = pager(() => load());
  const el = h(
    'div',
    { class: 'page' },
    h(
      'div',
      { class: 'page-head' },
      h('h1', { tabindex: -1 }, t('jobs.title')),
      ctx.can('submit') && h('a', { class: 'button primary', href: href(['submit']) }, t('jobs.submit')),
    ),
    figures.el,
    h(
      'div',
      { class: 'filters', role: 'search' },
      chips.el,
      h('label', { class: 'field', for: 'jobs-text' }, h('span', { class: 'unseen' }, t('jobs.search')), search),
    ),
    list.el,
    nothing,
    pages.el,
  );

  const later = (ms, act) => {
    clearTimeout(timer);
    timer = setTimeout(act, ms);
  };

  const anew = () => {
    pages.reset();
    replace(['jobs'], { state: choice === 'all' ? null : choice, text });
    load();
  };

  const load = async () => {
    clearTimeout(timer);
    const call = ++asked;
    lastAskedMs = Date.now();
    try {
      const states = CHOICES[choice].join(',');
      const found = await api.get(['jobs'], { page_size: PAGE, page_token: pages.token(), state: states, text }, ctx.signal);
      if (call !== asked) return;
      isLoaded = true;
      jobs = found.jobs;
      const first = pages.place() * PAGE + 1;
      pages.update(found.next_page_token, jobs.length > 0 ? range(first, first + jobs.length - 1) : '');
      show();
    } catch (error) {
      // Without an answer the head of the page says so already.
      if (error.status !== 0 && error.status !== 401) problem(error);
    }
  };

  const range = (first, last) => {
    const known = text === '' && overview ? sum(overview.jobs, CHOICES[choice]) : null;
    const facts = { first: format.count(first), last: format.count(last), total: format.count(known) };
    return known === null ? t('page.range', facts) : t('page.range-of', facts);
  };

  const show = () => {
    keyed(
      list.body,
      jobs,
      (job) => job.job_id,
      (job) => jobRow(heads, job),
    );
    list.el.hidden = jobs.length === 0;
    const isFiltered = choice !== 'all' || text !== '';
    setChildren(nothing, jobs.length > 0 || !isLoaded ? null : prose(isFiltered ? t('jobs.none-such') : t('jobs.none')));
    nothing.hidden = jobs.length > 0 || !isLoaded;
  };

  const matches = (job) => {
    const states = CHOICES[choice];
    return states.length === 0 || states.includes(job.state);
  };

  /** Changed jobs: those of the page are shown at once; what comes or goes is asked for. */
  const changed = (list) => {
    if (!isLoaded) return;
    const places = new Map(jobs.map((job, place) => [job.job_id, place]));
    let isOther = false;
    for (const job of list) {
      const place = places.get(job.job_id);
      if (place !== undefined) {
        jobs[place] = job;
        isOther ||= !matches(job);
      } else {
        isOther ||= pages.isFirst() && matches(job) && (jobs.length === 0 || job.job_id > jobs[0].job_id || choice !== 'all');
      }
    }
    show();
    if (isOther) later(Math.max(0, lastAskedMs + ANEW_MS - Date.now()), load);
  };

  const told = (next) => {
    overview = next;
    figures.update(next);
    chips.update(next);
  };
  if (overview) told(overview);
  load();
  ctx.whenBack(load);
  ctx.listen(['events'], { jobs: changed, overview: told });
  // Ages and times that are left go on without news.
  const clock = setInterval(show, 10_000);

  return {
    el,
    title: t('jobs.title'),
    destroy() {
      clearInterval(clock);
      clearTimeout(timer);
    },
  };
}

const sum = (jobs, states) =>
  (states.length > 0 ? states : Object.keys(jobs)).reduce((all, state) => all + (jobs[state] ?? 0), 0);

function overviewTiles() {
  const slots = bar(['s0'], { class: 'bar thin' });
  const disk = bar(['s4'], { class: 'bar thin' });
  const made = tiles([
    { id: 'active', label: t('tile.active') },
    { id: 'ended', label: t('tile.published') },
    { id: 'slots', label: t('tile.slots'), extra: slots.el },
    { id: 'disk', label: t('tile.disk'), extra: disk.el },
  ]);
  /** The disk with the least room: a full one stops jobs, whichever it is. */
  const showDisk = (disks) => {
    const known = Object.entries(disks).filter(([, found]) => found);
    if (known.length === 0) {
      made.set('disk', format.NONE);
      return;
    }
    const [name, { free, size }] = known.reduce((least, other) => (other[1].free < least[1].free ? other : least));
    made.set('disk', format.bytes(free), t('tile.disk-of', { size: format.bytes(size), name: t(`disk.${name}`) }));
    disk.set([size > 0 ? 1 - free / size : 0]);
  };
  return {
    el: made.el,
    update(overview) {
      const { jobs, workers, slots: all, slots_busy: busy } = overview;
      const waiting = jobs.waiting ?? 0;
      made.set('active', format.count(sum(jobs, ACTIVE)), waiting > 0 ? t('tile.waiting', { n: waiting }) : '');
      const ended = [
        jobs.failed > 0 && t('tile.failed', { n: jobs.failed }),
        jobs.cancelled > 0 && t('tile.cancelled', { n: jobs.cancelled }),
      ];
      made.set('ended', format.count(jobs.published ?? 0), ended.filter(Boolean).join(' · '));
      made.set(
        'slots',
        t('tile.slots-of', { busy: format.count(busy), all: format.count(all) }),
        workers === 0 ? t('tile.no-workers') : t('tile.workers', { n: workers }),
      );
      slots.set([all > 0 ? busy / all : 0]);
      showDisk(overview.disk);
    },
  };
}

/** Choices with how many jobs each has; one is chosen. */
function stateChips(chosen, onChoose) {
  const counts = new Map();
  const inputs = Object.keys(CHOICES).map((choice) => {
    counts.set(choice, h('span', { class: 'count' }));
    const input = h('input', {
      type: 'radio',
      name: 'jobs-state',
      value: choice,
      props: { checked: choice === chosen },
      on: { change: () => onChoose(choice) },
    });
    return h('label', { class: 'chip' }, input, h('span', null, t(`choice.${choice}`)), ' ', counts.get(choice));
  });
  return {
    el: h('fieldset', { class: 'chips' }, h('legend', { class: 'unseen' }, t('jobs.by-state')), inputs),
    update(overview) {
      for (const [choice, states] of Object.entries(CHOICES))
        setText(counts.get(choice), format.count(sum(overview.jobs, states)));
    },
  };
}

function jobRow(heads, job) {
  const badge = stateBadge(job.state);
  const steps = stepBar();
  const age = when(job.submitted_at_ms);
  const link = h('a', { href: href(['jobs', job.job_id]), class: 'job-name', title: job.name }, job.name);
  const message = h('span', { class: 'message soft', lang: 'en' });
  const rate = cell(heads, 3);
  const left = cell(heads, 4);
  const el = rowOf(
    cell(heads, 0, link, h('code', { class: 'id' }, job.job_id)),
    cell(heads, 1, badge.el, message),
    cell(heads, 2, steps.el),
    rate,
    left,
    cell(heads, 5, age.el),
  );
  return {
    el,
    update(job) {
      badge.update(job.state);
      setText(message, job.state === 'published' ? '' : job.message);
      attribute(message, 'title', job.message);
      steps.update(job);
      const isRunning = !isOver(job) && job.bytes_per_second > 0;
      figure(rate, isRunning ? format.rate(job.bytes_per_second) : format.NONE);
      figure(left, isRunning && job.eta_seconds > 0 ? format.duration(job.eta_seconds) : format.NONE);
      age.update(job.submitted_at_ms);
    },
  };
}

/** A figure; a cell without one can be left out where there is little room. */
function figure(cell, text) {
  setText(cell, text);
  cell.classList.toggle('nil', text === format.NONE);
}
