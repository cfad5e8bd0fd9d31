// The waterfall of a job: what each stage left and what it took.

/** The stages in order, as `JobFigures.funnel` names them. */
export const STAGES = ['read', 'parsed', 'cleaned', 'filtered', 'index', 'exact', 'near', 'mix', 'emitted'];

/**
 * @typedef {{stage: string, documents: number, chars: number|null, bytes: number, tokens: number|null}} Stage
 * @typedef {{stage: string, known: boolean, documents: number, taken: number, ofBefore: number, left: number, upTo: number,
 *   chars: number|null, bytes: number, tokens: number|null}} Row `left` and `upTo` are parts of the whole, 0 to 1
 */

/**
 * The rows of the waterfall. While a job runs its bars are parts of what it will have read by its end, estimated from the
 * shards that are done, so that they grow to their full length.
 * @param {{funnel: Stage[], final: boolean, scans: number, emits: number} | null} figures
 * @param {{phases: {phase: string, tasks_total: number}[]} | null} job
 * @returns {{rows: Row[], whole: number, estimated: boolean}}
 */
export function waterfall(figures, job) {
  const known = new Map((figures?.funnel ?? []).map((stage) => [stage.stage, stage]));
  const read = known.get('read')?.documents ?? 0;
  const share = figures?.final ? 1 : scanned(figures, job);
  const whole = share > 0 ? read / share : 0;
  let before = 0;
  const rows = STAGES.map((name) => {
    const stage = known.get(name);
    if (!stage) return row(name, { known: false });
    const isFirst = name === 'read';
    // What is being written is not yet all that will be: nothing was taken.
    const isPartial = name === 'emitted' && !figures?.final;
    const upTo = isFirst ? stage.documents : before;
    const taken = isPartial ? 0 : Math.max(0, upTo - stage.documents);
    if (!isPartial) before = stage.documents;
    const part = (/** @type {number} */ number) => (whole > 0 ? Math.min(1, number / whole) : 0);
    return row(name, {
      known: true,
      documents: stage.documents,
      taken,
      ofBefore: upTo > 0 ? taken / upTo : 0,
      left: part(stage.documents),
      upTo: part(stage.documents + taken),
      chars: stage.chars,
      bytes: stage.bytes,
      tokens: stage.tokens,
    });
  });
  return { rows, whole, estimated: share < 1 };
}

/** The share of the scans that the figures are of. */
function scanned(figures, job) {
  const total = job?.phases.find((phase) => phase.phase === 'scan')?.tasks_total ?? 0;
  if (!figures || total === 0) return 1;
  return Math.min(1, figures.scans / total);
}

/** @returns {Row} */
function row(stage, facts) {
  const none = { documents: 0, taken: 0, ofBefore: 0, left: 0, upTo: 0, chars: null, bytes: 0, tokens: null };
  return { stage, ...none, ...facts };
}
