// How far a job is: a short bar of its steps for lists, and a row a step for its own page.

import { attribute, h, setText } from '../dom.js';
import * as format from '../format.js';
import { STEPS, phaseOf, steps } from '../logic/steps.js';
import { t } from '../text.js';
import { progress } from './bar.js';
import { sign } from './sign.js';

/** A bar with a segment a step. */
export function stepBar() {
  const segments = STEPS.map((step) => h('span', { class: step }, h('i')));
  const bar = h('div', { class: 'steps', 'aria-hidden': 'true' }, segments);
  const words = h('span', { class: 'soft' });
  const el = h('div', { class: 'progress' }, bar, words);
  return {
    el,
    update(job) {
      const all = steps(job);
      bar.dataset.state = job.state;
      all.forEach(({ standing, part }, place) => {
        const [segment, fill] = [segments[place], segments[place].firstElementChild];
        if (segment.dataset.standing !== standing) segment.dataset.standing = standing;
        const width = `${(100 * (part ?? 1)).toFixed(1)}%`;
        if (fill.style.width !== width) fill.style.width = width;
      });
      setText(words, summary(job, all));
    },
  };
}

/** In a few words where a job is. */
function summary(job, all) {
  const here = all.find(({ standing }) => standing !== 'done' && standing !== 'ahead');
  if (!here) return job.ended_at_ms ? t('took', { span: took(job) }) : '';
  const name = t(`step.${here.step}`);
  if (here.standing === 'stopped') return t('stopped-in', { step: name });
  const phase = phaseOf(job, here.step);
  return phase && here.part !== null ? `${name} ${format.progress(here.part)}` : name;
}

export function took(job) {
  return format.duration((job.ended_at_ms - (job.started_at_ms || job.submitted_at_ms)) / 1000);
}

/** A row a step: what it does, how far it is, how fast, how long yet. */
export function stepRows() {
  const rows = STEPS.map((step) => stepRow(step));
  const el = h(
    'ol',
    { class: 'step-rows' },
    rows.map((row) => row.el),
  );
  return {
    el,
    update(job) {
      steps(job).forEach((facts, place) => rows[place].update(job, facts));
    },
  };
}

function stepRow(step) {
  const mark = h('span', { class: 'mark' });
  const bar = progress(t(`step.${step}`));
  const figures = h('p', { class: 'figures' });
  const speed = h('p', { class: 'speed' });
  const standingWords = h('span', { class: 'unseen' });
  const el = h(
    'li',
    { class: 'step-row' },
    mark,
    h(
      'div',
      { class: 'what' },
      h('b', null, t(`step.${step}`)),
      standingWords,
      h('span', { class: 'soft' }, t(`step.${step}.does`)),
    ),
    bar.el,
    figures,
    speed,
  );
  let shown = null;
  return {
    el,
    update(job, { standing, part }) {
      if (shown !== standing) {
        shown = standing;
        el.dataset.standing = standing;
        const failed = standing === 'stopped' && job.state === 'failed';
        const kinds = { done: 'good', now: 'busy', waits: 'waits', stopped: failed ? 'bad' : 'stopped', ahead: 'neutral' };
        mark.replaceChildren(sign(kinds[standing]));
        setText(standingWords, ` (${t(`standing.${standing}`)}) `);
        attribute(el, 'aria-current', standing === 'now' || standing === 'waits' ? 'step' : null);
      }
      const phase = phaseOf(job, step);
      const words = standing === 'ahead' ? t('standing.ahead') : (phaseFigures(phase, part) ?? t(`standing.${standing}`));
      bar.set(standing === 'now' ? part : (part ?? 0), words);
      setText(figures, words);
      setText(speed, standing === 'now' && phase ? pace(job) : '');
    },
  };
}

function phaseFigures(phase, part) {
  if (!phase) return null;
  const facts = { done: format.count(phase.tasks_done), total: format.count(phase.tasks_total) };
  const isDone = phase.tasks_done === phase.tasks_total;
  const pieces = isDone ? [t('shards', { n: phase.tasks_total })] : [format.progress(part ?? 0), t('of-shards', facts)];
  if (phase.records_done > 0) pieces.push(t('records', { n: phase.records_done }));
  if (phase.bytes_total > 0) {
    const total = format.bytes(phase.bytes_total);
    pieces.push(isDone ? total : t('bytes-of', { done: format.bytes(phase.bytes_done), total }));
  }
  return pieces.join(' · ');
}

function pace(job) {
  if (!(job.bytes_per_second > 0)) return '';
  const rate = format.rate(job.bytes_per_second);
  return job.eta_seconds > 0 ? `${rate} · ${t('left', { span: format.duration(job.eta_seconds) })}` : rate;
}
