import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { isHidden, visible } from '../../coordinator/src/http/assets/logic/escape.js';

test('what is hidden is shown by its number', () => {
  assert.equal(visible('a\u202eb\u200b\u001b[31m\ufeff'), 'a⟨U+202E⟩b⟨U+200B⟩⟨U+001B⟩[31m⟨U+FEFF⟩');
  assert.equal(visible('\u{e0041}'), '⟨U+E0041⟩');
  assert.equal(visible('a\u0000\r'), 'a⟨U+0000⟩⟨U+000D⟩');
});

test('line feeds, tabs and what is seen stay', () => {
  const text = '两行\n\t文字 <b> {{7*7}} é 👩‍';
  assert.equal(visible('两行\n\t文字 <b> {{7*7}} é'), '两行\n\t文字 <b> {{7*7}} é');
  assert.equal(visible(text), text.replace('\u200d', '⟨U+200D⟩'));
});

test('the rule is that of the report', async () => {
  const rust = await readFile(new URL('../../coordinator/src/report/html/escape.rs', import.meta.url), 'utf8');
  const body = rust.slice(rust.indexOf('matches!('), rust.indexOf('/// The text for a place'));
  const ranges = [...body.matchAll(/'\\u\{([0-9a-f]+)\}'(?:\.\.='\\u\{([0-9a-f]+)\}')?/g)].map(([, from, to]) => [
    parseInt(from, 16),
    parseInt(to ?? from, 16),
  ]);
  assert.ok(ranges.length > 8, `too few ranges were read: ${ranges.length}`);
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const isControl = code < 0x20 || (code >= 0x7f && code <= 0x9f);
    const hidden = isControl || ranges.some(([from, to]) => code >= from && code <= to);
    if (isHidden(String.fromCodePoint(code)) !== hidden)
      assert.fail(`U+${code.toString(16)} should be ${hidden ? 'hidden' : 'seen'}`);
  }
});
