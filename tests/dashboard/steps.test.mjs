import assert from 'node:assert/strict';
import test from 'node:test';
import { isOver, steps } from '../../coordinator/src/http/assets/logic/steps.js';

const scan = (done) => ({ phase: 'scan', tasks_total: 4, tasks_done: done, bytes_total: 400, bytes_done: 100 * done });
const emit = (done) => ({ ...scan(done), phase: 'emit' });
const standings = (state, ...phases) =>
  steps({ state, phases })
    .map((step) => step.standing)
    .join(' ');

test('each state has its step', () => {
  assert.equal(standings('planning'), 'now ahead ahead ahead ahead ahead');
  assert.equal(standings('scanning', scan(1)), 'done now ahead ahead ahead ahead');
  assert.equal(standings('waiting', scan(4)), 'done done waits ahead ahead ahead');
  assert.equal(standings('emitting', scan(4), emit(1)), 'done done done done now ahead');
  assert.equal(standings('published', scan(4), emit(4)), 'done done done done done done');
});

test('a job that ended early ended where its phases say', () => {
  assert.equal(standings('failed'), 'stopped ahead ahead ahead ahead ahead');
  assert.equal(standings('cancelled', scan(2)), 'done stopped ahead ahead ahead ahead');
  assert.equal(standings('failed', scan(4)), 'done done stopped ahead ahead ahead');
  assert.equal(standings('failed', scan(4), emit(2)), 'done done done done stopped ahead');
  assert.equal(standings('failed', scan(4), emit(4)), 'done done done done done stopped');
});

test('the part of a phase goes by bytes, by tasks where bytes are not known', () => {
  assert.equal(steps({ state: 'scanning', phases: [scan(1)] })[1].part, 0.25);
  assert.equal(steps({ state: 'scanning', phases: [{ ...scan(3), bytes_total: 0 }] })[1].part, 0.75);
  assert.equal(steps({ state: 'resolving', phases: [scan(4)] })[2].part, null);
});

test('only the last three states are the end', () => {
  const over = [
    'planning',
    'scanning',
    'waiting',
    'resolving',
    'mixing',
    'emitting',
    'publishing',
    'published',
    'failed',
    'cancelled',
  ].filter((state) => isOver({ state }));
  assert.deepEqual(over, ['published', 'failed', 'cancelled']);
});
