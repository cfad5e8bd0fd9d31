// The steps of a job, from what its status says.

/** In order. */
export const STEPS = ['plan', 'scan', 'resolve', 'mix', 'emit', 'publish'];

/** The states in which a job is under way. */
export const ACTIVE = ['planning', 'scanning', 'resolving', 'mixing', 'emitting', 'publishing'];

const STEP_OF = {
  planning: 'plan',
  scanning: 'scan',
  waiting: 'resolve',
  resolving: 'resolve',
  mixing: 'mix',
  emitting: 'emit',
  publishing: 'publish',
};

/** Whether a job has ended: published, failed or cancelled. */
export function isOver(job) {
  return !(job.state in STEP_OF);
}

/** The part of a phase that is done, 0 to 1. */
export function done(phase) {
  if (!phase) return 0;
  if (phase.bytes_total > 0) return Math.min(1, phase.bytes_done / phase.bytes_total);
  return phase.tasks_total > 0 ? phase.tasks_done / phase.tasks_total : 0;
}

/** @param {string} name scan or emit */
export function phaseOf(job, name) {
  return job.phases.find((phase) => phase.phase === name) ?? null;
}

/** The step in which a job is or, if it ended early, in which it ended. */
function reached(job) {
  if (job.state in STEP_OF) return STEP_OF[job.state];
  const scan = phaseOf(job, 'scan');
  const emit = phaseOf(job, 'emit');
  if (!scan) return 'plan';
  if (scan.tasks_done < scan.tasks_total) return 'scan';
  if (!emit) return 'resolve';
  return emit.tasks_done < emit.tasks_total ? 'emit' : 'publish';
}

/**
 * @typedef {'done' | 'now' | 'waits' | 'stopped' | 'ahead'} Standing
 * @returns {{step: string, standing: Standing, part: number | null}[]} `part`: 0 to 1; null: it cannot be told
 */
export function steps(job) {
  const here = STEPS.indexOf(reached(job));
  return STEPS.map((step, place) => {
    if (job.state === 'published' || place < here) return { step, standing: 'done', part: 1 };
    const phase = phaseOf(job, step);
    if (place > here) return { step, standing: 'ahead', part: 0 };
    const standing = isOver(job) ? 'stopped' : job.state === 'waiting' ? 'waits' : 'now';
    return { step, standing, part: phase ? done(phase) : null };
  });
}
