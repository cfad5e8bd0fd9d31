// The dashboard in a browser, over a real coordinator and worker, from the first job to the last index entry.
//
//     TAMIS_TEST_BINARY=target/release/tamis node drive.mjs [FOLDER]
//
// With FOLDER, pictures of every page are left there, at three widths and in both themes. README.md names the variables.

import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { absence } from './absence.mjs';
import { writeCorpus, writeHostile } from './corpus.mjs';
import { harm } from './harm.mjs';
import { roles } from './roles.mjs';
import { Stage, say } from './stage.mjs';
import { story } from './story.mjs';

const TOKENIZER = fileURLToPath(new URL('../../examples/finance-zh/tokenizer.json', import.meta.url));
const { TAMIS_TEST_BINARY: binary, TAMIS_TEST_SOURCES: sources, TAMIS_TEST_MEGABYTES: megabytes = '200' } = process.env;
const pictures = process.argv[2] ?? null;
if (!binary) {
  console.error('error: TAMIS_TEST_BINARY must name the command `tamis`');
  console.error('hint: cargo build --release, then TAMIS_TEST_BINARY=target/release/tamis');
  process.exit(2);
}

if (pictures) await mkdir(pictures, { recursive: true });
const stage = await Stage.build({ binary, hasSources: Boolean(sources), pictures });
// Who ends this ends what it started.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stage.strike().finally(() => process.exit(1)));
try {
  await writeCorpus(stage.folder, Number(megabytes));
  await writeHostile(join(stage.folder, 'hostile'));
  await copyFile(TOKENIZER, join(stage.folder, 'tokenizer.json'));
  const coordinator = await stage.cluster.coordinator(join(stage.folder, 'data'), stage.folder);
  await story(stage, coordinator);
  await harm(stage, coordinator);
  await absence(stage, coordinator);
  await roles(stage);
  say('all is well');
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await stage.strike();
}
