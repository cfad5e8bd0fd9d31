import assert from 'node:assert/strict';
import test from 'node:test';
import { STAGES, waterfall } from '../../coordinator/src/http/assets/logic/funnel.js';

const stage = (name, documents) => ({ stage: name, documents, chars: null, bytes: documents * 10, tokens: null });
const job = { phases: [{ phase: 'scan', tasks_total: 4 }] };

test('a published job: each stage against the one before, parts of what was read', () => {
  const left = [100, 99, 99, 90, 90, 80, 60, 50, 50];
  const { rows, whole, estimated } = waterfall(
    { funnel: STAGES.map((name, place) => stage(name, left[place])), final: true, scans: 4, emits: 4 },
    job,
  );
  assert.deepEqual(
    rows.map((row) => row.taken),
    [0, 1, 0, 9, 0, 10, 20, 10, 0],
  );
  assert.equal(whole, 100);
  assert.equal(estimated, false);
  assert.equal(rows[3].left, 0.9);
  assert.equal(rows[3].upTo, 0.99);
  assert.ok(Math.abs(rows[6].ofBefore - 0.25) < 1e-12);
});

test('while it scans, bars are parts of what is to come', () => {
  const { rows, whole, estimated } = waterfall(
    { funnel: [stage('read', 100), stage('parsed', 80)], final: false, scans: 1, emits: 0 },
    job,
  );
  assert.equal(whole, 400);
  assert.equal(estimated, true);
  assert.equal(rows[0].left, 0.25);
  assert.equal(rows[1].left, 0.2);
  assert.equal(rows[1].upTo, 0.25);
  assert.deepEqual(
    rows.map((row) => row.known),
    [true, true, false, false, false, false, false, false, false],
  );
});

test('what is being written was not taken', () => {
  const { rows } = waterfall(
    { funnel: [stage('read', 100), stage('mix', 60), stage('emitted', 6)], final: false, scans: 4, emits: 1 },
    job,
  );
  assert.equal(rows.at(-1).taken, 0);
  assert.equal(rows.at(-1).left, 0.06);
});

test('nothing known, nothing read and a job without shards have no bars', () => {
  for (const figures of [
    null,
    { funnel: [], final: false, scans: 0, emits: 0 },
    { funnel: [stage('read', 0)], final: true, scans: 0, emits: 0 },
  ]) {
    const { rows } = waterfall(figures, { phases: [] });
    assert.ok(rows.every((row) => row.left === 0 && row.upTo === 0));
  }
});
