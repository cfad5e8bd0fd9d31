// A corpus to watch: English and Chinese with exact and near copies, short texts and broken lines; and one that means harm.

import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';

/** The same numbers on every run. */
function numbers(seed) {
  let state = seed;
  return () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0), state / 2 ** 32);
}

const SYLLABLES =
  'ba be bi bo da de di do fa fe ka ke ki ko la le li lo ma me mi mo na ne no pa pe ra re ri ro sa se si so ta te ti to va ve'.split(
    ' ',
  );
const CHINESE =
  '公司年度报告显示收入增长来自北方省份成本保持计划之内董事会审议通过议案并提交股东大会投票表决监管部门要求披露风险管理措施银行贷款利率下调市场需求稳定企业加大研发投入提高产品质量完善治理结构推动业务转型升级';

/** Makes texts out of random words; no two are alike. */
function writer(random) {
  const pick = (list) => list[Math.floor(random() * list.length)];
  const words = Array.from({ length: 4_000 }, () =>
    Array.from({ length: 2 + Math.floor(random() * 3) }, () => pick(SYLLABLES)).join(''),
  );
  const english = () => {
    const sentences = Array.from({ length: 8 + Math.floor(random() * 10) }, () =>
      Array.from({ length: 8 + Math.floor(random() * 8) }, () => pick(words)).join(' '),
    );
    return `The ${sentences.join('. And the ')}.`;
  };
  const chinese = () =>
    Array.from({ length: 10 + Math.floor(random() * 8) }, () =>
      Array.from({ length: 20 + Math.floor(random() * 15) }, () => pick(CHINESE)).join(''),
    ).join('，') + '。';
  return { pick, words, english, chinese };
}

/** The text with a few words or characters changed. */
function varied(text, { pick, words }, random) {
  const isChinese = !text.includes(' ');
  const parts = isChinese ? [...text] : text.split(' ');
  for (let change = 0; change < 3; change++) parts[Math.floor(random() * parts.length)] = isChinese ? pick(CHINESE) : pick(words);
  return parts.join(isChinese ? '' : ' ');
}

/**
 * Writes `megabytes` of JSON lines into two sources, `reports` and `web`.
 * @param {string} folder
 */
export async function writeCorpus(folder, megabytes, seed = 1) {
  const random = numbers(seed);
  const make = writer(random);
  const earlier = [];
  let document = 0;
  for (const [name, part] of [
    ['reports', 0.3],
    ['web', 0.7],
  ]) {
    await mkdir(join(folder, name), { recursive: true });
    const file = createWriteStream(join(folder, name, 'part-0.jsonl'));
    for (let bytes = 0; bytes < megabytes * 1e6 * part;) {
      const draw = random();
      let text;
      if (draw < 0.06 && earlier.length > 0) text = varied(make.pick(earlier), make, random);
      else if (draw < 0.1 && earlier.length > 0) text = make.pick(earlier);
      else if (draw < 0.14) text = make.pick(['Read more', '暂无数据', 'Click here', '…']);
      else text = random() < 0.3 ? make.chinese() : make.english();
      if (draw >= 0.14 && random() < 0.2 && earlier.length < 5_000) earlier.push(text);
      const line =
        document % 5_000 === 17
          ? '{"id": broken\n'
          : `${JSON.stringify({ id: `d${document}`, text, url: `https://example.org/${document}` })}\n`;
      document++;
      bytes += Buffer.byteLength(line);
      if (!file.write(line)) await once(file, 'drain');
    }
    file.end();
    await once(file, 'close');
  }
  return document;
}

/** What would harm a page that shows it as it stands. */
export const HOSTILE =
  '<script>window.harmed = 1</script><img src="https://evil.example/x.png" onerror="window.harmed = 2"> \u202egnp.exe\u202c \u001b[31mred\u001b[0m \u200b {{7*7}} ${7*7} <svg onload=alert(1)> "\'><a href="javascript:alert(2)">link</a> </textarea></title>';

/** Ten documents of harm, each with a near copy, an exact copy and one that is too short. */
export async function writeHostile(folder) {
  const random = numbers(3);
  const make = writer(random);
  const lines = [];
  const add = (id, text, extra = {}) => lines.push(JSON.stringify({ id, text, note: HOSTILE, ...extra }));
  for (let document = 0; document < 10; document++) {
    const text = `${HOSTILE} ${make.english()}`;
    add(`${HOSTILE}-${document}`, text);
    add(`near-${document}-${HOSTILE}`, varied(text, make, random));
    add(`exact-${document}-${HOSTILE}`, text);
    add(`short-${document}-${HOSTILE}`, `<b>${document}</b>\u202e`);
  }
  const word = `${'x'.repeat(500_000)}y${'x'.repeat(500_000)}`;
  const tail = ` ${make.english()}`;
  add('long-word', word + tail);
  add('long-word-copy', word + tail);
  await mkdir(folder, { recursive: true });
  // A name can mean harm, too.
  await writeFile(join(folder, '<img src=x onerror=alert(3)>\u202e{{7*7}}.jsonl'), `${lines.join('\n')}\n`);
}
